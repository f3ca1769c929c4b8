"""A gateway on loopback that answers as the test says, and keeps what it has taken."""

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from gpu_probe.publish.http import CONTENT_TYPE


def split(body):
    """The messages of a batch."""
    messages, at = [], 0
    while at < len(body):
        length = int.from_bytes(body[at : at + 4], "little")
        messages.append(body[at + 4 : at + 4 + length])
        at += 4 + length
    assert at == len(body)
    return messages


class Gateway:
    """``answers`` are used up one by one, then everything is taken: a status, a (status, headers), ``drop``
    (hangs up without an answer), ``lost`` (takes the batch, hangs up), ``garbage``, a list (207 with these
    statuses), a text (207 with that body, nothing taken); or a function of the messages."""

    def __init__(self, answers=(), port=0):
        self.answers = list(answers)
        self.taken = []
        self.requests = []
        gateway = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                gateway.requests.append((self.path, dict(self.headers), len(body)))
                assert self.headers["Content-Type"] == CONTENT_TYPE
                gateway._answer(self, split(body))

            def log_message(self, *_):
                pass

        class Server(ThreadingHTTPServer):
            daemon_threads = True
            allow_reuse_address = True

            def handle_error(self, *_):
                pass

        self._server = Server(("127.0.0.1", port), Handler)
        self.port = self._server.server_address[1]
        self.url = f"http://127.0.0.1:{self.port}/v1/records"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True)
        self._thread.start()

    def _answer(self, handler, messages):
        answer = self.answers.pop(0) if self.answers else 202
        if callable(answer):
            answer = answer(messages)
        if answer == "garbage":
            handler.wfile.write(b"SMTP 220 not a gateway\r\n\r\n")
        if answer in ("drop", "garbage", "lost"):
            if answer == "lost":
                self.taken += messages
            handler.close_connection = True
            return
        status, headers, text = 207, {}, b""
        if isinstance(answer, list):
            self.taken += [message for message, each in zip(messages, answer) if 200 <= each < 300]
            text = json.dumps({"items": [{"status": each} for each in answer]}).encode()
        elif isinstance(answer, str):
            text = answer.encode()
        else:
            status, headers = answer if isinstance(answer, tuple) else (answer, {})
            text = b"" if status == 204 else b"because"
            if status in (200, 201, 202, 204):
                self.taken += messages
        handler.send_response(status)
        for name, value in headers.items():
            handler.send_header(name, value)
        if status != 204:
            handler.send_header("Content-Length", str(len(text)))
        handler.end_headers()
        handler.wfile.write(text)

    def close(self):
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
