"""ASGI middleware for vLLM's OpenAI-compatible server: writes the ``x-meterhouse-*`` headers into the
request.

``vllm serve MODEL --middleware gpu_probe.integrations.vllm_server.VllmMiddleware``. The engine works in
another process, so the labels travel in the body's ``vllm_xargs``, which vLLM hands on as
``SamplingParams.extra_args``.
"""

from __future__ import annotations

import json
from typing import Any, Dict, List

from .asgi import App, Message, Receive, Scope, Send
from .labels import PROJECT, SESSION, TENANT, USER, clip

_PATHS = ("/v1/completions", "/v1/chat/completions")
_HEADERS = {name: name.replace("x-meterhouse-", "meterhouse_") for name in (TENANT, PROJECT, USER, SESSION)}


class VllmMiddleware:
    """What a caller has written under these names in ``vllm_xargs`` is replaced: the headers alone
    count."""

    def __init__(self, app: App) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] != "POST" or not scope["path"].endswith(_PATHS):
            await self._app(scope, receive, send)
            return
        labels = _labels(scope)
        read: List[Message] = []
        body = b""
        while True:
            message = await receive()
            read.append(message)
            body += message.get("body", b"")
            if message["type"] != "http.request" or not message.get("more_body", False):
                break
        if read[-1]["type"] == "http.request":
            body = _labelled(body, labels)
            read = [{"type": "http.request", "body": body, "more_body": False}]

        async def receive_labelled() -> Message:
            return read.pop(0) if read else await receive()

        await self._app({**scope, "headers": _resized(scope["headers"], len(body))}, receive_labelled, send)


def _labels(scope: Scope) -> Dict[str, str]:
    labels = {}
    for name, value in scope["headers"]:
        key = _HEADERS.get(bytes(name).decode("latin-1").lower())
        text = clip(bytes(value).decode("utf-8", "replace"))
        if key and text:
            labels[key] = text
    return labels


def _labelled(body: bytes, labels: Dict[str, str]) -> bytes:
    try:
        document = json.loads(body)
    except ValueError:
        return body  # vLLM has its own words for a body that is no JSON
    if not isinstance(document, dict):
        return body
    given = document.get("vllm_xargs")
    if given is not None and not isinstance(given, dict):
        return body
    extra: Dict[str, Any] = {
        key: value for key, value in (given or {}).items() if key not in _HEADERS.values()
    }
    document["vllm_xargs"] = {**extra, **labels}
    return json.dumps(document, separators=(",", ":")).encode()


def _resized(headers: Any, length: int) -> List[Any]:
    kept = [
        (name, value)
        for name, value in headers
        if bytes(name).lower() not in (b"content-length", b"transfer-encoding")
    ]
    return [*kept, (b"content-length", str(length).encode())]
