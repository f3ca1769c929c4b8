"""ASGI middleware for vLLM's OpenAI-compatible server: writes the ``x-meterhouse-*`` headers into the
request.

``vllm serve MODEL --middleware gpu_probe.integrations.vllm_server.VllmMiddleware``. The engine works in
another process, so the labels travel in the body's ``vllm_xargs``, which vLLM hands on as
``SamplingParams.extra_args``.
"""

from __future__ import annotations

import json
from typing import Any

from .asgi import App, Message, Receive, Scope, Send
from .labels import PROJECT, SESSION, TENANT, USER, clean_label, header_text

_PATHS = ("/v1/completions", "/v1/chat/completions")
_HEADERS = {name: name.replace("x-meterhouse-", "meterhouse_") for name in (TENANT, PROJECT, USER, SESSION)}


class VllmMiddleware:
    """What a caller has written under these names in ``vllm_xargs`` is replaced: the headers alone
    count."""

    def __init__(self, app: App) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] != "POST" or _is_upload(scope):
            await self._app(scope, receive, send)
            return
        labels = _labels(scope)
        read: list[Message] = []
        body = b""
        while True:
            message = await receive()
            read.append(message)
            body += message.get("body", b"")
            if message["type"] != "http.request" or not message.get("more_body", False):
                break
        if read[-1]["type"] == "http.request":
            body = _with_labels(body, labels, scope["path"].endswith(_PATHS))
            read = [{"type": "http.request", "body": body, "more_body": False}]

        async def receive_labelled() -> Message:
            return read.pop(0) if read else await receive()

        await self._app(
            {**scope, "headers": _with_length(scope["headers"], len(body))}, receive_labelled, send
        )


def _labels(scope: Scope) -> dict[str, str]:
    labels = {}
    for name, value in scope["headers"]:
        key = _HEADERS.get(bytes(name).decode("latin-1").lower())
        text = clean_label(header_text(value))
        if key and text:
            labels[key] = text
    return labels


def _is_upload(scope: Scope) -> bool:
    return any(
        bytes(name).lower() == b"content-type" and bytes(value).lower().startswith(b"multipart/")
        for name, value in scope["headers"]
    )


def _with_labels(body: bytes, labels: dict[str, str], always: bool) -> bytes:
    """With the labels in ``vllm_xargs``; on paths that may not know that field only where it is there
    already."""
    try:
        document = json.loads(body)
    except ValueError:
        return body  # vLLM has its own words for a body that is no JSON
    if not isinstance(document, dict):
        return body
    given = document.get("vllm_xargs")
    if (given is None and not always) or not isinstance(given, (dict, type(None))):
        return body
    extra: dict[str, Any] = {
        key: value for key, value in (given or {}).items() if key not in _HEADERS.values()
    }
    document["vllm_xargs"] = {**extra, **labels}
    return json.dumps(document, separators=(",", ":")).encode()


def _with_length(headers: Any, length: int) -> list[Any]:
    kept = [
        (name, value)
        for name, value in headers
        if bytes(name).lower() not in (b"content-length", b"transfer-encoding")
    ]
    return [*kept, (b"content-length", str(length).encode())]
