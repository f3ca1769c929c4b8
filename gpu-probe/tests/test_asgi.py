"""The middleware opens a session for a request and ends it as the request ended."""

import asyncio

import pytest
from stand_in import StandInProbe

from gpu_probe import Probe
from gpu_probe.integrations.asgi import ProbeMiddleware
from gpu_probe.integrations.default import set_probe
from gpu_probe.integrations.labels import Labels

HEADERS = [
    (b"X-Meterhouse-Session", b"s-1"),
    (b"x-meterhouse-tenant", b"acme"),
    (b"x-meterhouse-project", b"chat"),
    (b"x-meterhouse-user", "Zo\u00eb".encode("latin-1")),
]


def call(app, probe, headers=HEADERS, method="POST", receive=None, send=None, **options):
    sent = []

    async def nothing_more():
        return {"type": "http.request", "body": b"", "more_body": False}

    async def note(message):
        sent.append(message)

    scope = {"type": "http", "method": method, "path": "/v1/chat", "headers": headers}
    middleware = ProbeMiddleware(app, probe, model="m", model_version="3", **options)
    try:
        asyncio.run(middleware(scope, receive or nothing_more, send or note))
    except BaseException as error:
        return sent, error
    return sent, None


def responding(status=200, chunks=(b"a", b"b"), probe=None):
    async def app(scope, receive, send):
        if probe is not None:
            session = scope["meterhouse.session"]
            assert probe.current() is session
            assert await asyncio.get_running_loop().run_in_executor(None, lambda: True)
        await send({"type": "http.response.start", "status": status, "headers": [(b"content-type", b"x")]})
        for chunk in chunks:
            await send({"type": "http.response.body", "body": chunk, "more_body": True})
        await send({"type": "http.response.body", "body": b""})

    return app


def test_headers_become_labels_and_the_response_says_the_session():
    probe = StandInProbe()
    sent, error = call(responding(probe=probe), probe)
    assert error is None
    assert probe.labels() == {
        "tenant_id": "acme",
        "project_id": "chat",
        "user_id": "Zo\u00eb",
        "session_id": "s-1",
        "model": "m",
        "model_version": "3",
    }
    assert (b"x-meterhouse-session", b"s-1") in sent[0]["headers"]
    assert (b"content-type", b"x") in sent[0]["headers"]
    assert probe.outcomes == ["ok"]
    assert probe.current() is None


@pytest.mark.parametrize(
    ("status", "outcome"),
    [(200, "ok"), (204, "ok"), (404, "error"), (500, "error"), (504, "timeout"), (408, "timeout")],
)
def test_status_tells_the_outcome(status, outcome):
    probe = StandInProbe()
    call(responding(status), probe)
    assert probe.outcomes == [outcome]


@pytest.mark.parametrize(
    ("raised", "outcome"),
    [
        (asyncio.CancelledError(), "cancelled"),
        (TimeoutError(), "timeout"),
        (asyncio.TimeoutError(), "timeout"),
        (RuntimeError("CUDA out of memory"), "error"),
    ],
)
def test_an_exception_goes_on_and_tells_the_outcome(raised, outcome):
    async def app(scope, receive, send):
        raise raised

    probe = StandInProbe()
    _, error = call(app, probe)
    assert type(error) is type(raised)
    assert probe.outcomes == [outcome]


def test_a_client_that_leaves_in_the_middle_of_a_stream_is_cancelled():
    async def app(scope, receive, send):
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"a", "more_body": True})
        assert (await receive())["type"] == "http.disconnect"

    async def gone():
        return {"type": "http.disconnect"}

    probe = StandInProbe()
    call(app, probe, receive=gone)
    assert probe.outcomes == ["cancelled"]


def test_a_client_that_leaves_after_the_last_byte_is_not():
    async def app(scope, receive, send):
        await responding()(scope, receive, send)
        await receive()

    async def gone():
        return {"type": "http.disconnect"}

    probe = StandInProbe()
    call(app, probe, receive=gone)
    assert probe.outcomes == ["ok"]


def test_a_connection_that_breaks_while_sending_is_cancelled():
    async def broken(message):
        if message["type"] == "http.response.body":
            raise ConnectionResetError

    probe = StandInProbe()
    _, error = call(responding(), probe, send=broken)
    assert isinstance(error, ConnectionResetError)
    assert probe.outcomes == ["cancelled"]


def test_the_session_is_open_until_the_last_byte():
    probe = StandInProbe()
    seen = []

    async def watch(message):
        seen.append((message["type"], probe.outcomes))

    call(responding(), probe, send=watch)
    assert {tuple(outcomes) for _, outcomes in seen} == {(None,)}


def test_reading_metrics_is_no_session():
    probe = StandInProbe()
    call(responding(), probe, method="GET")
    assert probe.sessions == []


def test_a_caller_without_labels_is_unknown_and_not_lost():
    probe = StandInProbe()
    call(responding(), probe, headers=[])
    assert probe.labels()["tenant_id"] == "unknown"
    assert probe.sessions[0].session_id == "made-0"


def test_a_resolver_decides():
    probe = StandInProbe()
    call(
        responding(), probe, resolver=lambda headers: Labels(tenant_id=headers["x-meterhouse-tenant"].upper())
    )
    call(responding(), probe, resolver=lambda headers: None)
    assert [session.labels["tenant_id"] for session in probe.sessions] == ["ACME"]


def test_long_and_broken_headers_are_cut_to_what_the_schema_takes():
    probe = StandInProbe()
    call(responding(), probe, headers=[(b"x-meterhouse-tenant", b"\xff" + "\u20ac".encode() * 100)])
    tenant = probe.labels()["tenant_id"].encode()
    assert 120 < len(tenant) <= 128


def test_a_lazy_session_is_opened_with_its_prompt_or_at_the_end():
    async def opening(scope, receive, send):
        session = scope["meterhouse.open"](77)
        assert scope["meterhouse.open"]() is session
        await responding()(scope, receive, send)

    async def refusing(scope, receive, send):
        raise ValueError

    probe = StandInProbe()
    call(opening, probe, lazy=True)
    call(refusing, probe, lazy=True)
    assert [session.labels.get("prompt_tokens") for session in probe.sessions] == [77, 0]
    assert probe.outcomes == ["ok", "error"]


def test_requests_at_the_same_time_have_their_own_session():
    probe = StandInProbe()
    seen = []

    async def app(scope, receive, send):
        await asyncio.sleep(0)
        seen.append(probe.current().session_id == dict(scope["headers"])[b"x-meterhouse-session"].decode())
        await responding()(scope, receive, send)

    async def main():
        async def nothing():
            return {"type": "http.request"}

        async def ignore(_):
            pass

        middleware = ProbeMiddleware(app, probe)
        scopes = [
            {"type": "http", "method": "POST", "headers": [(b"x-meterhouse-session", b"%d" % number)]}
            for number in range(20)
        ]
        await asyncio.gather(*(middleware(scope, nothing, ignore) for scope in scopes))

    asyncio.run(main())
    assert seen == [True] * 20
    assert probe.outcomes == ["ok"] * 20


def test_with_the_real_probe_on_a_cpu(recorder, tmp_path):
    probe = Probe("cpu", state_dir=tmp_path, output=recorder, cold_start=False)
    set_probe(probe)

    async def app(scope, receive, send):
        with probe.step([(scope["meterhouse.session"], 3, 3)]):
            sum(range(10_000))
        await responding()(scope, receive, send)

    call(app, None)
    probe.close()
    set_probe(None)
    (event,) = [record for record in recorder.events if record["phase"] == "inference"]
    assert (event["session_id"], event["tenant_id"], event["outcome"]) == ("s-1", "acme", "ok")
    assert event["gpu_time_ns"] > 0
