"""A request's figures in its answer: JSON, streams, headers, trailers; and nothing where nobody asked."""

import asyncio
import gzip
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from stand_in import Session, StandInProbe

from gpu_probe.integrations import answer
from gpu_probe.integrations.answer import AnsweringSend, answering
from gpu_probe.integrations.answer_json import with_usage
from gpu_probe.integrations.asgi import ProbeMiddleware
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
