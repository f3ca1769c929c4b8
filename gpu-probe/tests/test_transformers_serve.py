"""``transformers serve``: the labels of a request's headers reach the thread that generates."""

import asyncio
import importlib
import inspect
from unittest.mock import MagicMock

import pytest
from stand_in import StandInProbe

from gpu_probe.integrations import transformers_requests, transformers_serve
from gpu_probe.integrations.labels import Labels

HEADERS = [(b"x-meterhouse-tenant", b"acme"), (b"x-meterhouse-project", b"chat")]


def caller():
    return transformers_requests.caller(StandInProbe(), Labels(), object())


def request(app, headers=HEADERS):
    """One request to an ASGI app, and its answer's body."""
    sent = []

    async def receive():
        return {"type": "http.request", "body": b'{"model":"m"}', "more_body": False}

    async def send(message):
        sent.append(message)

    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": "POST",
        "path": "/v1/chat/completions",
        "raw_path": b"/v1/chat/completions",
        "root_path": "",
        "scheme": "http",
        "query_string": b"",
        "client": ("127.0.0.1", 1),
        "server": ("127.0.0.1", 2),
        "headers": [(b"content-type", b"application/json"), *headers],
    }
    asyncio.run(app(scope, receive, send))
    return b"".join(message.get("body", b"") for message in sent)


def test_the_middleware_holds_labels_for_one_request():
    found = []

    async def app(scope, receive, send):
        found.append(caller().labels)

    request(transformers_serve.ServeMiddleware(app))
    request(transformers_serve.ServeMiddleware(app), headers=[])
    assert [labels.tenant_id for labels in found] == ["acme", "unknown"]
    assert found[0].model == "object"
    assert caller().labels.tenant_id == "unknown"


def test_a_session_id_in_a_header_is_the_first_call_s_alone():
    async def app(scope, receive, send):
        by = caller()
        assert [by.next_session_id() for _ in range(3)] == ["s-1", "s-1-2", "s-1-3"]

    request(transformers_serve.ServeMiddleware(app), headers=[(b"x-meterhouse-session", b"s-1")])


@pytest.fixture(scope="module")
def server():
    pytest.importorskip("transformers", reason="transformers is not installed")
    pytest.importorskip("fastapi", reason="fastapi is not installed")
    try:
        module = importlib.import_module("transformers.cli.serving.server")
    except ImportError:
        pytest.skip("this transformers has no server that is built apart")
    assert transformers_serve.install()
    assert transformers_serve.install()
    return module


def test_labels_reach_the_thread_that_generates(server):
    thread = importlib.import_module("transformers.cli.serving.utils").InferenceThread()
    handlers = {name: MagicMock() for name in inspect.signature(server.build_server).parameters}

    async def handle(body, request_id):
        awaited = await thread.async_submit(lambda: caller().labels.tenant_id)
        blocking = thread.submit(lambda: caller().labels.project_id).result(10)
        return {"found": [awaited, blocking]}

    handlers["chat_handler"].handle_request = handle
    handlers["enable_cors"] = False
    assert request(server.build_server(**handlers)) == b'{"found":["acme","chat"]}'
    assert importlib.import_module("transformers.cli.serving").build_server is server.build_server
