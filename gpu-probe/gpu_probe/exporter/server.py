"""Serves the metrics: ``/metrics`` for Prometheus, ``/healthz`` for a health check."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from .exposition import OPENMETRICS, TEXT
from .metrics import Metrics

LOOPBACK = "127.0.0.1"
# Prometheus comes with one connection every 15 s; a health check with another.
CONNECTIONS_MAX = 16
# From accept to the last byte, whatever the caller sends meanwhile.
CONNECTION_S = 10.0


class MetricsServer:
    """Listens from its making to ``close``; port 0 takes a free one. Raises OSError where the port is taken.

    ``host`` is who may ask: this machine alone unless it is set. At most 16 connections are served at a time,
    each for at most ``connection_s`` seconds; for one more the oldest is cut.
    """

    def __init__(
        self, metrics: Metrics, port: int, host: str = LOOPBACK, connection_s: float = CONNECTION_S
    ) -> None:
        self._server: _BoundedServer | None = _BoundedServer(metrics, host, port, connection_s)
        self.port = int(self._server.server_address[1])
        thread = threading.Thread(
            target=self._server.serve_forever,
            args=(min(0.5, connection_s / 2),),
            name="gpu-probe-metrics",
            daemon=True,
        )
        thread.start()

    def close(self) -> None:
        server, self._server = self._server, None
        if server is not None:
            server.shutdown()
            server.server_close()


class _BoundedServer(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, metrics: Metrics, host: str, port: int, connection_s: float) -> None:
        self.metrics = metrics
        self._connection_s = connection_s
        self._room = threading.BoundedSemaphore(CONNECTIONS_MAX)
        self._accepted: dict[socket.socket, float] = {}
        self._mutex = threading.Lock()
        if ":" in host:
            self.address_family = socket.AF_INET6
        super().__init__((host, port), _Handler)

    def process_request(self, request: Any, client_address: Any) -> None:
        if not self._room.acquire(blocking=False):
            self._cut(older_than_s=0.0, at_most=1)
            if not self._room.acquire(timeout=1.0):
                self.shutdown_request(request)
                return
        with self._mutex:
            self._accepted[request] = time.monotonic()
        try:
            super().process_request(request, client_address)
        except BaseException:
            self._leave(request)
            raise

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._leave(request)

    def _leave(self, request: Any) -> None:
        with self._mutex:
            self._accepted.pop(request, None)
        self._room.release()

    def service_actions(self) -> None:
        self._cut(self._connection_s, CONNECTIONS_MAX)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A caller that hangs up, or was cut, is nothing to report."""

    def _cut(self, older_than_s: float, at_most: int) -> None:
        """Ends the oldest connections; their threads then find nothing to read."""
        now = time.monotonic()
        with self._mutex:
            old = [held for held, at in self._accepted.items() if now - at >= older_than_s]
            for held in old[:at_most]:
                with contextlib.suppress(OSError):
                    held.shutdown(socket.SHUT_RDWR)


class _Handler(BaseHTTPRequestHandler):
    timeout = CONNECTION_S
    server: _BoundedServer

    def do_GET(self) -> None:
        path = self.path.partition("?")[0]
        if path == "/metrics":
            openmetrics = "application/openmetrics-text" in self.headers.get("Accept", "")
            text = self.server.metrics.render(openmetrics)
            self._answer(200, text, OPENMETRICS if openmetrics else TEXT)
        elif path == "/healthz":
            self._answer(200, "ok\n", "text/plain")
        else:
            self._answer(404, "see /metrics\n", "text/plain")

    def _answer(self, status: int, text: str, kind: str) -> None:
        body = text.encode()
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        return
