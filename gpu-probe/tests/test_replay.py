"""The recording through the accounting: exact numbers, the same on every machine."""

import gzip
import json
import time
from collections import Counter

import pytest
from conftest import TRACE, Recorder

from gpu_probe.accounting import Account, GpuMeter, run
from gpu_probe.device import ReplayDevice, SessionClosed, StepMeasured, StepSubmitted
from gpu_probe.device.replay import TraceError, read_trace
from gpu_probe.sharing import POLICIES, make_policy

HOUR_NS = 3600 * 1_000_000_000
RECORDED = read_trace(TRACE)
# Elsewhere in time, in the middle of an hour's turn.
SHIFT = 498_732 * HOUR_NS - RECORDED.middle_ns


def replay(shift=SHIFT, policy="fitted-hinge"):
    output = Recorder()
    account = Account(output)
    device = ReplayDevice(RECORDED, shift)
    run(device, GpuMeter(device.info, make_policy(policy), account))
    return output, account


@pytest.fixture(scope="module")
def played():
    began = time.perf_counter()
    output, account = replay()
    assert time.perf_counter() - began < 15, "6 s are expected on an idle core"
    return output, account


def test_the_account_of_the_recording(played):
    _, account = played
    assert account.faults() == []
    assert account.summary() == {
        "sessions": 1136,
        "events": 1319,
        "totals": 4,
        "gpu_time_ns": {
            "physical": "125433947433",
            "sessions": "118226267900",
            "operator": "5261430666",
            "idle": "1946248867",
            "unattributed": "0",
        },
        "gpu_busy_ns": {"physical": "0", "sessions": "0", "operator": "0", "unmetered": "0"},
        "energy_uj": {
            "physical": "76537398000",
            "sessions": "76301839831",
            "operator": "0",
            "idle": "235558169",
            "unattributed": "0",
        },
    }


def test_everything_in_the_recording_is_in_the_events(played):
    events = [event for event in played[0].events if event["phase"] == "inference"]
    steps = [line for line in RECORDED.lines if line["t"] == "step"]
    closes = [line for line in RECORDED.lines if line["t"] == "close"]
    assert sum(event["gpu_time_ns"] for event in events) == sum(step["gpu_elapsed_ns"] for step in steps)
    assert sum(event["batch_steps"] for event in events) == sum(len(step["rows"]) for step in steps)
    assert sum(event["tokens_out"] for event in events) == sum(close["output_tokens"] for close in closes)
    last = {
        event["session_id"]: event["outcome"] for event in sorted(events, key=lambda event: event["sequence"])
    }
    assert Counter(last.values()) == {"ok": 842, "timeout": 23, "cancelled": 271}
    without_time = [event for event in events if event["gpu_time_ns"] == 0]
    assert len(without_time) == 124


def test_the_hour_is_exact_on_both_sides(played):
    output, _ = played
    hours = Counter()
    for event in output.events:
        hours[(event["ended_at"] - 1) // 3_600_000_000, event["phase"] == "inference"] += event["gpu_time_ns"]
    totals = Counter()
    for minute in output.minutes:
        hour = (minute["ended_at"] - 1) // 3_600_000_000
        totals[hour, True] += minute["attributed_ns"]
        totals[hour, False] += minute["operator_ns"]
    assert +hours == +totals
    assert {hour for hour, _ in hours} == {498_731, 498_732}


@pytest.mark.parametrize("policy", sorted(set(POLICIES) - {"fitted-hinge"}))
def test_every_policy_gives_out_the_same_time(played, policy):
    output, account = replay(policy=policy)
    assert account.faults() == []
    assert account.summary()["gpu_time_ns"] == played[1].summary()["gpu_time_ns"]
    assert {event["apportionment"] for event in output.events} == {f"{policy}@1", "exclusive@1"}


def test_the_same_replay_gives_the_same_records(played):
    again, _ = replay()
    assert again.events == played[0].events
    assert again.minutes == played[0].minutes


def test_moved_in_time_the_ids_differ(played):
    moved, account = replay(shift=SHIFT + HOUR_NS)
    assert account.summary()["gpu_time_ns"] == played[1].summary()["gpu_time_ns"]
    ids = {event["event_id"] for event in played[0].events}
    assert not ids & {event["event_id"] for event in moved.events}


def test_a_step_is_announced_before_any_of_its_sessions_closes():
    closed, announced = set(), {}
    for record in ReplayDevice(RECORDED).records():
        if isinstance(record, SessionClosed):
            closed.add(record.session)
        elif isinstance(record, StepSubmitted):
            assert not closed & set(record.sessions)
            announced[record.step] = set(record.sessions)
        elif isinstance(record, StepMeasured):
            assert announced[record.step] == {row.session for row in record.rows}


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "first line is not a meta"),
        ('{"t":"step"}\n', "first line is not a meta"),
        ("nonsense\n", "line 1 is not a trace record"),
        ('{"t":"meta"}\n[1]\n', "line 2 is not a trace record"),
        ('{"t":"meta"}\n', "no instant"),
    ],
)
def test_a_file_that_is_no_trace_is_told(tmp_path, text, told):
    path = tmp_path / "bad.jsonl"
    path.write_text(text)
    with pytest.raises(TraceError, match=told):
        read_trace(path)


def test_a_plain_file_is_read_like_a_packed_one(tmp_path):
    path = tmp_path / "trace.jsonl"
    path.write_bytes(gzip.decompress(TRACE.read_bytes()))
    assert read_trace(path) == RECORDED
    assert json.loads(path.read_text().splitlines()[0]) == RECORDED.meta
