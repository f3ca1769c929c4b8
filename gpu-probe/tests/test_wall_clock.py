"""The wall clock is set while a probe lives: the books follow it between minutes and say so, nothing has two
ids, and no time is made or lost."""

from time import time_ns

import pytest
from conftest import Recorder
from test_conservation import START, info, opened
from test_live import Engine
from watched import LABELS, MS, Watched

from gpu_probe.accounting import GpuMeter
from gpu_probe.device import Row, SessionClosed, StepMeasured, StepSubmitted, TimeAdvanced, WatchEnded
from gpu_probe.device.interface import ClockSet, PowerSample
from gpu_probe.live.service import Service
from gpu_probe.live.wall_clock import WallClock
from gpu_probe.sharing import make_policy

SECOND = 1_000_000_000
MINUTE_US = 60_000_000
SHIFTS = [-600, 600, -60, 60, -3600, 37, -1.5, 90_061.25]


class Clocks:
    """A wall clock that can be set, and a steady one."""

    def __init__(self, ahead_s=0):
        self.steady, self.wall = 5 * SECOND, START + ahead_s * SECOND
        self.clock = WallClock(lambda: self.wall, lambda: self.steady)

    def pass_time(self, seconds):
        self.steady += int(seconds * SECOND)
        self.wall += int(seconds * SECOND)

    def looks(self, count=3):
        found = []
        for _ in range(count):
            self.pass_time(0.1)
            found.append(self.clock.was_set())
        return found


@pytest.mark.parametrize("seconds", SHIFTS)
def test_a_clock_that_was_set_is_noticed_once_and_now_never_jumps(seconds):
    clocks = Clocks()
    before = clocks.clock.now()
    clocks.wall += int(seconds * SECOND)
    assert clocks.looks() == [False, True, False]
    assert clocks.clock.now() - before == int(0.3 * SECOND)
    assert clocks.clock.now() + clocks.clock.shift_ns == pytest.approx(clocks.wall, abs=1000)
    clocks.wall -= int(seconds * SECOND)
    assert clocks.looks() == [False, True, False] and clocks.clock.shift_ns == pytest.approx(0, abs=1000)


def test_drift_and_a_clock_that_is_set_and_set_back_are_nothing():
    clocks = Clocks()
    for _ in range(20):
        clocks.wall += 40 * MS
        assert clocks.looks(1) == [False]
    clocks.wall += 100 * SECOND
    assert clocks.looks(1) == [False]
    clocks.wall -= 100 * SECOND
    assert clocks.looks() == [False] * 3


def test_a_reading_that_was_interrupted_says_nothing():
    clocks = Clocks()

    def slow():
        clocks.steady += 2 * SECOND
        return clocks.wall

    clocks.clock._wall = slow
    assert clocks.looks() == [False] * 3


def play(shift_ns, seconds=300, power=True):
    """A session with a step of 400 ms in every second; the clock is set after 90 seconds."""
    output = Recorder()
    meter = GpuMeter(info(power), make_policy("equal"), output)
    meter.take(opened(0))
    for second in range(seconds):
        at = START + second * SECOND
        if second == 90:
            meter.take(ClockSet(shift_ns))
        meter.take(PowerSample(at, 300_000, second * 300_000))
        meter.take(StepSubmitted(second, (0,)))
        meter.take(StepMeasured(second, at, 400 * MS, (Row(0, 1, second + 1),), at + 400 * MS))
        meter.take(TimeAdvanced(at + 900 * MS))
    end = START + seconds * SECOND
    meter.take(PowerSample(end, 300_000, seconds * 300_000))
    meter.take(SessionClosed(0, end, "ok", None))
    meter.take(WatchEnded(end))
    return output, end


@pytest.mark.parametrize("seconds", SHIFTS)
def test_the_books_follow_the_clock_and_add_up(seconds):
    shift = int(seconds * SECOND)
    output, end = play(shift)
    assert sum(totals["wall_time_ns"] for totals in output.minutes) == 300 * SECOND
    assert sum(event["gpu_time_ns"] for event in output.events) == 300 * 400 * MS
    assert sum(totals["energy_uj"] for totals in output.minutes) == 300 * 300_000 * 1000
    assert output.minutes[-1]["ended_at"] == -(-(end + shift) // 1000)
    for record in output.events + output.minutes:
        first, last = record["started_at"] // MINUTE_US, (record["ended_at"] - 1) // MINUTE_US
        assert first == last, "minutes are the wall clock's, before and after"
    for event in output.events:
        assert event["gpu_time_ns"] <= (event["ended_at"] - event["started_at"]) * 1000
    ids = [record.get("event_id", record.get("totals_id")) for record in output.events + output.minutes]
    assert len(set(ids)) == len(ids)
    by_minute = {totals["started_at"] // MINUTE_US: 0 for totals in output.minutes}
    for event in output.events:
        by_minute[event["started_at"] // MINUTE_US] += event["gpu_time_ns"]
    for totals in output.minutes:
        by_minute[totals["started_at"] // MINUTE_US] -= totals["attributed_ns"]
    assert set(by_minute.values()) == {0}


def test_the_first_minute_after_it_is_labelled_and_no_other():
    for shift, text in ((-600 * SECOND, "clock set by -600.000 s"), (1_500 * MS, "clock set by +1.500 s")):
        versions = [totals["probe_version"] for totals in play(shift)[0].minutes]
        assert [text in version for version in versions].count(True) == 1
    assert not any("clock" in totals["probe_version"] for totals in play(0)[0].minutes)


def test_without_a_step_of_the_clock_nothing_is_other_than_before():
    output, _ = play(0)
    again, _ = play(0)
    assert [totals["totals_id"] for totals in output.minutes] == [t["totals_id"] for t in again.minutes]


def test_a_clock_that_was_fast_at_the_start_is_right_within_a_minute(tmp_path):
    """From the journal on: the wall clock stands 600 s ahead, and somebody sets it right."""
    engine, output = Engine(tmp_path, sensor=False, cold_start=False), Recorder()
    service = Service(tmp_path, output)
    engine.open_session(5)
    for number in range(90):
        if number == 10:
            engine.unit.set_clock(-600 * SECOND)
        engine.step(0, 5 * MS, 1)
        engine.host.now += 2 * SECOND
        engine.unit.tick()
    engine.unit.clock.harvest()
    engine.close_session(0, "ok")
    engine.unit.end(0)
    while service.poll():
        continue
    right = engine.host.now - 600 * SECOND
    late = [event for event in output.events if event["ended_at"] * 1000 > right]
    assert {event["sequence"] for event in late} == {0}, "only the minute in which it was set"
    assert output.events[-1]["ended_at"] * 1000 <= right
    total = sum(event["gpu_time_ns"] for event in output.events)
    assert total == pytest.approx(90 * 5 * MS, rel=1e-4), "the made-up GPU's clock drifts"


def test_a_living_probe_follows_and_says_so(tmp_path, monkeypatch, caplog):
    ahead = [0]
    monkeypatch.setattr("gpu_probe.probe.WallClock", lambda: WallClock(lambda: time_ns() + ahead[0]))
    watched = Watched(tmp_path)
    ahead[0] = -600 * SECOND
    watched.probe._watch._action()
    watched.probe._watch._action()
    assert watched.probe.counts()[0]["clock_shift_ns"] == pytest.approx(-600 * SECOND, abs=SECOND)
    assert "the wall clock was set by -600" in caplog.text
    with watched.probe.session(**LABELS):
        watched.gpu.work(MS)
    assert sum(event["gpu_time_ns"] for event in watched.end()) == MS
