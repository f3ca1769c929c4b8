"""Tells a caller what its request has used: in the ``usage`` of a JSON answer or of the last server-sent
event, in headers where the answer begins when the work is done, in trailers where the server has them."""

from __future__ import annotations

import logging
import os
from collections.abc import Mapping
from email.message import Message as MimeHeader
from typing import Any, NamedTuple

from ..usage import Usage, unknown
from .answer_json import figures_of, with_usage
from .answer_stream import Ask, EventStream
from .asgi_types import Message, Scope, Send

log = logging.getLogger(__name__)
SETTING = "GPU_PROBE_ANSWER"
# A JSON answer up to this size is held back until it is whole.
BODY_BYTES_MAX = 1024 * 1024
_TRAILERS = "http.response.trailers"
_PREFIX = "x-meterhouse-"
# What says that a body must stay as it is.
_SEALS = (
    b"etag",
    b"digest",
    b"content-digest",
    b"repr-digest",
    b"content-md5",
    b"content-range",
    b"signature",
)
_reasons: set[str] = set()


class Answering(NamedTuple):
    """How long an answer may wait for its figures, in seconds, and whether for all of them to be settled."""

    wait_s: float
    settled: bool


def answering(usage: bool | str | None, environment: Mapping[str, str] | None = None) -> Answering | None:
    """True: the time is awaited, up to 0.15 s. ``settled``: energy and busy time too, up to 1 s. False: no
    figures. None: by GPU_PROBE_ANSWER, which is 1, settled, 0 or not set. Raises ValueError for others."""
    given = (os.environ if environment is None else environment).get(SETTING, "") if usage is None else usage
    if given in (False, "", "0"):
        return None
    if given in (True, "1"):
        return Answering(0.15, False)
    if given == "settled":
        return Answering(1.0, True)
    raise ValueError(f"{SETTING} is 1, settled or 0, not {given!r}")


class AnsweringSend:
    """In place of a request's ``send``. Changes nothing where ``ask`` has no figures."""

    def __init__(self, scope: Scope, send: Send, ask: Ask) -> None:
        self._send = send
        self._ask = ask
        self._has_trailers = _TRAILERS in (scope.get("extensions") or {})
        self._start: Message | None = None
        self._events: EventStream | None = None
        self._is_json = False
        self._body = b""
        # Trailers of ours, or of the application's with ours among them.
        self._owes_trailers = self._joins_trailers = False

    async def __call__(self, message: Message) -> None:
        kind = message["type"]
        if kind == "http.response.start":
            await self._begin(message)
        elif kind == "http.response.body":
            await self._take(message)
        elif kind == _TRAILERS and self._joins_trailers and not message.get("more_trailers", False):
            headers = [*message.get("headers", ()), *_headers(await self._figures())]
            await self._send({**message, "headers": headers})
        else:
            # A file that the server sends by itself, say.
            await self._release()
            await self._send(message)

    async def _begin(self, message: Message) -> None:
        self._start = message
        headers = {bytes(name).lower(): bytes(value) for name, value in message.get("headers", ())}
        kind = _media_type(headers.get(b"content-type", b""))
        if headers.get(b"content-encoding", b"identity").lower() != b"identity":
            return
        if kind == "text/event-stream" and b"content-length" not in headers:
            self._events = EventStream(self._figures)
            await self._release()
        elif kind == "application/json" or kind.endswith("+json"):
            self._is_json = not any(name in headers for name in _SEALS)

    async def _take(self, message: Message) -> None:
        data, more = message.get("body", b""), message.get("more_body", False)
        if self._start is not None:
            await self._hold(message, data, more)
            return
        if self._events is not None:
            message = {**message, "body": await self._events.feed(bytes(data), not more)}
        await self._send(message)
        if not more and self._owes_trailers:
            headers = _headers(await self._figures())
            await self._send({"type": _TRAILERS, "headers": headers, "more_trailers": False})

    async def _hold(self, message: Message, data: bytes, more: bool) -> None:
        """The answer has not begun: until it is whole, where that is soon."""
        self._body += data
        if not more:
            await self._answer(message)
        elif not self._is_json or len(self._body) > BODY_BYTES_MAX:
            await self._release()
            body, self._body = self._body, b""
            await self._send({**message, "body": body})

    async def _answer(self, message: Message) -> None:
        """All of it is there, and the work is done."""
        start, self._start = self._start, None
        assert start is not None
        usage = await self._figures()
        body = self._body
        headers = list(start.get("headers", ()))
        if usage.gpu_time_ns is not None:
            changed = with_usage(body, usage) if self._is_json and len(body) <= BODY_BYTES_MAX else None
            if changed is not None:
                body = changed
                headers = [_sized(name, value, len(body)) for name, value in headers]
            ours = _headers(usage)
            names = {name for name, _ in ours}
            headers = [*(pair for pair in headers if bytes(pair[0]).lower() not in names), *ours]
        await self._send({**start, "headers": headers})
        await self._send({**message, "body": body})

    async def _release(self) -> None:
        """The answer begins before its work is done."""
        start, self._start = self._start, None
        if start is None:
            return
        if self._has_trailers:
            self._joins_trailers = bool(start.get("trailers", False))
            self._owes_trailers = not self._joins_trailers
            start = {**start, "trailers": True}
        await self._send(start)

    async def _figures(self) -> Usage:
        try:
            usage = await self._ask()
        except Exception as error:
            log.exception("a request's figures cannot be told")
            usage = unknown(str(error))
        if usage.reason is not None and usage.reason not in _reasons and len(_reasons) < 100:
            _reasons.add(usage.reason)
            log.warning("an answer lacks figures: %s", usage.reason)
        return usage


def _headers(usage: Usage) -> list[tuple[bytes, bytes]]:
    """The figures that are known."""
    if usage.gpu_time_ns is None:
        return []
    figures: dict[str, Any] = {**figures_of(usage), "provisional": str(usage.provisional).lower()}
    return [
        ((_PREFIX + name.replace("_", "-")).encode(), str(value).encode())
        for name, value in figures.items()
        if value is not None
    ]


def _sized(name: bytes, value: bytes, length: int) -> tuple[bytes, bytes]:
    return (name, str(length).encode()) if bytes(name).lower() == b"content-length" else (name, value)


def _media_type(value: bytes) -> str:
    header = MimeHeader()
    header["content-type"] = value.decode("latin-1").replace("\n", " ").replace("\r", " ")
    return header.get_content_type()
