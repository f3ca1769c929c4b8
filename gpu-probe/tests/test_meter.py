"""Scenarios a bookkeeper can follow, beside the property tests of test_conservation."""

import pytest
from conftest import Recorder

from gpu_probe.accounting import AccountingError, GpuMeter
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
    WatchEnded,
)
from gpu_probe.sharing import make_policy

MS = 1_000_000
SECOND = 1000 * MS
HOUR_NS = 498_732 * 3600 * SECOND  # an hour's start
START = HOUR_NS - 10 * SECOND


class Scene:
    """A meter fed by hand. Instants are milliseconds after START; the hour turns at 10,000."""

    def __init__(self, power=False, policy="equal"):
        info = DeviceInfo(
            "node-1", "pod-1", "GPU-1", "H100", None, "exclusive", 0, 1, 80 << 30, power, 700_000, START
        )
        self.output = Recorder()
        self.meter = GpuMeter(info, make_policy(policy), self.output)
        self._steps = 0

    def open(self, session, at, prompt=10):
        self.meter.take(
            SessionOpened(
                session, START + at * MS, f"s{session}", "tenant", "project", "user", "model", "1", prompt
            )
        )

    def submit(self, *sessions):
        self._steps += 1
        self.meter.take(StepSubmitted(self._steps, sessions))
        return self._steps

    def measure(self, step, at, length, *rows, memory=None):
        begin = START + at * MS
        rows = tuple(Row(*row) for row in rows)
        self.meter.take(StepMeasured(step, begin, length * MS, rows, begin + length * MS, None, memory))

    def step(self, at, length, *rows, memory=None):
        self.measure(self.submit(*(row[0] for row in rows)), at, length, *rows, memory=memory)

    def close(self, session, at, outcome="ok", tokens=None):
        self.meter.take(SessionClosed(session, START + at * MS, outcome, tokens))

    def power(self, at, milliwatts, millijoules):
        self.meter.take(PowerSample(START + at * MS, milliwatts, millijoules))

    def end(self, at):
        self.meter.take(WatchEnded(START + at * MS))
        return self.output


def brief(event, *fields):
    return tuple(event[field] for field in fields)


def test_two_sessions_share_a_step_and_the_first_gets_the_odd_nanosecond():
    scene = Scene()
    scene.open(1, 0)
    scene.open(2, 0)
    step = scene.submit(2, 1)
    scene.meter.take(StepMeasured(step, START, 3, (Row(2, 1, 11), Row(1, 1, 11)), START + 3))
    scene.close(1, 1)
    scene.close(2, 1)
    events = scene.end(1).events
    assert [brief(event, "session_id", "gpu_time_ns") for event in events] == [("s1", 2), ("s2", 1)]


def test_a_step_across_the_hour_is_cut_there_to_the_nanosecond():
    scene = Scene()
    scene.open(1, 0)
    scene.step(9_999, 3, (1, 10, 10))
    scene.close(1, 10_002)
    output = scene.end(10_002)
    hour_us = HOUR_NS // 1000
    assert [brief(event, "sequence", "started_at", "ended_at", "gpu_time_ns") for event in output.events] == [
        (0, hour_us - 1000, hour_us, MS),
        (1, hour_us, hour_us + 2000, 2 * MS),
    ]
    # the step and its tokens count where it ends
    assert [brief(event, "batch_steps", "tokens_in", "tokens_out") for event in output.events] == [
        (0, 0, 0),
        (1, 10, 1),
    ]
    assert [totals["attributed_ns"] for totals in output.minutes] == [MS, 2 * MS]


def test_a_session_closed_before_any_step_is_an_event_without_time():
    scene = Scene(power=True)
    scene.open(1, 0)
    scene.close(1, 5, "cancelled", 0)
    (event,) = scene.end(10).events
    assert brief(event, "outcome", "gpu_time_ns", "energy_uj", "batch_steps", "tokens_in") == (
        "cancelled",
        0,
        0,
        0,
        0,
    )
    assert event["started_at"] == event["ended_at"] == (START + 5 * MS) // 1000


def test_steps_in_flight_when_the_caller_leaves_still_count():
    scene = Scene()
    scene.open(1, 0)
    step = scene.submit(1)
    scene.close(1, 1, "timeout", 1)
    assert scene.output.events == []
    scene.measure(step, 0, 20, (1, 10, 10))
    (event,) = scene.output.events
    assert brief(event, "outcome", "gpu_time_ns", "tokens_out") == ("timeout", 20 * MS, 1)


def test_a_missed_step_is_unattributed_and_bounds_its_sessions():
    scene = Scene()
    scene.open(1, 0)
    step = scene.submit(1)
    scene.meter.take(StepMissed(step, START, START + 5 * MS, START + 5 * MS))
    scene.step(5, 5, (1, 10, 10))
    scene.close(1, 10)
    output = scene.end(10)
    assert brief(output.events[0], "gpu_time_ns", "time_quality") == (5 * MS, "bounded")
    assert brief(output.minutes[0], "unattributed_ns", "steps", "steps_missed") == (5 * MS, 1, 1)


def test_what_is_open_at_the_end_is_interrupted_and_a_step_without_answer_is_missed():
    scene = Scene()
    scene.open(1, 0)
    scene.step(0, 5, (1, 10, 10))
    scene.submit(1)
    output = scene.end(20)
    assert brief(output.events[0], "outcome", "time_quality", "gpu_time_ns") == (
        "interrupted",
        "bounded",
        5 * MS,
    )
    assert brief(output.minutes[0], "steps", "steps_missed", "idle_ns") == (1, 1, 15 * MS)


def test_overlapping_streams_share_what_they_share():
    scene = Scene()
    scene.open(1, 0)
    scene.open(2, 0)
    first, second = scene.submit(1), scene.submit(2)
    settled = START
    scene.meter.take(StepMeasured(first, START, 10 * MS, (Row(1, 1, 1),), settled))
    scene.meter.take(StepMeasured(second, START + 4 * MS, 10 * MS, (Row(2, 1, 1),), START + 14 * MS))
    scene.close(1, 14)
    scene.close(2, 14)
    output = scene.end(14)
    # 4 alone, 6 shared, 4 alone
    assert [event["gpu_time_ns"] for event in output.events] == [7 * MS, 7 * MS]
    assert output.minutes[0]["attributed_ns"] == 14 * MS


def test_cold_start_is_the_operators():
    scene = Scene()
    scene.meter.take(OperatorSpan("load", START, 5 * MS, "estimated", "model", "1", START + 5 * MS, 7_000))
    output = scene.end(10)
    fields = (
        "tenant_id",
        "project_id",
        "phase",
        "gpu_time_ns",
        "memory_peak_bytes",
        "time_quality",
        "apportionment",
    )
    assert brief(output.events[0], *fields) == (
        "operator", "cold-start", "load", 5 * MS, 7_000, "estimated", "exclusive@1",
    )  # fmt: skip
    assert brief(output.minutes[0], "operator_ns", "attributed_ns", "steps") == (5 * MS, 0, 0)


def test_memory_peaks_of_overlapping_sessions_do_not_erase_each_other():
    scene = Scene()
    scene.open(1, 0)
    scene.step(0, 1, (1, 10, 10), memory=500)
    scene.open(2, 1)
    scene.step(1, 1, (1, 1, 11), (2, 10, 10), memory=900)
    scene.close(2, 2)
    scene.step(2, 1, (1, 1, 12), memory=300)
    scene.close(1, 3)
    scene.open(3, 3)
    scene.step(3, 1, (3, 10, 10), memory=400)
    scene.close(3, 4)
    events = {event["session_id"]: event for event in scene.end(4).events}
    assert [brief(events[s], "memory_peak_bytes", "memory_scope") for s in ("s1", "s2", "s3")] == [
        (900, "shared"),
        (900, "shared"),
        (400, "session"),
    ]


def test_a_peak_from_before_a_session_opened_is_not_its_own():
    scene = Scene()
    scene.open(1, 0)
    scene.step(0, 1, (1, 10, 10), memory=900)
    scene.open(2, 1)
    scene.step(1, 1, (1, 1, 11), (2, 10, 10), memory=400)
    scene.close(2, 2)
    scene.close(1, 2)
    assert [event["memory_peak_bytes"] for event in scene.end(2).events] == [400, 900]


def test_tokens_from_a_prefix_cache_and_the_engines_own_count():
    scene = Scene()
    scene.open(1, 0, prompt=100)
    scene.step(0, 1, (1, 30, 90))  # 60 of the prompt came from the cache
    scene.step(1, 1, (1, 10, 100))
    scene.step(2, 1, (1, 4, 104))  # four proposed, two accepted
    scene.close(1, 3, "ok", tokens=3)
    (event,) = scene.end(3).events
    assert brief(event, "tokens_in", "tokens_cached", "tokens_out", "batch_steps") == (40, 60, 3, 3)


def test_idle_power_is_its_own_bucket():
    scene = Scene(power=True)
    scene.power(0, 100_000, 0)  # 100 W while nothing runs
    scene.open(1, 0)
    scene.step(100, 50, (1, 10, 10))
    scene.power(200, 100_000, 40_000)  # 40 J in 200 ms: 20 J idle power, 20 J more
    scene.close(1, 200)
    output = scene.end(200)
    # 20 J above idle, and idle power for its 50 ms
    assert brief(output.events[0], "energy_uj", "energy_quality", "power_avg_mw") == (
        25_000_000,
        "counter",
        200_000,
    )
    assert brief(output.minutes[0], "energy_uj", "energy_attributed_uj", "energy_idle_uj") == (
        40_000_000, 25_000_000, 15_000_000,
    )  # fmt: skip


def test_a_late_sensor_gives_the_energy_to_the_step_before():
    scene = Scene(power=True)
    scene.power(0, 100_000, 0)
    scene.open(1, 0)
    scene.step(10, 90, (1, 10, 10))
    scene.close(1, 100)
    scene.power(100, 100_000, 10_000)
    scene.power(200, 100_000, 30_000)  # nothing runs, yet 20 J instead of 10
    output = scene.end(200)
    assert brief(output.events[0], "energy_uj") == (9_000_000 + 10_000_000,)
    assert output.minutes[0]["energy_idle_uj"] == 1_000_000 + 10_000_000


def test_a_counter_that_begins_anew_says_nothing_of_that_tick():
    scene = Scene(power=True)
    scene.power(0, 100_000, 5_000_000)
    scene.open(1, 0)
    scene.step(0, 50, (1, 10, 10))
    scene.close(1, 50)
    scene.power(100, 100_000, 7)
    output = scene.end(100)
    assert brief(output.events[0], "energy_uj", "energy_quality", "power_avg_mw") == (None, "none", None)
    assert output.minutes[0]["energy_uj"] is None


def test_without_a_sensor_energy_is_null_and_nothing_waits_for_it():
    scene = Scene()
    scene.open(1, 0)
    scene.step(0, 5, (1, 10, 10))
    scene.close(1, 5)
    assert brief(scene.output.events[0], "energy_uj", "energy_quality") == (None, "none")


def test_a_silent_sensor_holds_events_back_for_five_seconds_only():
    scene = Scene(power=True)
    scene.power(0, 100_000, 0)
    scene.open(1, 0)
    scene.open(2, 0)
    scene.step(0, 5, (1, 10, 10))
    scene.close(1, 5)
    scene.step(4_000, 5, (2, 10, 10))
    assert scene.output.events == []
    scene.step(6_000, 5, (2, 10, 10))
    assert brief(scene.output.events[0], "session_id", "energy_uj") == ("s1", None)


@pytest.mark.parametrize(
    ("broken", "told"),
    [
        (lambda scene: scene.submit(9), "session 9 is not open"),
        (lambda scene: scene.measure(9, 0, 1, (1, 1, 1)), "step 9 was not submitted"),
        (lambda scene: scene.open(1, 0), "opened twice"),
        (lambda scene: scene.close(9, 0), "session 9 is not open"),
    ],
)
def test_a_device_that_breaks_the_order_is_told(broken, told):
    scene = Scene()
    scene.open(1, 0)
    with pytest.raises(AccountingError, match=told):
        broken(scene)
