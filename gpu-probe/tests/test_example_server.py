"""The example server in one process: streams, cancels, and every step of it in the books."""

import asyncio
import importlib.util
import json
from pathlib import Path

import pytest

from gpu_probe.records import decode_single_object
from gpu_probe.wal import read_log

EXAMPLES = Path(__file__).parents[1] / "examples"


@pytest.fixture
def server(tmp_path, monkeypatch):
    monkeypatch.setenv("GPU_PROBE_DEVICE", "cpu")
    monkeypatch.setenv("GPU_PROBE_STATE_DIR", str(tmp_path))
    spec = importlib.util.spec_from_file_location("example_server", EXAMPLES / "server.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    assert module.engine.warm.wait(10)
    yield module
    module.probe.close()


async def post(app, body, tenant="acme", leave_after=None):
    sent, left = [], asyncio.Event()
    requests = [{"type": "http.request", "body": json.dumps(body).encode(), "more_body": False}]

    async def receive():
        if requests:
            return requests.pop(0)
        await left.wait()
        return {"type": "http.disconnect"}

    async def send(message):
        sent.append(message)
        if leave_after is not None and len(sent) > leave_after:
            left.set()

    headers = [(b"x-meterhouse-tenant", tenant.encode()), (b"x-meterhouse-session", f"of-{tenant}".encode())]
    scope = {"type": "http", "method": "POST", "path": "/generate", "headers": headers}
    await asyncio.wait_for(app(scope, receive, send), 20)
    return sent


def events(folder):
    found = [decode_single_object(entry.value) for entry in read_log(folder / "0" / "wal" / "0")]
    return {
        record["tenant_id"]: record
        for schema, record in found
        if schema.name == "gpu_time_event" and record["phase"] == "inference"
    }


def test_requests_are_batched_streamed_and_billed(server, tmp_path):
    async def main():
        return await asyncio.gather(
            post(server.app, {"prompt_tokens": 8, "tokens": 12}),
            post(server.app, {"prompt_tokens": 3, "tokens": 5}, "bank"),
            post(server.app, {"tokens": 4096}, "gone", leave_after=3),
            post(server.app, {"tokens": -1}, "wrong"),
        )

    acme, _, _, wrong = asyncio.run(main())
    assert b"".join(message.get("body", b"") for message in acme).split() == [b"%d" % n for n in range(8, 20)]
    assert wrong[0]["status"] == 400
    server.probe.close()
    found = events(tmp_path)
    outcomes = {tenant: event["outcome"] for tenant, event in found.items()}
    assert outcomes == {"acme": "ok", "bank": "ok", "gone": "cancelled", "wrong": "error"}
    assert (found["acme"]["tokens_in"], found["acme"]["tokens_out"]) == (8, 12)
    assert found["acme"]["session_id"] == "of-acme"
    assert found["gone"]["batch_steps"] >= 1


def test_health(server):
    sent = []

    async def send(message):
        sent.append(message)

    asyncio.run(server.app({"type": "http", "method": "GET", "path": "/healthz", "headers": []}, None, send))
    assert sent[0]["status"] == 200
