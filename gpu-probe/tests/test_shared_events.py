"""The end of a step is the next one's begin where nothing lies between, and no event is used twice."""

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from test_clock import MS, ONE, Scene

from gpu_probe.device.anchor import REANCHOR_MS
from gpu_probe.device.cuda import Waits
from gpu_probe.journal import entries


def needed(scene):
    """Every event of a clock that somebody needs."""
    found = {id(scene.clock._anchor.event)}
    for ring in scene.clock._rings.values():
        for step in ring:
            found |= {id(event) for event in (step.begin, step.end) if event is not None}
            found |= {id(event) for pair in step.communication or () for event in pair}
    return found


def check(scene):
    """Each event is in the pool once, or needed, and never both."""
    free = {id(event) for event in scene.clock._pool.free}
    assert len(free) == len(scene.clock._pool.free)
    assert not free & needed(scene), "an event in the pool is still needed"
    assert len(free) + len(needed(scene)) == scene.clock.counts.pool + 1


def test_steps_sent_ahead_take_one_event_each():
    scene = Scene()
    records = []
    record = scene.gpu.record
    scene.gpu.record = lambda event, stream: (records.append(event), record(event, stream))
    for length in (5, 3, 4):
        scene.step(length * MS)
    assert len(records) == 4
    assert scene.clock.counts.shared == 2
    scene.host.now += 20 * MS
    scene.clock.harvest()
    assert [reading.elapsed_ns for reading in scene.measured] == [5 * MS, 3 * MS, 4 * MS]
    first, second, third = (reading.raw_begin_ns for reading in scene.measured)
    assert (second - first, third - second) == (5 * MS, 3 * MS)
    check(scene)


def test_a_wait_of_another_stream_asks_for_nothing():
    scene = Scene()
    scene.step(5 * MS)
    scene.gpu.waited[1] = 1
    scene.step(3 * MS)
    assert scene.clock.counts.shared == 1


class Stream:
    def __init__(self, raw):
        self.cuda_stream = raw


def test_waits_are_counted_for_the_stream_that_waits_and_are_still_made():
    made = []

    class Event:
        def wait(self, stream=None):
            made.append(stream)

    waits = Waits()
    for _ in range(2):
        waits.watch(Event, lambda: Stream(7))
    given, unknown = Stream(8), object()
    Event().wait()
    Event().wait(given)
    Event().wait(stream=given)
    assert [waits.of(raw) for raw in (7, 8, 9)] == [1, 2, 0]
    Event().wait(unknown)
    assert [waits.of(raw) for raw in (7, 8, 9)] == [2, 3, 1]
    assert made == [None, given, given, unknown]


def test_a_gap_is_nobodys():
    scene = Scene()
    scene.step(MS)
    scene.host.now += 10 * MS
    scene.step(2 * MS)
    scene.host.now += 10 * MS
    scene.clock.harvest()
    assert scene.clock.counts.shared == 0
    assert [reading.elapsed_ns for reading in scene.measured] == [MS, 2 * MS]


def wait_event(scene):
    scene.gpu.waited[0] = scene.gpu.waited.get(0, 0) + 1


def collective(scene):
    scene.clock.separate()


def other_stream(scene):
    scene.step(MS, stream=1)
    scene.gpu.current = 0


def span(scene):
    held = scene.clock.begin_span("warmup", "m", "1")
    scene.clock.end(held, None)


def blind(scene):
    scene.gpu.other_captures = True
    scene.step(MS)
    scene.gpu.other_captures = False


def capture_begins(scene):
    held = scene.clock.begin()
    scene.gpu.other_captures = True
    scene.clock.end(held, ONE)
    scene.gpu.other_captures = False


def two_at_once(scene):
    """The step that began within the other one is not after its end."""
    outer = scene.clock.begin()
    scene.clock.end(scene.clock.begin(), ONE)
    scene.clock.end(outer, ONE)
    scene.clock.separate()


@pytest.mark.parametrize(
    "between", [wait_event, collective, other_stream, span, blind, capture_begins, two_at_once]
)
def test_what_comes_between_asks_for_a_begin_of_its_own(between):
    scene = Scene()
    scene.step(5 * MS)
    between(scene)
    shared = scene.clock.counts.shared
    last = scene.step(3 * MS)
    assert scene.clock.counts.shared == shared
    check(scene)
    scene.host.now += 100 * MS
    scene.clock.harvest()
    assert [reading.elapsed_ns for reading in scene.measured if reading.step == last.number] == [3 * MS]
    check(scene)


def test_an_end_that_was_read_while_the_next_step_began_is_not_taken_over():
    """Another thread reads it between the question and the answer: the event is in the pool by then."""
    scene = Scene()
    first = scene.step(MS)
    query = scene.gpu.query

    def late(event):
        pending = not query(event)
        scene.host.now += 5 * MS
        scene.gpu.query = query
        scene.clock.harvest()
        return not pending

    scene.gpu.query = late
    second = scene.clock.begin()
    assert first.owned_end == [] and scene.clock.counts.shared == 0
    scene.gpu.work(2 * MS)
    scene.clock.end(second, ONE)
    scene.host.now += 5 * MS
    scene.clock.harvest()
    assert [reading.elapsed_ns for reading in scene.measured] == [MS, 2 * MS]
    check(scene)


def test_a_shared_begin_becomes_the_anchor_and_is_not_lost():
    scene = Scene()
    for _ in range(8):
        scene.step(1000 * MS)
    scene.host.now += 9000 * MS
    scene.clock.harvest()
    assert scene.clock.counts.shared == 7
    assert scene.clock.counts.reanchored >= 7000 // (REANCHOR_MS + 1000)
    assert [reading.elapsed_ns for reading in scene.measured] == [1000 * MS] * 8
    begins = [reading.raw_begin_ns for reading in scene.measured]
    assert all(abs(after - before - 1000 * MS) < 1000 for before, after in pairwise(begins))
    check(scene)


ACTIONS = st.one_of(
    st.tuples(st.just("step"), st.integers(0, 1), st.integers(0, 9 * MS)),
    st.tuples(st.just("communicate"), st.integers(0, 1), st.integers(0, 9 * MS)),
    st.tuples(st.just("pause"), st.integers(0, 30 * MS)),
    st.tuples(st.just("silence"), st.integers(0, 3000 * MS)),
    *(st.tuples(st.just(between)) for between in (wait_event, collective, blind, capture_begins, span)),
)


@settings(max_examples=200)
@given(st.lists(ACTIONS, max_size=40), st.integers(2, 8))
def test_lengths_are_exact_and_no_event_is_free_that_is_needed(actions, limit):
    """Whatever comes between steps, and however few events there are. No clock drifts: lengths are equal."""
    scene = Scene(pool=2, pool_limit=limit)
    lengths = {}
    for action, *values in actions:
        if action in ("step", "communicate"):
            stream, length = values
            scene.gpu.current = stream
            step = scene.clock.begin()
            scene.gpu.work(length)
            if action == "communicate":
                begin = scene.clock.begin_communication(step)
                scene.gpu.work(MS)
                length += MS
                scene.clock.end_communication(step, begin)
            scene.clock.end(step, ONE)
            scene.host.now += 1000
            lengths[step.number] = length
        elif callable(action):
            scene.gpu.current = 0
            action(scene)
        else:
            scene.host.now += values[0]
        check(scene)
    scene.host.now += 10_000 * MS
    scene.clock.harvest()
    check(scene)
    assert not scene.clock.in_flight
    for reading in scene.measured:
        if reading.step in lengths:
            # float32 milliseconds: the longest step here is 10 ms
            assert abs(reading.elapsed_ns - lengths[reading.step]) <= 1
    unmeasured = len(scene.journal.of(entries.MISSED))
    assert len(scene.measured) + unmeasured == scene.clock.counts.started
    assert not scene.journal.noted and not scene.clock._launches.under_way


def test_a_step_is_noted_before_its_launch_and_written_after():
    scene = Scene()
    step = scene.clock.begin()
    assert scene.journal.entries == [] and list(scene.journal.noted) == [step.number]
    scene.gpu.work(MS)
    scene.clock.end(step, ONE)
    assert [entry.kind for entry in scene.journal.entries] == [entries.ROWS] and not scene.journal.noted
    assert scene.journal.entries[0].value.is_announced is False


def test_a_step_is_announced_once_before_what_must_come_after_it():
    scene = Scene()
    step = scene.clock.begin()
    scene.clock.announce()
    scene.clock.announce()
    scene.gpu.work(MS)
    scene.clock.end(step, ONE)
    assert [entry.kind for entry in scene.journal.entries] == [entries.STARTED, entries.ROWS]
    assert scene.journal.entries[1].value.is_announced is True


def test_a_step_under_way_elsewhere_is_announced_before_a_reading():
    scene = Scene()
    slow = scene.clock.begin()
    scene.step(MS, stream=1)
    scene.host.now += 5 * MS
    scene.clock.harvest()
    kinds = [entry.kind for entry in scene.journal.entries]
    assert kinds == [entries.ROWS, entries.STARTED, entries.MEASURED]
    assert scene.journal.of(entries.STARTED)[0].step == slow.number


def test_a_step_without_a_slot_is_announced_at_once():
    scene = Scene()
    scene.clock._launches._note = lambda *_: None
    scene.step(MS)
    assert [entry.kind for entry in scene.journal.entries] == [entries.STARTED, entries.ROWS]


def test_what_another_thread_launches_on_the_stream_is_its_own():
    scene = Scene()
    other = scene.clock.begin()
    scene.step(5 * MS)
    scene.step(3 * MS)
    assert scene.clock.counts.shared == 0
    scene.clock.end(other, ONE)
    last = scene.step(2 * MS)
    assert scene.clock.counts.shared == 1
    scene.host.now += 100 * MS
    scene.clock.harvest()
    lengths = {reading.step: reading.elapsed_ns for reading in scene.measured}
    assert lengths == {other.number: 8 * MS, 1: 5 * MS, 2: 3 * MS, last.number: 2 * MS}
    check(scene)


def test_an_engine_that_waits_is_asked_rarely_and_one_that_does_not_again_shares_soon():
    scene = Scene()
    asked = 0
    for _ in range(40):
        before = len(scene.gpu.calls)
        step = scene.clock.begin()
        asked += len(scene.gpu.calls) - before
        scene.gpu.work(MS)
        scene.clock.end(step, ONE)
        scene.host.now += 5 * MS
    assert asked == 8 + (39 - 8) // 8
    for _ in range(20):
        scene.step(MS)
    assert scene.clock.counts.shared >= 20 - 8
    scene.host.now += 100 * MS
    scene.clock.harvest()
    assert [reading.elapsed_ns for reading in scene.measured] == [MS] * 60
    check(scene)
