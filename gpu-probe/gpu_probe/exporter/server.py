"""Serves the metrics: ``/metrics`` for Prometheus, ``/healthz`` for a health check."""

from __future__ import annotations

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from .exposition import OPENMETRICS, TEXT
from .metrics import Metrics


class MetricsServer:
    """Listens from its making to ``close``; port 0 takes a free one. Raises OSError where the port is
    taken."""

    def __init__(self, metrics: Metrics, port: int, host: str = "0.0.0.0") -> None:
        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                path = self.path.partition("?")[0]
                if path == "/metrics":
                    openmetrics = "application/openmetrics-text" in self.headers.get("Accept", "")
                    self._answer(200, metrics.render(openmetrics), OPENMETRICS if openmetrics else TEXT)
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

        self._server: ThreadingHTTPServer | None = ThreadingHTTPServer((host, port), Handler)
        self._server.daemon_threads = True
        self.port = int(self._server.server_address[1])
        thread = threading.Thread(target=self._server.serve_forever, name="gpu-probe-metrics", daemon=True)
        thread.start()

    def close(self) -> None:
        server, self._server = self._server, None
        if server is not None:
            server.shutdown()
            server.server_close()
