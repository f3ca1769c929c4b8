"""ASGI middleware for vLLM's OpenAI-compatible server: writes the ``x-meterhouse-*`` headers into the
request.

``vllm serve MODEL --middleware gpu_probe.integrations.vllm_server.VllmMiddleware``. The engine works in
another process, so the labels travel in the body's ``vllm_xargs``, which vLLM hands on as
``SamplingParams.extra_args``, and on routes that have no such field in the request id.
"""

from __future__ import annotations

import json
import logging
import os
import uuid
from pathlib import Path
from typing import Any

from ..labels import clean_label
from ..live.inquiry import ask_soon, journals_of
from ..live.questions import Question
from ..session_token import token_or_none
from ..usage import Usage
from .answer import Answering, AnsweringSend, answering
from .asgi_types import App, Message, Receive, Scope, Send
from .labels import SESSION_TOKEN, header_text
from .vllm_forms import with_labels
from .vllm_labels import KEYS, TICKET, carries_labels, request_id

# Routes of vLLM 0.33 whose requests have ``vllm_xargs``. Older versions, which lack it on some of them, take
# no notice of it there.
XARGS_PATHS = (
    "/v1/completions",
    "/v1/chat/completions",
    "/v1/chat/completions/batch",
    "/v1/responses",
    "/v1/messages",
    "/v1/audio/transcriptions",
    "/v1/audio/translations",
)
# Routes that take a request id from ``x-request-id``: labels travel there.
CARRIER_PATHS = (
    "/v1/chat/completions/batch",
    "/v1/embeddings",
    "/v2/embed",
    "/pooling",
    "/classify",
    "/score",
    "/v1/score",
    "/rerank",
    "/v1/rerank",
    "/v2/rerank",
    "/generative_scoring",
    "/v1/decisions",
    "/cohere/v2/chat",
    "/inference/v1/generate",
    "/invocations",
)
# Routes that do inference and hand no labels on.
UNLABELLED_PATHS = ("/v1/realtime", "/v1/systemone")
SETTING = "GPU_PROBE_VLLM_UNLABELLED"
STATE_DIR = "GPU_PROBE_STATE_DIR"
log = logging.getLogger(__name__)


class _Meters:
    """Those of the engine's processes: each rank has one."""

    def __init__(self, state_dir: Path, how: Answering) -> None:
        self._state_dir = state_dir
        self._how = how

    async def usage(self, ticket: str) -> Usage:
        """What all sessions of a request have used, on all ranks."""
        journals = journals_of(self._state_dir)
        return await ask_soon(journals, Question(ticket=ticket), self._how.wait_s, self._how.settled)


class VllmMiddleware:
    """What a caller has written under these names in ``vllm_xargs``, or in the form of ours as a request id,
    is replaced: the headers alone count.

    GPU_PROBE_VLLM_UNLABELLED: ``serve`` (default) books routes that hand no labels on to the tenant
    ``unknown``, ``refuse`` answers them with 403. GPU_PROBE_ANSWER: answers say what their request has used,
    see ``answering``; the meters of the engine's processes are found in GPU_PROBE_STATE_DIR. Raises
    ValueError for other values.
    """

    def __init__(self, app: App) -> None:
        self._app = app
        unlabelled = os.environ.get(SETTING, "serve")
        if unlabelled not in ("serve", "refuse"):
            raise ValueError(f"{SETTING} is serve or refuse, not {unlabelled!r}")
        self._refuses = unlabelled == "refuse"
        self._meters = _meters()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        if self._refuses and scope["path"].endswith(UNLABELLED_PATHS):
            await _refuse(scope, send)
            return
        labels = _labels(scope)
        meters = self._meters
        if meters is not None and _is_answered(scope):
            ticket = labels[TICKET] = uuid.uuid4().hex
            send = AnsweringSend(scope, send, lambda: meters.usage(ticket))
        scope = {**scope, "headers": _with_request_id(scope, labels)}
        if scope["type"] != "http" or scope["method"] != "POST":
            await self._app(scope, receive, send)
            return
        read, body = await _read(receive)
        if read[-1]["type"] == "http.request":
            always = scope["path"].endswith(XARGS_PATHS)
            body, content_type = with_labels(body, _header(scope, b"content-type"), labels, always)
            scope["headers"] = _with_body(scope["headers"], len(body), content_type)
            read = [{"type": "http.request", "body": body, "more_body": False}]

        async def receive_labelled() -> Message:
            return read.pop(0) if read else await receive()

        await self._app(scope, receive_labelled, send)


def _meters() -> _Meters | None:
    how = answering(None)
    if how is None:
        return None
    if not os.environ.get(STATE_DIR):
        log.warning("no answer says what it has used: set %s, for this process and the engine's", STATE_DIR)
        return None
    return _Meters(Path(os.environ[STATE_DIR]), how)


def _is_answered(scope: Scope) -> bool:
    """The routes whose labels reach the engine."""
    is_post = scope["type"] == "http" and scope["method"] == "POST"
    return bool(is_post and scope["path"].endswith(XARGS_PATHS + CARRIER_PATHS))


async def _read(receive: Receive) -> tuple[list[Message], bytes]:
    read: list[Message] = []
    parts: list[bytes] = []
    while True:
        message = await receive()
        read.append(message)
        parts.append(message.get("body", b""))
        if message["type"] != "http.request" or not message.get("more_body", False):
            return read, b"".join(parts)


async def _refuse(scope: Scope, send: Send) -> None:
    if scope["type"] == "websocket":
        await send({"type": "websocket.close", "code": 1008})
        return
    text = f"{scope['path']} hands no labels to the engine and {SETTING} is refuse: use another route"
    body = json.dumps({"error": {"message": text, "code": 403}}).encode()
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": 403, "headers": headers})
    await send({"type": "http.response.body", "body": body})


def _labels(scope: Scope) -> dict[str, str]:
    labels = {}
    for name, value in scope["headers"]:
        header = header_text(name).lower()
        if header not in KEYS:
            continue
        clean = token_or_none if header == SESSION_TOKEN else clean_label
        text = clean(header_text(value))
        if text:
            labels[KEYS[header]] = text
    return labels


def _header(scope: Scope, name: bytes) -> str:
    values = [header_text(value) for key, value in scope["headers"] if bytes(key).lower() == name]
    return values[0] if values else ""


def _with_request_id(scope: Scope, labels: dict[str, str]) -> list[Any]:
    """Always one of ours on routes where it carries labels: a body may name a request id as well, and a
    header comes before it. Elsewhere a caller's own, unless it has the form of ours."""
    given = _header(scope, b"x-request-id")
    carries = scope["path"].endswith(CARRIER_PATHS)
    if not carries and not carries_labels(given):
        return list(scope["headers"])
    own = request_id(labels if carries else {}, given)
    kept = [pair for pair in scope["headers"] if bytes(pair[0]).lower() != b"x-request-id"]
    return [*kept, (b"x-request-id", own.encode("latin-1"))]


def _with_body(headers: Any, length: int, content_type: str | None) -> list[Any]:
    replaced = [b"content-length", b"transfer-encoding"]
    added = [(b"content-length", str(length).encode())]
    if content_type is not None:
        replaced.append(b"content-type")
        added.append((b"content-type", content_type.encode("latin-1")))
    return [*(pair for pair in headers if bytes(pair[0]).lower() not in replaced), *added]
