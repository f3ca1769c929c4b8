"""A small server that batches, measured by gpu-probe: a toy model, an engine thread, an ASGI app.

uvicorn server:app, in this folder; POST /generate {"prompt_tokens": 64, "tokens": 32} streams a line for
each token, GET /healthz answers once the model is warm. Where there is no GPU it runs on the CPU and
measures that.
"""

from __future__ import annotations

import asyncio
import json
import os
import queue
import threading
from collections.abc import Callable
from typing import Any

from gpu_probe.environment import probe_from_environment
from gpu_probe.integrations.asgi import ProbeMiddleware

MODEL, VERSION = "toy", "1"
BATCH_MAX = 32
TOKENS_MAX = 4096
WIDTH = int(os.environ.get("TOY_WIDTH", 1024))


class Toy:
    """Multiplies matrices: as many rows as tokens are computed."""

    def __init__(self) -> None:
        try:
            import torch
        except ImportError:
            self._torch: Any = None
            return
        self._torch = torch
        device = "cuda" if torch.cuda.is_available() else "cpu"
        self._layers = [torch.randn(WIDTH, WIDTH, device=device) / WIDTH**0.5 for _ in range(8)]

    def step(self, tokens: int) -> None:
        if self._torch is None:
            sum(number * number for number in range(1000 * tokens))
            return
        rows = self._torch.ones(tokens, WIDTH, device=self._layers[0].device)
        for layer in self._layers:
            rows = self._torch.tanh(rows @ layer)


class Request:
    """One stream. ``tell`` is called from the engine's thread with each token, None for the end."""

    def __init__(
        self, session: Any, prompt_tokens: int, tokens: int, tell: Callable[[int | None], None]
    ) -> None:
        self.session = session
        self.prompt_tokens = prompt_tokens
        self.left = tokens
        self.context = 0
        self.tell = tell
        self.cancelled = False


class Engine:
    """Batches continuously: whoever waits joins the next step."""

    def __init__(self, probe: Any) -> None:
        self._probe = probe
        self._waiting: queue.Queue[Request] = queue.Queue()
        self.warm = threading.Event()
        threading.Thread(target=self._run, name="engine", daemon=True).start()

    def submit(self, request: Request) -> None:
        self._waiting.put(request)

    def _run(self) -> None:
        with self._probe.warmup(MODEL, VERSION):
            model = Toy()
            for tokens in (1, BATCH_MAX):
                model.step(tokens)
        self.warm.set()
        running: list[Request] = []
        while True:
            running = [request for request in running if request.left and not request.cancelled]
            while len(running) < BATCH_MAX and (not running or not self._waiting.empty()):
                running.append(self._waiting.get())
            self._step(model, running)

    def _step(self, model: Toy, running: list[Request]) -> None:
        rows = []
        for request in running:
            new = 1 if request.context else request.prompt_tokens
            request.context += new
            rows.append((request.session, new, request.context))
        with self._probe.step(rows):
            model.step(sum(new for _, new, _ in rows))
        for request in running:
            request.left -= 1
            request.tell(request.context)
            if request.left == 0:
                request.tell(None)


class App:
    """The routes."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    async def __call__(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        if scope["type"] == "lifespan":
            await _lifespan(receive, send)
        elif scope["path"] == "/generate" and scope["method"] == "POST":
            await self._generate(scope, receive, send)
        elif scope["path"] == "/healthz":
            await _answer(send, 200 if self._engine.warm.is_set() else 503, b"")
        else:
            await _answer(send, 404, b"POST /generate\n")

    async def _generate(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        wanted = await _body(receive)
        if wanted is None:
            await _answer(send, 400, b'{"prompt_tokens": 1 to 4096, "tokens": 1 to 4096}\n')
            return
        loop, tokens = asyncio.get_running_loop(), asyncio.Queue()  # type: ignore[var-annotated]
        request = Request(
            scope["meterhouse.open"](wanted[0]),
            *wanted,
            tell=lambda token: loop.call_soon_threadsafe(tokens.put_nowait, token),  # type: ignore[misc]
        )
        leaving = asyncio.ensure_future(_gone(receive, request))
        try:
            self._engine.submit(request)
            await _start(send, 200)
            while not request.cancelled:
                token = await tokens.get()
                if token is None:
                    break
                await send({"type": "http.response.body", "body": b"%d\n" % token, "more_body": True})
            await send({"type": "http.response.body", "body": b""})
        finally:
            request.cancelled = True
            leaving.cancel()


async def _gone(receive: Any, request: Request) -> None:
    while (await receive())["type"] != "http.disconnect":
        continue
    request.cancelled = True
    request.tell(None)


async def _body(receive: Any) -> list[int] | None:
    body, more = b"", True
    while more:
        message = await receive()
        body, more = body + message.get("body", b""), message.get("more_body", False)
    try:
        wanted = json.loads(body or b"{}")
        numbers = [int(wanted.get("prompt_tokens", 16)), int(wanted.get("tokens", 16))]
    except (ValueError, TypeError, AttributeError):
        return None
    return numbers if all(1 <= number <= TOKENS_MAX for number in numbers) else None


async def _start(send: Any, status: int) -> None:
    headers = [(b"content-type", b"text/plain")]
    await send({"type": "http.response.start", "status": status, "headers": headers})


async def _answer(send: Any, status: int, body: bytes) -> None:
    await _start(send, status)
    await send({"type": "http.response.body", "body": body})


async def _lifespan(receive: Any, send: Any) -> None:
    await receive()
    await send({"type": "lifespan.startup.complete"})
    await receive()
    # The last steps are measured and booked before the process ends.
    await asyncio.get_running_loop().run_in_executor(None, probe.close)
    await send({"type": "lifespan.shutdown.complete"})


def _device() -> str:
    try:
        import torch
    except ImportError:
        return "cpu"
    return "cuda" if torch.cuda.is_available() else "cpu"


probe = probe_from_environment({"GPU_PROBE_DEVICE": _device(), **os.environ})
engine = Engine(probe)
app = ProbeMiddleware(App(engine), probe, MODEL, VERSION, lazy=True)
