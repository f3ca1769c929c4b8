"""ASGI middleware: a session for each request, read from its headers, open until the last byte of its
response.

Written for ASGI 3 (Starlette 0.27 and later, FastAPI 0.100 and later, uvicorn 0.23 and later); needs none
of them. It measures nothing by itself: the engine's steps, or a framework's integration, find the session
with ``probe.current()`` or in ``scope["meterhouse.session"]``.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from ..outcome import outcome_of
from ..protocol import ProbeLike, SessionHandle
from .default import get_probe
from .labels import SESSION, UNKNOWN, Labels, Resolver, from_headers, header_text

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]


def is_inference(scope: Scope) -> bool:
    """POST requests and WebSockets; a health check or a scrape of metrics is no session."""
    return bool(scope["type"] == "websocket" or (scope["type"] == "http" and scope["method"] == "POST"))


class ProbeMiddleware:
    """``select`` says which requests are sessions, ``resolver`` whose they are.

    ``lazy`` is for engines that count prompt tokens: the session is opened by the app, which alone knows them
    when it has read the body, with ``scope["meterhouse.open"](prompt_tokens)``, and not made the current one.

    The response carries the session's id in ``x-meterhouse-session``. Outcomes: a client that went before
    the response was complete is ``cancelled``, as is a cancelled task; status 408 and 504 and TimeoutError
    are ``timeout``, other statuses from 400 on and other exceptions ``error``.
    """

    def __init__(
        self,
        app: App,
        probe: ProbeLike | None = None,
        model: str = UNKNOWN,
        model_version: str = UNKNOWN,
        resolver: Resolver | None = None,
        select: Callable[[Scope], bool] = is_inference,
        lazy: bool = False,
    ) -> None:
        self._app = app
        self._probe = probe
        self._resolve = resolver or (lambda headers: from_headers(headers, model, model_version))
        self._select = select
        self._lazy = lazy

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        labels = None
        if scope["type"] in ("http", "websocket") and self._select(scope):
            labels = self._resolve(headers_of(scope))
        if labels is None:
            await self._app(scope, receive, send)
            return
        probe = self._probe or get_probe()
        exchange = _Exchange(probe, labels, receive, send)
        error: BaseException | None = None
        try:
            if self._lazy:
                await self._app({**scope, "meterhouse.open": exchange.open}, exchange.receive, exchange.send)
            else:
                session = exchange.open()
                with probe.use(session):
                    await self._app({**scope, "meterhouse.session": session}, exchange.receive, exchange.send)
        except BaseException as caught:
            error = caught
            raise
        finally:
            # A request that never came to a session is reported too: it may have been refused, or have run
            # unmeasured.
            exchange.open().close(exchange.outcome(error))


class _Exchange:
    """Watches one request's messages go by."""

    def __init__(self, probe: ProbeLike, labels: Labels, receive: Receive, send: Send) -> None:
        self._probe = probe
        self._labels = labels
        self._session: SessionHandle | None = None
        self._receive = receive
        self._send = send
        self._status = 200
        self._complete = False
        self._gone = False

    def open(self, prompt_tokens: int = 0) -> SessionHandle:
        """The request's session; the first call opens it."""
        if self._session is None:
            self._session = self._probe.open_session(**self._labels.fields(), prompt_tokens=prompt_tokens)
        return self._session

    async def receive(self) -> Message:
        message = await self._receive()
        # Servers also say this when all went well and the response is complete.
        if message["type"] == "http.disconnect" and not self._complete:
            self._gone = True
        return message

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self._status = message["status"]
            name = SESSION.encode()
            headers = [pair for pair in message.get("headers", ()) if bytes(pair[0]).lower() != name]
            value = self.open().session_id.encode("latin-1", "replace")
            message = {**message, "headers": [*headers, (name, value)]}
        last = message["type"] == "http.response.body" and not message.get("more_body", False)
        try:
            await self._send(message)
        except OSError:
            self._gone = True
            raise
        self._complete = self._complete or last

    def outcome(self, error: BaseException | None) -> str:
        if self._gone:
            return "cancelled"
        if error is not None:
            return outcome_of(error)
        if self._status in (408, 504):
            return "timeout"
        return "error" if self._status >= 400 else "ok"


def headers_of(scope: Scope) -> dict[str, str]:
    """A request's headers, names in lower case; of one that is sent twice the last."""
    return {header_text(name).lower(): header_text(value) for name, value in scope["headers"]}
