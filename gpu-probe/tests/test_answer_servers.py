"""Figures in answers of servers: vLLM's middleware, which asks another process, and OpenAI's own client."""

import asyncio
import json
import threading
import time
import uuid
from types import SimpleNamespace

import pytest
from test_answer_http import (
    BODY,
    DONE,
    EVENTS,
    JSON,
    body_of,
)
from watched import MS, Watched

from gpu_probe.integrations.asgi import ProbeMiddleware
from gpu_probe.integrations.vllm_batch import Batches
from gpu_probe.integrations.vllm_labels import TICKET
from gpu_probe.integrations.vllm_server import VllmMiddleware


def engine(batches, gpu, n=1):
    """An app that does what vLLM does with a request: the engine sees its extra arguments alone."""

    async def app(scope, receive, send):
        xargs = json.loads((await receive())["body"]).get("vllm_xargs")
        new = [
            SimpleNamespace(
                req_id=f"cmpl-{uuid.uuid4()}",
                sampling_params=SimpleNamespace(extra_args=xargs),
                pooling_params=None,
                prompt_token_ids=[1, 2],
                num_computed_tokens=0,
            )
            for _ in range(n)
        ]
        output = SimpleNamespace(
            finished_req_ids=[],
            scheduled_new_reqs=new,
            scheduled_cached_reqs=SimpleNamespace(req_ids=[], num_computed_tokens=[]),
            num_scheduled_tokens={each.req_id: 2 for each in new},
        )
        batches.open_step(batches.begin(output))
        gpu.work(3 * MS)
        batches.end_step()
        await send({"type": "http.response.start", "status": 200, "headers": JSON})
        await send({"type": "http.response.body", "body": BODY})

    return app


def vllm(app, session=b"s-1", body=b"{}"):
    sent = []

    async def receive():
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(message):
        sent.append(message)

    headers = [(b"x-meterhouse-tenant", b"acme"), (b"x-meterhouse-session", session)]
    scope = {"type": "http", "method": "POST", "path": "/v1/completions", "headers": headers}
    asyncio.run(VllmMiddleware(app)(scope, receive, send))
    return json.loads(body_of(sent))["usage"]


@pytest.fixture
def engine_probe(tmp_path, monkeypatch):
    monkeypatch.setenv("GPU_PROBE_ANSWER", "settled")
    monkeypatch.setenv("GPU_PROBE_STATE_DIR", str(tmp_path))
    watched = Watched(tmp_path / "0")
    yield watched
    watched.probe.close()


def test_vllm_s_middleware_asks_the_engine_s_meter_for_its_own_request_alone(engine_probe):
    batches = Batches(engine_probe.probe, "m")
    one, two = engine(batches, engine_probe.gpu), engine(batches, engine_probe.gpu, n=2)
    # One session id for several requests, as agents use it; one request that is two to the engine.
    for app in (one, two, one):
        found = vllm(app)["meterhouse"]
        assert (found["gpu_time_ns"], found["provisional"]) == (3 * MS, False)
    forged = json.dumps({"vllm_xargs": {TICKET: "mine"}}).encode()
    assert vllm(one, body=forged)["meterhouse"]["gpu_time_ns"] == 3 * MS
    events = engine_probe.end()
    assert sum(event["gpu_time_ns"] for event in events) == 12 * MS
    assert {event["tenant_id"] for event in events} == {"acme"}


def test_ranks_of_one_request_are_added_up(engine_probe, tmp_path):
    other = Watched(tmp_path / "1")
    ranks = [(Batches(each.probe, "m"), each.gpu) for each in (engine_probe, other)]
    first = engine(*ranks[0])
    second = engine(*ranks[1])

    async def both(scope, receive, send):
        async def nothing(message):
            pass

        await second(scope, lambda: replay(), nothing)
        await first(scope, lambda: replay(), send)

    async def replay():
        return message

    message = {}

    async def reading(scope, receive, send):
        message.update(await receive())
        await both(scope, receive, send)

    assert vllm(reading)["meterhouse"]["gpu_time_ns"] == 6 * MS
    other.probe.close()


def test_vllm_s_middleware_adds_nothing_unless_it_is_told_and_can(engine_probe, monkeypatch, caplog):
    batches = Batches(engine_probe.probe, "m")
    monkeypatch.delenv("GPU_PROBE_STATE_DIR")
    assert vllm(engine(batches, engine_probe.gpu)) == {"total_tokens": 7}
    assert "set GPU_PROBE_STATE_DIR" in caplog.text
    monkeypatch.delenv("GPU_PROBE_ANSWER")

    async def plain(scope, receive, send):
        assert TICKET not in json.loads((await receive())["body"])["vllm_xargs"]
        await engine(batches, engine_probe.gpu)(scope, lambda: receive_again(), send)

    async def receive_again():
        return {"type": "http.request", "body": b"{}"}

    assert vllm(plain) == {"total_tokens": 7}


# A real server and OpenAI's own client


@pytest.fixture
def served(tmp_path):
    uvicorn = pytest.importorskip("uvicorn", reason="uvicorn is not installed")
    openai = pytest.importorskip("openai", reason="openai is not installed")
    watched = Watched(tmp_path)

    async def app(scope, receive, send):
        if scope["type"] != "http":
            return
        body, more = b"", True
        while more:
            message = await receive()
            body, more = body + message["body"], message.get("more_body", False)
        wanted = json.loads(body)
        with watched.probe.step():
            watched.gpu.work(4 * MS)
        usage = {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2}
        base = {"id": "c", "created": 1, "model": "m"}
        if not wanted.get("stream"):
            choice = {"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": "hi"}}
            document = {**base, "object": "chat.completion", "choices": [choice], "usage": usage}
            data = json.dumps(document).encode()
            headers = [*JSON, (b"content-length", str(len(data)).encode())]
            await send({"type": "http.response.start", "status": 200, "headers": headers})
            await send({"type": "http.response.body", "body": data})
            return
        choice = {"index": 0, "finish_reason": "stop", "delta": {"content": "hi"}}
        chunks = [{**base, "object": "chat.completion.chunk", "choices": [choice]}]
        if wanted.get("stream_options"):
            chunks.append({**base, "object": "chat.completion.chunk", "choices": [], "usage": usage})
        await send({"type": "http.response.start", "status": 200, "headers": EVENTS})
        for chunk in chunks:
            data = b"data: " + json.dumps(chunk).encode() + b"\n\n"
            await send({"type": "http.response.body", "body": data, "more_body": True})
        await send({"type": "http.response.body", "body": DONE})

    middleware = ProbeMiddleware(app, watched.probe, usage="settled")
    server = uvicorn.Server(uvicorn.Config(middleware, port=0, log_level="error", lifespan="off"))
    thread = threading.Thread(target=server.run)
    thread.start()
    while not server.started and thread.is_alive():
        time.sleep(0.01)
    port = server.servers[0].sockets[0].getsockname()[1]
    yield openai.OpenAI(base_url=f"http://127.0.0.1:{port}/v1", api_key="k", max_retries=0)
    server.should_exit = True
    thread.join()
    watched.probe.close()


ASK = {"model": "m", "messages": [{"role": "user", "content": "hi"}]}


def test_openai_s_client_reads_an_answer_and_its_figures(served):
    raw = served.chat.completions.with_raw_response.create(**ASK)
    found = raw.parse().usage
    assert found.total_tokens == 2
    assert found.meterhouse["gpu_time_ns"] == 4 * MS and found.meterhouse["provisional"] is False
    assert raw.headers["x-meterhouse-gpu-time-ns"] == str(4 * MS)


def test_openai_s_client_reads_a_stream_with_and_without_usage(served):
    options = {"stream": True, "stream_options": {"include_usage": True}}
    chunks = list(served.chat.completions.create(**ASK, **options))
    assert chunks[-1].usage.meterhouse["gpu_time_ns"] == 4 * MS
    plain = list(served.chat.completions.create(**ASK, stream=True))
    assert [chunk.choices[0].delta.content for chunk in plain] == ["hi"]
    raw = served.chat.completions.with_streaming_response.create(**ASK, stream=True)
    with raw as response:
        lines = list(response.iter_lines())
    assert [line for line in lines if line.startswith(": meterhouse")]
