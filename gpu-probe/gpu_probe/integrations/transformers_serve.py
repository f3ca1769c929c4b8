"""``transformers serve``: a request's ``x-meterhouse-*`` headers become the labels of what it generates.

Written for transformers 5.17 and 5.24 (``cli.serving.server.build_server``); 4.57 and 5.0 build their app
inside of the command, where nothing can be put in: put ``ServeMiddleware`` around an app of your own there.

``python -m gpu_probe.integrations.transformers_serve MODEL …`` is ``transformers serve MODEL …`` with this in
it.
"""

from __future__ import annotations

import contextvars
import functools
import importlib
import sys
from collections.abc import Callable
from typing import Any

from . import transformers
from .asgi import App, Receive, Scope, Send, headers_of, is_inference
from .labels import UNKNOWN, from_headers
from .transformers_requests import labelled

_SERVING = "transformers.cli.serving"
_MARK = "_gpu_probe"


class ServeMiddleware:
    """The labels of a request hold for the sessions that it opens: one for each call of ``generate`` or
    request to continuous batching. Its model is the one that generates."""

    def __init__(self, app: App) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket") or not is_inference(scope):
            await self._app(scope, receive, send)
            return
        with labelled(from_headers(headers_of(scope), UNKNOWN)):
            await self._app(scope, receive, send)


def install() -> bool:
    """Wraps ``build_server`` and the thread that generates; False where this transformers has neither."""
    try:
        server: Any = importlib.import_module(f"{_SERVING}.server")
        utils: Any = importlib.import_module(f"{_SERVING}.utils")
    except ImportError:
        return False
    if getattr(server.build_server, _MARK, False):
        return True
    server.build_server = _labelling(server.build_server)
    # The package hands out the same function under its own name.
    setattr(importlib.import_module(_SERVING), "build_server", server.build_server)  # noqa: B010
    for name in ("submit", "async_submit"):
        setattr(utils.InferenceThread, name, _in_context(getattr(utils.InferenceThread, name)))
    return True


def _labelling(original: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(original)
    def build_server(*args: Any, **named: Any) -> Any:
        app = original(*args, **named)
        app.add_middleware(ServeMiddleware)
        return app

    setattr(build_server, _MARK, True)
    return build_server


def _in_context(original: Callable[..., Any]) -> Callable[..., Any]:
    """The thread runs what it is given in the context of who gave it."""

    @functools.wraps(original)
    def submit(thread: Any, function: Any, *args: Any, **named: Any) -> Any:
        return original(thread, contextvars.copy_context().run, function, *args, **named)

    return submit


def main() -> None:
    """``transformers serve`` with the arguments of this process. Raises RuntimeError where this transformers
    has no server that can be measured."""
    transformers.install()
    if not install():
        raise RuntimeError("gpu-probe needs transformers 5.17 or later, with its extra 'serving', to serve")
    sys.argv = ["transformers", "serve", *sys.argv[1:]]
    importlib.import_module("transformers.cli.transformers").main()


if __name__ == "__main__":
    main()
