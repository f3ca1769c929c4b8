"""P6: whatever a device tells, time and energy add up by GPU and minute, to the last unit."""

from collections import Counter
from itertools import pairwise

from conftest import Recorder
from hypothesis import given, settings
from hypothesis import strategies as st

from gpu_probe.accounting import GpuMeter
from gpu_probe.device import (
    DeviceInfo,
    OperatorSpan,
    PowerSample,
    Row,
    SessionClosed,
    SessionOpened,
    StepMeasured,
    StepMissed,
    StepSubmitted,
    TimeAdvanced,
    WatchEnded,
)
from gpu_probe.device.interface import ActivitySample
from gpu_probe.sharing import make_policy

SECOND = 1_000_000_000
HOUR = 3600 * SECOND
# Shortly before an hour's end, off any whole microsecond.
START = 498_732 * HOUR - 90 * SECOND + 123_457


def info(power=True, start=START, activity=None):
    place = ("node-1", None, "GPU-1", "H100", None, "exclusive", 0, 1, 80 << 30)
    return DeviceInfo(*place, power, 700_000, start, activity=activity)


def opened(session, at=START, prompt=100):
    return SessionOpened(
        session, at, f"session-{session}", f"tenant-{session % 3}", "project", None, "model", "1", prompt
    )


@st.composite
def recordings(draw):
    """A device's records: sessions come and go, steps overlap in up to three streams, some are missed, the
    sensor ticks at its own pace, and all of it may cross minutes and an hour."""
    records, ends = [], [START] * draw(st.integers(1, 3))
    if draw(st.booleans()):
        length = draw(st.integers(0, 80 * SECOND))
        records.append(
            OperatorSpan("load", START, length, "estimated", "model", "1", START + length, 1 << 30)
        )
        ends = [START + length] * len(ends)
    alive, next_session, energy, power_at, contexts = [], 0, draw(st.integers(0, 10**9)), START, {}
    counted_at = START
    in_flight = []
    for number in range(draw(st.integers(0, 25))):
        action = draw(st.sampled_from(["open", "open", "close", *["step"] * 4, "power", "power", "activity"]))
        now = max(ends)
        if action == "open":
            records.append(opened(next_session, now, draw(st.integers(0, 50))))
            alive.append(next_session)
            contexts[next_session] = draw(st.integers(0, 10))
            next_session += 1
        elif action == "close" and alive:
            session = alive.pop(draw(st.integers(0, len(alive) - 1)))
            outcome = draw(st.sampled_from(["ok", "timeout", "cancelled", "error"]))
            records.append(SessionClosed(session, now, outcome, draw(st.none() | st.integers(0, 99))))
        elif action == "power":
            power_at += draw(st.integers(1, 30 * SECOND))
            energy += draw(st.integers(0, 10**7))
            records.append(PowerSample(power_at, draw(st.integers(0, 10**6)), energy))
        elif action == "activity":
            counted_at += draw(st.sampled_from([0, 0, 0, SECOND]))
            for tick in ticks(draw, counted_at, now):
                records.append(tick)
                counted_at = tick.end_ns
        elif action == "step":
            stream = draw(st.integers(0, len(ends) - 1))
            begin = ends[stream] + draw(st.integers(0, 10 * SECOND))
            elapsed = draw(st.integers(0, 40 * SECOND))
            members = draw(st.lists(st.sampled_from(alive), max_size=6, unique=True)) if alive else []
            records.append(StepSubmitted(number, tuple(members)))
            ends[stream] = begin + elapsed
            in_flight.append((number, begin, elapsed, members))
            if draw(st.booleans()) or len(in_flight) > 2:
                for at, (step, began, took, sessions) in enumerate(in_flight):
                    # steps still to come begin after the earliest stream's end, or are in the list
                    settled = min([*ends, *(later[1] for later in in_flight[at + 1 :])])
                    if draw(st.integers(0, 9)) == 0:
                        records.append(StepMissed(step, began, began + took, settled))
                        continue
                    rows = []
                    for session in sessions:
                        new = draw(st.integers(0, 40))
                        contexts[session] += new
                        rows.append(Row(session, new, contexts[session]))
                    records.append(
                        StepMeasured(
                            step, began, took, tuple(rows), settled, None, draw(st.integers(0, 1 << 36))
                        )
                    )
                in_flight = []
        if draw(st.integers(0, 9)) == 0 and not in_flight:
            records.append(TimeAdvanced(min(ends)))
    end = max(*ends, power_at, START) + draw(st.integers(0, 5 * SECOND))
    records.append(WatchEnded(end))
    if draw(st.booleans()):
        records = [record for record in records if not isinstance(record, ActivitySample)]
        records = [*ticks(draw, START, end + 1), *records]
    return records


def ticks(draw, begin, until):
    """The counter's, one after the other."""
    quality = draw(st.sampled_from(["counter", "counter", "sampled"]))
    while begin < until:
        length = draw(st.integers(90_000_000, 7 * SECOND))
        yield ActivitySample(begin, begin + length, draw(st.integers(0, length)), quality)
        begin += length


def play(records, power=True, policy="fitted-hinge", activity="counter"):
    output = Recorder()
    meter = GpuMeter(info(power, activity=activity), make_policy(policy), output)
    for record in records:
        meter.take(record)
    return output


def minute_of(record):
    # half open: what ends at an edge belongs to the minute before
    last = record["ended_at"] - (record["ended_at"] > record["started_at"])
    assert record["started_at"] // 60_000_000 == last // 60_000_000, "an event crosses a minute"
    return last // 60_000_000


@settings(max_examples=200)
@given(recordings(), st.sampled_from(["equal", "tokens", "fitted-hinge", "static-shapley"]))
def test_time_adds_up_by_minute(records, policy):
    output = play(records, policy=policy)
    sessions, operator = Counter(), Counter()
    for event in output.events:
        (sessions if event["phase"] == "inference" else operator)[minute_of(event)] += event["gpu_time_ns"]
    wall = 0
    for totals in output.minutes:
        minute = minute_of(totals)
        parts = ("attributed_ns", "operator_ns", "idle_ns", "unattributed_ns")
        assert all(totals[part] >= 0 for part in parts)
        assert totals["wall_time_ns"] == sum(totals[part] for part in parts)
        assert sessions.pop(minute, 0) == totals["attributed_ns"]
        assert operator.pop(minute, 0) == totals["operator_ns"]
        wall += totals["wall_time_ns"]
    assert not +sessions and not +operator
    assert wall == records[-1].at_ns - START
    assert len({totals["totals_id"] for totals in output.minutes}) == len(output.minutes)


@settings(max_examples=200)
@given(recordings(), st.booleans())
def test_busy_time_adds_up_by_minute(records, power):
    output = play(records, power)
    sessions, operator = Counter(), Counter()
    for event in output.events:
        if event["busy_quality"] == "elapsed":
            assert event["gpu_busy_ns"] == event["gpu_time_ns"]
        else:
            part = sessions if event["phase"] == "inference" else operator
            part[minute_of(event)] += event["gpu_busy_ns"]
    busy = 0
    for totals in output.minutes:
        minute = minute_of(totals)
        if totals["busy_quality"] == "elapsed":
            assert totals["busy_ns"] is None and not sessions[minute] and not operator[minute]
            continue
        parts = ("busy_attributed_ns", "busy_operator_ns", "unmetered_ns")
        assert all(totals[part] >= 0 for part in parts)
        assert totals["busy_ns"] == sum(totals[part] for part in parts)
        assert sessions.pop(minute, 0) == totals["busy_attributed_ns"]
        assert operator.pop(minute, 0) == totals["busy_operator_ns"]
        busy += totals["busy_ns"]
    assert not +sessions and not +operator
    counted = [record for record in records if isinstance(record, ActivitySample)]
    if records[0] in counted and output.minutes:
        # The counter said something of all the time.
        assert busy == sum(tick.busy_ns for tick in counted)


@settings(max_examples=200)
@given(recordings())
def test_energy_adds_up_to_the_counter(records):
    output = play(records)
    readings = [record for record in records if isinstance(record, PowerSample)]
    counter = (readings[-1].energy_mj - readings[0].energy_mj) * 1000 if readings else 0
    given = Counter()
    for event in output.events:
        if event["energy_uj"] is not None:
            assert event["energy_uj"] >= 0
            given["sessions" if event["phase"] == "inference" else "operator"] += event["energy_uj"]
    for totals in output.minutes:
        assert (totals["energy_uj"] or 0) == sum(
            totals[part] or 0 for part in ("energy_attributed_uj", "energy_operator_uj", "energy_idle_uj")
        )
        given["idle"] += totals["energy_idle_uj"] or 0
    assert sum(totals["energy_uj"] or 0 for totals in output.minutes) == counter
    assert sum(given.values()) == counter
    assert given["sessions"] == sum(totals["energy_attributed_uj"] or 0 for totals in output.minutes)


@settings(max_examples=100)
@given(recordings(), st.booleans())
def test_every_session_ends_in_an_event_and_ids_are_unique_and_the_same_again(records, power):
    output = play(records, power)
    by_session = {}
    for event in output.events:
        by_session.setdefault(event["session_id"], []).append(event)
    expected = {record.session_id for record in records if isinstance(record, SessionOpened)}
    assert expected <= set(by_session)
    outcomes = {
        f"session-{record.session}": record.outcome for record in records if isinstance(record, SessionClosed)
    }
    for session in expected:
        events = sorted(by_session[session], key=lambda event: event["sequence"])
        assert [event["sequence"] for event in events] == list(range(len(events)))
        assert events[-1]["outcome"] == outcomes.get(session, "interrupted")
        assert all(event["outcome"] == "ok" for event in events[:-1])
        assert all(before["ended_at"] <= after["ended_at"] for before, after in pairwise(events))
    assert len({event["event_id"] for event in output.events}) == len(output.events)
    again = play(records, power)
    assert (again.events, again.minutes) == (output.events, output.minutes)


@settings(max_examples=100)
@given(recordings())
def test_a_record_never_breaks_the_consumers_rules(records):
    for event in play(records).events:
        span = (event["ended_at"] - event["started_at"]) * 1000
        assert 0 <= event["gpu_time_ns"] <= span
        assert 0 <= event["gpu_busy_ns"] <= span
        assert int.from_bytes(event["event_id"][:6], "big") == event["ended_at"] // 1000
        for field in ("tokens_in", "tokens_cached", "tokens_out", "batch_steps", "memory_peak_bytes"):
            assert event[field] >= 0
        if event["power_avg_mw"] is not None:
            assert 0 <= event["power_avg_mw"] <= event["power_peak_mw"]
