"""A request's figures in its answer: JSON, streams, headers, trailers; and nothing where nobody asked."""

import asyncio
import gzip
import json
import threading
import time
import uuid
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from stand_in import Session, StandInProbe
from watched import MS, Watched

from gpu_probe.integrations import answer
from gpu_probe.integrations.answer import AnsweringSend, answering
from gpu_probe.integrations.answer_json import with_usage
from gpu_probe.integrations.asgi import ProbeMiddleware
from gpu_probe.integrations.vllm_batch import Batches
from gpu_probe.integrations.vllm_labels import TICKET
from gpu_probe.integrations.vllm_server import VllmMiddleware
from gpu_probe.usage import Usage, unknown

USED = Usage(5_000_000, "measured", 4_000_000, "sampled", None, "none", True)
FIGURES = {
    "gpu_time_ns": 5_000_000,
    "time_quality": "measured",
    "gpu_busy_ns": 4_000_000,
    "busy_quality": "sampled",
    "energy_uj": None,
    "energy_quality": "none",
    "provisional": True,
}
HEADERS = {
    b"x-meterhouse-gpu-time-ns": b"5000000",
    b"x-meterhouse-time-quality": b"measured",
    b"x-meterhouse-gpu-busy-ns": b"4000000",
    b"x-meterhouse-busy-quality": b"sampled",
    b"x-meterhouse-energy-quality": b"none",
    b"x-meterhouse-provisional": b"true",
}
BODY = b'{"id": "c-1",  "usage" : {"total_tokens":  7 }, "x": 1.50, "big": 12345678901234567890}'
JSON = [(b"content-type", b"application/json")]
EVENTS = [(b"content-type", b"text/event-stream; charset=utf-8")]


async def used():
    return USED


def answered(headers, chunks, ask=used, trailers=None, own_trailers=False):
    """The messages that reach the server, for an answer in these chunks."""
    sent = []

    async def send(message):
        sent.append(message)

    async def main():
        scope = {"type": "http", "extensions": {"http.response.trailers": {}} if trailers else {}}
        wrapped = AnsweringSend(scope, send, ask)
        start = {"type": "http.response.start", "status": 200, "headers": headers}
        await wrapped({**start, "trailers": True} if own_trailers else start)
        for number, chunk in enumerate(chunks):
            more = number < len(chunks) - 1
            await wrapped({"type": "http.response.body", "body": chunk, "more_body": more})
        if own_trailers:
            last = {"type": "http.response.trailers", "headers": [(b"x", b"y")], "more_trailers": False}
            await wrapped(last)

    asyncio.run(main())
    return sent


def body_of(sent):
    return b"".join(message.get("body", b"") for message in sent)


def headers_of(sent):
    return dict(sent[0]["headers"])


@pytest.mark.parametrize("size", [1, 7, 1000])
def test_a_json_answer_has_them_in_its_usage_and_every_other_byte_as_it_was(size):
    length = [(b"Content-Length", str(len(BODY)).encode())]
    chunks = [BODY[at : at + size] for at in range(0, len(BODY), size)]
    sent = answered([*JSON, *length], chunks)
    body = body_of(sent)
    added = f',"meterhouse":{json.dumps(FIGURES, separators=(",", ":"))}'.encode()
    assert body.replace(added, b"") == BODY
    assert json.loads(body)["usage"] == {"total_tokens": 7, "meterhouse": FIGURES}
    assert headers_of(sent) == {**dict(JSON), b"Content-Length": str(len(body)).encode(), **HEADERS}
    assert len(sent) == 2 and not sent[1]["more_body"]


@pytest.mark.parametrize(
    ("headers", "body"),
    [
        ([*JSON, (b"content-encoding", b"gzip")], gzip.compress(BODY)),
        ([*JSON, (b"ETag", b'"1"')], BODY),
        ([(b"content-type", b"text/plain")], BODY),
        ([], BODY),
        (JSON, b'{"usage": null}'),
        (JSON, b'{"usage": {"a": 1}'),
        (JSON, b'{"usage": {"a": 1}} {}'),
        (JSON, b'[{"usage": {"a": 1}}]'),
        (JSON, b'{"usage": {"meterhouse": 1}}'),
        (JSON, b'\xff{"usage": {}}'),
        (JSON, b'{"a":' * 20_000 + b'{"usage": {}}'),
        (JSON, b""),
    ],
)
def test_a_body_that_cannot_have_them_stays_and_headers_say_it(headers, body):
    headers = [*headers, (b"content-length", str(len(body)).encode())]
    sent = answered(headers, [body])
    assert body_of(sent) == body
    assert headers_of(sent) == {**dict(headers), **HEADERS}


def test_an_answer_that_is_too_large_to_hold_passes_as_it_comes(monkeypatch):
    monkeypatch.setattr(answer, "BODY_BYTES_MAX", 50)
    sent = answered(JSON, [BODY[:40], BODY[40:60], BODY[60:], b""])
    assert body_of(sent) == BODY and headers_of(sent) == dict(JSON)
    assert [message.get("more_body") for message in sent] == [None, True, True, False]


def test_a_stream_of_something_else_passes_as_it_comes():
    sent = answered([(b"content-type", b"text/plain")], [b"a", b"b", b""])
    assert [message.get("body") for message in sent] == [None, b"a", b"b", b""]
    assert headers_of(sent) == {b"content-type": b"text/plain"}


@pytest.mark.parametrize("ask", [lambda: unknown("no meter"), lambda: 1 / 0])
def test_without_figures_nothing_is_changed(ask):
    async def none():
        return ask()

    assert body_of(answered(JSON, [BODY], none)) == BODY
    assert headers_of(answered(JSON, [BODY], none)) == dict(JSON)
    stream = b'data: {"usage": {"a": 1}}\n\ndata: [DONE]\n\n'
    assert body_of(answered(EVENTS, [stream], none)) == stream


texts = st.dictionaries(
    st.text(max_size=5), st.none() | st.integers() | st.text(max_size=5) | st.lists(st.booleans())
)


@given(
    st.dictionaries(st.text(max_size=5), texts, max_size=4), texts, st.sampled_from([None, 1]), st.booleans()
)
def test_any_document_is_as_it_was_but_for_the_member(others, usage, indent, nested):
    usage.pop("meterhouse", None)
    others.pop("usage", None)
    others.pop("response", None)
    document = {**others, "usage": usage, **{name + "~": value for name, value in others.items()}}
    document = {"response": document, **others} if nested else document
    written = with_usage(json.dumps(document, indent=indent).encode(), USED)
    found = json.loads(written)
    holder = found["response"] if nested else found
    assert holder["usage"].pop("meterhouse") == FIGURES
    assert found == document


# Streams

TOKEN = b'data: {"choices":[{"delta":{"content":"a"},"finish_reason":null}],"usage":null}\n\n'
LAST = b'data: {"choices":[],"usage":{"total_tokens":7}}\r\n\r\n'
DONE = b"data: [DONE]\n\n"


def figures_in(stream):
    """The figures of a stream, by the event or comment that has them."""
    found = []
    for line in stream.splitlines():
        if line.startswith(b": meterhouse "):
            found.append(("comment", json.loads(line[13:])))
        elif line.startswith(b"data: {"):
            document = json.loads(line[6:])
            usage = (document.get("response") or document).get("usage") or {}
            if "meterhouse" in usage:
                found.append(("event", usage["meterhouse"]))
    return found


@pytest.mark.parametrize("size", [1, 3, 50, 10_000])
def test_the_last_event_with_usage_has_them(size):
    stream = TOKEN * 2 + LAST + DONE
    sent = answered(EVENTS, [stream[at : at + size] for at in range(0, len(stream), size)])
    body = body_of(sent)
    assert figures_in(body) == [("event", FIGURES)]
    added = f',"meterhouse":{json.dumps(FIGURES, separators=(",", ":"))}'.encode()
    assert body.replace(added, b"") == stream
    assert headers_of(sent) == dict(EVENTS)


@pytest.mark.parametrize(
    ("stream", "where"),
    [
        (TOKEN + DONE, "comment"),
        (TOKEN, "comment"),
        (
            b'event: response.completed\ndata: {"type":"x","response":{"usage":{"total_tokens":1}}}\n\n',
            "event",
        ),
        (
            b'event: message_delta\ndata: {"delta":{"stop_reason":"x"},"usage":{"output_tokens":1}}\n\n',
            "event",
        ),
        (b'data: {"choices":[{"finish_reason":"stop"}],"usage":{"a":1}}\n\n' + DONE, "event"),
        (b'data: {"choices":[{"finish_reason":null}],"usage":{"a":1}}\n\n' + DONE, "comment"),
        (b": ping\r\rdata: x\r\r" + DONE, "comment"),
    ],
)
def test_where_a_stream_says_them(stream, where):
    body = body_of(answered(EVENTS, [stream, b""]))
    assert figures_in(body) == [(where, FIGURES)]
    if where == "comment" and DONE in stream:
        assert body.endswith(DONE)


def test_an_event_is_sent_on_as_soon_as_it_is_whole_and_one_without_end_passes(monkeypatch):
    sent = answered(EVENTS, [TOKEN[:10], TOKEN[10:] + LAST[:5], LAST[5:], DONE])
    assert [message.get("body", b"")[:6] for message in sent[1:]] == [b"", b"data: ", b"data: ", DONE[:6]]
    endless = b"data: " + b"x" * 2_000_000
    assert body_of(answered(EVENTS, [endless, b"y" + LAST])) == endless + b"y" + LAST
    cut = TOKEN + b"data: {"
    assert body_of(answered(EVENTS, [cut])) == cut


def test_trailers_where_the_server_has_them():
    for headers, chunks in ((EVENTS, [TOKEN, DONE]), ([(b"content-type", b"x/y")], [b"a", b""])):
        sent = answered(headers, chunks, trailers=True)
        assert sent[0]["trailers"] is True
        assert sent[-1]["type"] == "http.response.trailers" and dict(sent[-1]["headers"]) == HEADERS
    whole = answered(JSON, [BODY], trailers=True)
    assert "trailers" not in whole[0] and len(whole) == 2
    own = answered(EVENTS, [TOKEN, DONE], trailers=True, own_trailers=True)
    assert [message["type"] for message in own].count("http.response.trailers") == 1
    assert dict(own[-1]["headers"]) == {b"x": b"y", **HEADERS}


def test_settings():
    assert answering(None, {}) is None and answering(None, {"GPU_PROBE_ANSWER": "0"}) is None
    assert answering(False, {"GPU_PROBE_ANSWER": "1"}) is None
    assert answering(None, {"GPU_PROBE_ANSWER": "1"}) == answering(True) == (0.15, False)
    assert answering("settled").settled
    with pytest.raises(ValueError, match="GPU_PROBE_ANSWER is 1, settled or 0, not 'yes'"):
        answering(None, {"GPU_PROBE_ANSWER": "yes"})


# Middleware


class Answered(Session):
    async def usage_soon(self, wait_s, settled):
        self.asked = (wait_s, settled)
        return USED


@pytest.mark.parametrize("usage", [None, True, "settled"])
@pytest.mark.parametrize("lazy", [True, False])
def test_the_middleware_asks_for_its_request_s_session(monkeypatch, usage, lazy):
    monkeypatch.setattr("stand_in.Session", Answered)
    monkeypatch.delenv("GPU_PROBE_ANSWER", raising=False)
    probe, sent = StandInProbe(), []

    async def app(scope, receive, send):
        await send({"type": "http.response.start", "status": 200, "headers": JSON})
        await send({"type": "http.response.body", "body": BODY})

    async def send(message):
        sent.append(message)

    middleware = ProbeMiddleware(app, probe, lazy=lazy, usage=usage)
    asyncio.run(middleware({"type": "http", "method": "POST", "headers": []}, None, send))
    (session,) = probe.sessions
    assert session.outcome == "ok"
    if usage is None:
        assert body_of(sent) == BODY and not hasattr(session, "asked")
        assert set(headers_of(sent)) == {b"content-type", b"x-meterhouse-session"}
    else:
        assert json.loads(body_of(sent))["usage"]["meterhouse"] == FIGURES
        assert session.asked == tuple(answering(usage))
        assert headers_of(sent)[b"x-meterhouse-session"] == session.session_id.encode()


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
