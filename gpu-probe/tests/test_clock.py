"""The events of one device, on a GPU whose clock the test moves."""

import threading

import pytest
from fake_gpu import START, FakeGpu, Host
from hypothesis import given
from hypothesis import strategies as st

from gpu_probe.device.anchor import REANCHOR_MS
from gpu_probe.device.clock import StepClock
from gpu_probe.journal import entries
from gpu_probe.journal.entries import Manifest
from gpu_probe.live.timeline import Timeline

MS = 1_000_000
ONE = Manifest((1,), (1,), (1,))
NOBODY = Manifest((), (), ())


class Kept:
    """A journal that keeps what it is told."""

    def __init__(self):
        self.entries = []
        self.begun = self
        self.noted = {}
        self.mutex = threading.Lock()

    def note(self, step, stream, host_begin_ns):
        self.noted[step] = (step, stream, host_begin_ns)
        return step

    def forget(self, slot):
        del self.noted[slot]

    def append(self, body):
        with self.mutex:
            return self.put(body)

    def put(self, body):
        assert self.mutex.locked()
        self.entries.append(entries.decode(body))
        return True

    def of(self, kind):
        return [entry.value for entry in self.entries if entry.kind == kind]


class Scene:
    def __init__(self, drift_ppm=0, **options):
        self.host = Host()
        self.gpu = FakeGpu(self.host, drift_ppm)
        self.journal = Kept()
        self.clock = StepClock(self.gpu, self.journal, self.host, **options)

    def step(self, length, stream=0):
        self.gpu.current = stream
        step = self.clock.begin()
        self.gpu.work(length)
        self.host.now += 1000
        if step is not None:
            self.clock.end(step, ONE)
        return step

    @property
    def measured(self):
        return self.journal.of(entries.MEASURED)


def test_steps_are_read_oldest_first_once_they_have_passed():
    scene = Scene()
    for length in (5, 3, 4):
        scene.step(length * MS)
    assert scene.measured == []
    scene.host.now += 9 * MS
    scene.clock.harvest()
    assert [(reading.step, reading.elapsed_ns) for reading in scene.measured] == [(0, 5 * MS), (1, 3 * MS)]
    scene.host.now += 9 * MS
    scene.step(MS)
    assert [reading.step for reading in scene.measured] == [0, 1, 2]


def test_a_slow_stream_holds_up_no_other():
    scene = Scene()
    scene.step(100 * MS, stream=1)
    scene.step(2 * MS, stream=2)
    scene.host.now += 10 * MS
    scene.clock.harvest()
    assert [reading.step for reading in scene.measured] == [1]


def test_the_pool_is_used_again_and_bounded():
    scene = Scene(pool=4, pool_limit=6)
    for _ in range(100):
        scene.step(MS)
        scene.host.now += 2 * MS
    scene.clock.harvest()
    assert len(scene.measured) == 100
    assert scene.gpu.events == 5, "4 in the pool and the anchor"


def test_steps_without_events_are_missed_in_their_turn_and_never_idle():
    scene = Scene(pool=2, pool_limit=4)
    for _ in range(5):
        scene.step(10 * MS)
    scene.host.now += 35 * MS
    scene.clock.harvest()
    assert [entry.kind for entry in scene.journal.entries[-5:]] == [entries.MEASURED] * 3 + [
        entries.MISSED
    ] * 2
    assert scene.clock.counts.missed == 2
    assert scene.clock.in_flight == 0
    # the events came back
    scene.step(MS)
    scene.host.now += 60 * MS
    scene.clock.harvest()
    assert scene.measured[-1].elapsed_ns == MS


def test_nothing_is_recorded_or_queried_during_a_capture():
    scene = Scene()
    scene.step(MS)
    scene.host.now += 5 * MS
    scene.gpu.in_capture = True
    assert scene.step(MS) is None
    scene.clock.harvest()
    assert scene.measured == []
    scene.gpu.in_capture = False
    scene.clock.harvest()
    assert len(scene.measured) == 1


def test_a_step_beside_another_threads_capture_runs_unmeasured_and_is_never_idle():
    scene = Scene()
    scene.step(MS)
    scene.gpu.other_captures = True
    scene.step(5 * MS)
    held = scene.clock.begin()
    assert scene.clock.begin_communication(held) is None
    scene.clock.end(held, ONE)
    scene.gpu.other_captures = False
    scene.host.now += 20 * MS
    scene.clock.harvest()
    kinds = [entry.kind for entry in scene.journal.entries]
    assert kinds.count(entries.ROWS) + kinds.count(entries.REPEAT) == 3
    assert (kinds.count(entries.MEASURED), kinds.count(entries.MISSED)) == (1, 2)


def test_a_capture_that_begins_inside_a_step_takes_its_events_back():
    scene = Scene(pool=4)
    step = scene.clock.begin()
    begin = scene.clock.begin_communication(step)
    scene.gpu.other_captures = True
    scene.clock.end_communication(step, begin)
    scene.clock.end(step, ONE)
    scene.gpu.other_captures = False
    scene.clock.harvest()
    assert scene.clock.counts.missed == 1
    assert len(scene.clock._pool.free) == 4


def test_a_lost_context_is_touched_no_more():
    scene = Scene()
    scene.step(5 * MS)
    scene.gpu.broken = True
    assert scene.step(MS) is None
    calls = len(scene.gpu.calls)
    for _ in range(3):
        assert scene.step(MS) is None
        scene.clock.harvest()
    assert len(scene.gpu.calls) == calls
    assert scene.clock.failed == "CUDA error: an illegal memory access was encountered"
    assert len(scene.journal.of(entries.FAILED)) == 1


def test_a_step_that_compiled_is_marked():
    scene = Scene()
    step = scene.clock.begin()
    scene.gpu.compiled += 1
    scene.clock.end(step, NOBODY)
    scene.step(MS)
    scene.host.now += 5 * MS
    scene.clock.harvest()
    assert [reading.flags for reading in scene.measured] == [entries.COMPILED, 0]


def test_collectives_are_told_apart_and_waited_for():
    scene = Scene()
    step = scene.clock.begin()
    scene.gpu.work(2 * MS)
    begin = scene.clock.begin_communication(step)
    scene.gpu.work(3 * MS)
    scene.clock.end_communication(step, begin)
    scene.clock.end(step, NOBODY)
    scene.host.now += 10 * MS
    scene.clock.harvest()
    (reading,) = scene.measured
    assert (reading.elapsed_ns, reading.communication_ns) == (5 * MS, 3 * MS)


def test_launch_bound_steps_are_seen():
    scene = Scene()
    step = scene.clock.begin()
    scene.host.now += 9 * MS
    scene.gpu.work(MS)
    scene.clock.end(step, NOBODY)
    scene.host.now += 5 * MS
    scene.step(20 * MS)
    scene.host.now += 30 * MS
    scene.clock.harvest()
    assert scene.clock.counts.host_bound == 1


@pytest.mark.parametrize("seconds", [1, 30, 3600])
def test_positions_stay_true_however_long_it_runs(seconds):
    """Elapsed times are float32: at an hour two neighbours are 250 us apart."""
    scene = Scene()
    truth = []
    pause = max(20, seconds * 1000 // 2000) * MS
    for _ in range(min(2000, seconds * 50)):
        truth.append(scene.host.now)
        scene.step(5 * MS)
        scene.host.now += pause
    scene.clock.harvest()
    errors = [abs(reading.raw_begin_ns - begin) for reading, begin in zip(scene.measured, truth)]
    # at most an eighth of a microsecond at each new anchor: a thousand times less than clocks drift
    assert max(errors) < 1000 + 125 * scene.clock.counts.reanchored
    assert scene.clock.counts.reanchored >= (seconds * 1000 - REANCHOR_MS) // 4000


def test_after_long_silence_the_host_says_where_a_step_lies():
    scene = Scene()
    scene.step(MS)
    scene.host.now += 3600 * 1000 * MS
    sent = scene.host.now
    scene.step(MS)
    scene.host.now += 5 * MS
    scene.clock.harvest()
    assert scene.measured[-1].raw_begin_ns == sent


@given(
    st.lists(st.tuples(st.integers(0, 2), st.integers(0, 20 * MS), st.integers(0, 30 * MS)), max_size=40),
    st.sampled_from([-300, 0, 300]),
)
def test_on_the_hosts_axis_lengths_stay_and_streams_do_not_overlap(steps, drift_ppm):
    """Whatever the clocks do against one another."""
    scene = Scene(drift_ppm)
    for stream, length, pause in steps:
        scene.step(length, stream)
        scene.host.now += pause
    scene.host.now += 10_000 * MS
    scene.clock.harvest()
    timeline = Timeline(START)
    ends, streams, settled = {}, {}, START
    for kind, value in scene.journal.entries:
        if kind in (entries.ROWS, entries.REPEAT):
            timeline.started(*value.start)
            streams[value.start.step] = value.start
        elif kind == entries.MEASURED:
            begin = timeline.measured(
                value.step, value.raw_begin_ns, value.elapsed_ns, value.host_submit_ns, value.read_ns
            )
            started = streams[value.step]
            assert begin >= max(settled, started.host_begin_ns, ends.get(started.stream, 0))
            ends[started.stream] = begin + value.elapsed_ns
            assert timeline.settled >= settled
            settled = timeline.settled
    assert len(ends) == len({stream for stream, _, _ in steps})
    assert timeline.idle


def test_nothing_settles_past_a_step_that_was_written_after_a_later_one():
    """Two threads launch on one stream; the one that began first is done last."""
    timeline = Timeline(START)
    timeline.started(1, 0, START + 5 * MS)
    timeline.started(0, 0, START + MS)
    timeline.started(2, 1, START)
    timeline.measured(2, START, 9 * MS, 0, START + 20 * MS)
    assert timeline.settled == START + MS
    assert timeline.measured(0, START + 2 * MS, MS, 0, START + 20 * MS) == START + 2 * MS
