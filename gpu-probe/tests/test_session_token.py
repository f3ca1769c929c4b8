"""What a gateway signed for a session travels to its events, and nowhere else."""

import asyncio
import json
import logging

import pytest
from conftest import Recorder
from stand_in import StandInProbe
from test_live import MS, Engine

from gpu_probe import Probe
from gpu_probe.device.replay import ReplayDevice, read_trace
from gpu_probe.integrations.asgi import ProbeMiddleware
from gpu_probe.integrations.labels import from_headers
from gpu_probe.integrations.vllm_labels import KEYS, by_header, extra_args, request_id
from gpu_probe.integrations.vllm_server import VllmMiddleware
from gpu_probe.journal import entries
from gpu_probe.live.metering import Metering
from gpu_probe.publish import Spool
from gpu_probe.records import GPU_TIME_EVENT, SIGNED_GPU_TIME_EVENT, decode_single_object
from gpu_probe.session_token import TOKEN_BYTES, is_token
from gpu_probe.wal import Wal, read_log

LABELS = {"tenant_id": "acme", "project_id": "p", "model": "m"}
TOKEN = f"mhs1.gateway-1.{'eyJ0' * 20}.{'A-_9' * 21}AA"
OTHER = TOKEN.replace("gateway-1", "gateway-2")
LONGEST = f"mhs1.k.{'x' * (TOKEN_BYTES - 7 - 87)}.{'A' * 86}"
NO_TOKENS = [
    "",
    "anything",
    TOKEN + "A",
    TOKEN[:-1],
    TOKEN + "\n",
    TOKEN.replace("mhs1", "mhs2"),
    TOKEN.replace("gateway-1", "Gateway"),
    TOKEN.replace("eyJ0", "ey\u200bJ"),
    TOKEN.replace("A-_9", "A+/9"),
    LONGEST.replace(".A", "x.A"),
]


def test_the_longest_is_as_long_as_the_processor_takes():
    assert len(LONGEST) == TOKEN_BYTES
    assert is_token(LONGEST)
    assert is_token(TOKEN)


@pytest.mark.parametrize("text", [*NO_TOKENS, 7, b"mhs1"])
def test_what_has_not_its_form_is_refused_and_not_repeated(text, tmp_path):
    with (
        Probe("cpu", state_dir=tmp_path, output=Recorder()) as probe,
        pytest.raises(ValueError, match="session_token must be") as caught,
    ):
        probe.open_session(**LABELS, session_token=text)
    assert str(text)[:20] not in str(caught.value) or not text


def test_each_event_of_the_session_carries_it_and_no_other(tmp_path, caplog):
    caplog.set_level(logging.DEBUG)
    recorder = Recorder()
    with Probe("cpu", state_dir=tmp_path, output=recorder, cold_start=False) as probe:
        with probe.warmup("m"):
            pass
        with probe.session(**LABELS, session_id="block", session_token=TOKEN):
            pass
        late = probe.open_session(**LABELS, session_id="engine", session_token=OTHER)
        plain = probe.open_session(**LABELS, session_id="plain")
        with probe.step([(late, 1, 1), (plain, 1, 1)]):
            pass
        late.close()
        with probe.step([(late, 1, 2)]):
            pass
    tokens = {event["session_id"]: event.get("session_token") for event in recorder.events}
    assert {name: tokens.pop(name) for name in ("block", "engine", "engine-late-0", "plain")} == {
        "block": TOKEN,
        "engine": OTHER,
        "engine-late-0": OTHER,
        "plain": None,
    }
    assert set(tokens.values()) == {None}
    assert "warmup" in {event["phase"] for event in recorder.events}
    assert "mhs1" not in caplog.text


def test_only_an_event_with_one_is_written_in_version_3(tmp_path):
    recorder = Recorder()
    with Probe("cpu", state_dir=tmp_path / "state", output=recorder, cold_start=False) as probe:
        with probe.session(**LABELS, session_id="signed", session_token=TOKEN):
            pass
        with probe.session(**LABELS, session_id="plain"):
            pass
    with Wal(tmp_path / "wal") as wal:
        spool = Spool(wal)
        for event in recorder.events:
            spool.event(event)
    messages = [decode_single_object(entry.value) for entry in read_log(tmp_path / "wal")]
    found = {record["session_id"]: (schema, record) for schema, record in messages}
    assert found["signed"][0] is SIGNED_GPU_TIME_EVENT
    assert found["signed"][1]["session_token"] == TOKEN
    assert found["signed"][1]["correction_mac"] is None
    assert found["plain"][0] is GPU_TIME_EVENT


def test_it_outlives_the_process_and_the_part_of_the_journal_that_was_read(tmp_path):
    """Opened, then read into a checkpoint; whoever reads on has only that."""
    engine = Engine(tmp_path)
    text = entries.encode_json(LABELS | {"user_id": None, "model_version": "1"})[1:-1]
    opening = f'"session":0,"at_ns":{engine.host.now},"prompt_tokens":1,"session_token":"{TOKEN}"'
    engine.unit.journal.append(
        entries.text_entry(entries.OPENED, f'{{{opening},"session_id":"signed",{text}}}')
    )
    engine.open[0] = 0
    engine.step(0, 5 * MS, 1)
    folder = engine.unit.journal.folder
    first = Metering(folder, Recorder())
    first.poll()
    first._checkpoint()
    first.close()
    assert TOKEN in (folder / "checkpoint").read_text()
    engine.close_session(0, "ok")
    engine.unit.end(1)
    output = Recorder()
    second = Metering(folder, output)
    second.poll()
    second.close()
    signed = [event for event in output.events if event["session_id"] == "signed"]
    assert [event["session_token"] for event in signed] == [TOKEN] * len(signed) != []


def test_a_recording_is_without_it_and_a_replay_takes_one_that_is_put_in(tmp_path):
    path = tmp_path / "trace.jsonl"
    with (
        Probe("cpu", state_dir=tmp_path / "state", output=Recorder(), record=path) as probe,
        probe.session(**LABELS, session_token=TOKEN),
    ):
        pass
    assert "mhs1" not in path.read_text()
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    for line in lines:
        if line["t"] == "open":
            line["session_token"] = TOKEN
    path.write_text("".join(f"{json.dumps(line)}\n" for line in lines))
    opened = [record for record in ReplayDevice(read_trace(path)).records() if hasattr(record, "tenant_id")]
    assert [record.session_token for record in opened] == [TOKEN]


def test_the_middleware_reads_it_from_its_header():
    async def app(scope, receive, send):
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    async def nothing(*_):
        return {"type": "http.request"}

    probe = StandInProbe()
    for value in (TOKEN, "forged\nline", LONGEST + "A"):
        headers = [(b"X-Meterhouse-Session-Token", value.encode())]
        scope = {"type": "http", "method": "POST", "path": "/", "headers": headers}
        asyncio.run(ProbeMiddleware(app, probe)(scope, nothing, nothing))
    assert [session.labels["session_token"] for session in probe.sessions] == [TOKEN, None, None]


def test_without_the_header_there_is_none():
    assert from_headers({}, "m").session_token is None


@pytest.mark.parametrize(
    ("value", "expected"), [(LONGEST, {"meterhouse_session_token": LONGEST}), ("bad", {})]
)
def test_vllms_server_hands_it_to_the_engine(value, expected):
    bodies = []

    async def app(scope, receive, send):
        bodies.append(json.loads((await receive())["body"]))

    async def receive():
        return {"type": "http.request", "body": b"{}", "more_body": False}

    headers = [(b"x-meterhouse-session-token", value.encode())]
    scope = {"type": "http", "method": "POST", "path": "/v1/completions", "headers": headers}
    asyncio.run(VllmMiddleware(app)(scope, receive, None))
    assert bodies[0].get("vllm_xargs", {}) == expected


def test_the_engine_finds_it_under_the_headers_name():
    given = extra_args("acme", "p", session_token=TOKEN)
    assert from_headers(by_header(given), "m").session_token == TOKEN
    assert KEYS["x-meterhouse-session-token"] in given
    assert TOKEN not in request_id(given, None)
