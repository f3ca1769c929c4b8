"""What a session is said to have used by now is what its events say in the end, or is called provisional."""

import shutil

import pytest
from conftest import Recorder
from fake_gpu import START
from hypothesis import given, settings
from hypothesis import strategies as st
from test_live import ACTIONS, MS, Engine, perform

from gpu_probe.accounting.past import REMEMBERED_MAX, REMEMBERED_NS, PastSessions
from gpu_probe.accounting.session import SessionUsage
from gpu_probe.live.metering import Metering
from gpu_probe.live.questions import Question
from gpu_probe.live.service import Service
from gpu_probe.usage import Figures

FIELDS = ("gpu_time_ns", "gpu_busy_ns", "energy_uj", "time_quality", "busy_quality", "energy_quality")


def said(events, session_id):
    """The sum of a session's events."""
    figures = Figures()
    for event in events:
        if event["session_id"] == session_id:
            figures.add(event)
    return figures.usage(False)


def ended(folder, copy):
    """The events of a journal whose process ends here."""
    shutil.copytree(folder, copy)
    output = Recorder()
    service = Service(copy, output, only_dead=True)
    while service.poll() or service.open:
        continue
    service.close()
    assert service.damaged == 0
    shutil.rmtree(copy)
    return output.events


def usage(metering, number):
    answer = metering.answer(Question(f"s{number}"))
    return answer.usage if answer.sessions else None


class Scene:
    """An engine, the books of its journal, and every event so far."""

    def __init__(self, folder, sensor):
        self.folder = folder / "journals"
        self.copy = folder / "copy"
        self.engine = Engine(self.folder, sensor)
        self.output = Recorder()
        self.metering = self.open()
        self.final = self.provisional = 0

    def open(self):
        return Metering(self.engine.unit.journal.folder, self.output)

    def restart(self):
        self.metering._checkpoint()
        self.metering.close()
        self.metering = self.open()

    def check(self):
        self.metering.poll()
        before = list(self.output.events)
        ids = {event["event_id"] for event in before}
        then = ended(self.folder, self.copy)
        together = before + [event for event in then if event["event_id"] not in ids]
        for number in range(self.engine.next):
            now, event = usage(self.metering, number), said(together, f"s{number}")
            if now is None:
                # It was concluded before a restart, or long ago.
                assert number not in self.engine.open
            elif now.provisional:
                self.provisional += 1
                if now.time_quality != "bounded":
                    assert now.gpu_time_ns == event.gpu_time_ns
                assert now.gpu_time_ns <= event.gpu_time_ns
                if now.energy_uj is not None and event.energy_uj is not None:
                    assert now.energy_uj <= event.energy_uj
            else:
                self.final += 1
                assert now == event


@settings(max_examples=100)
@given(st.lists(ACTIONS, max_size=40), st.booleans(), st.integers(0, 5))
def test_what_is_not_provisional_is_what_the_events_say(tmp_path_factory, actions, sensor, restart_at):
    scene = Scene(tmp_path_factory.mktemp("usage"), sensor)
    polls = 0

    def poll():
        nonlocal polls
        polls += 1
        scene.check()
        if polls == restart_at:
            scene.restart()
            scene.check()

    perform(scene.engine, actions, poll)
    poll()
    scene.engine.host.now += 30_000 * MS
    scene.engine.unit.end(1)
    scene.metering.poll()
    for number in range(scene.engine.next):
        now = usage(scene.metering, number)
        if now is not None:
            assert now == said(scene.output.events, f"s{number}")
    scene.metering.close()


@pytest.mark.parametrize("sensor", [False, True])
def test_a_step_under_way_makes_the_time_a_lower_bound(tmp_path, sensor):
    scene = Scene(tmp_path, sensor)
    engine = scene.engine
    engine.open_session(0)
    engine.step(0, 5 * MS, 1)
    scene.metering.poll()
    now = usage(scene.metering, 0)
    assert (now.provisional, now.time_quality, now.gpu_time_ns) == (True, "bounded", 0)
    until = scene.metering.answer(Question("s0")).until
    engine.host.now += 10 * MS
    engine.step(0, 5 * MS, 1)
    engine.host.now += 10 * MS
    engine.tick()
    scene.metering.poll()
    again = scene.metering.answer(Question("s0", until=until))
    assert not again.pending, "the second step was sent after the question"
    assert scene.metering.answer(Question("s0")).pending
    scene.metering.close()


def test_energy_comes_with_the_counter_and_then_nothing_is_provisional(tmp_path):
    scene = Scene(tmp_path, True)
    engine = scene.engine
    engine.tick()
    engine.open_session(0)
    engine.step(0, 2 * MS, 0)
    engine.step(0, 2 * MS, 0)
    engine.host.now += 10 * MS
    engine.unit.clock.harvest()
    scene.metering.poll()
    now = usage(scene.metering, 0)
    # The first step of its size was the operator's.
    assert now.provisional and now.time_quality == "measured" and now.energy_uj is None
    assert abs(now.gpu_time_ns - 2 * MS) < 1000
    for _ in range(8):
        engine.tick()
    # As long as the activity counter may keep events back.
    engine.host.now += 6000 * MS
    engine.tick()
    scene.metering.poll()
    then = usage(scene.metering, 0)
    assert not then.provisional and then.energy_uj > 0 and then.energy_quality == "counter"
    assert then.gpu_time_ns == now.gpu_time_ns
    scene.metering.close()


def test_past_sessions_are_remembered_for_a_minute_and_never_too_many():
    past = PastSessions()
    for number in range(REMEMBERED_MAX + 5):
        past.add(SessionUsage(number, f"s{number}", "t", "p", None, "m", "1"), START + number)
    kept = [session.order for session in past.since(START + REMEMBERED_MAX)]
    assert kept == list(range(5, REMEMBERED_MAX + 5))
    later = [session.order for session in past.since(START + REMEMBERED_NS + 10)]
    assert later == list(range(10, REMEMBERED_MAX + 5))


def test_a_sum_is_as_good_as_its_worst_part():
    part = {"gpu_time_ns": 3, "gpu_busy_ns": 2, "energy_uj": 5, "time_quality": "measured"}
    figures = Figures()
    figures.add({**part, "busy_quality": "counter", "energy_quality": "counter"})
    figures.add({**part, "busy_quality": "sampled", "energy_quality": "integral"})
    nothing = {"gpu_time_ns": 0, "gpu_busy_ns": 0, "energy_uj": 0, "time_quality": "measured"}
    figures.add({**nothing, "busy_quality": "elapsed", "energy_quality": "counter"})
    assert figures.usage(False) == (6, "measured", 4, "sampled", 10, "integral", False, None)
    figures.add({**part, "energy_uj": None, "busy_quality": "counter", "energy_quality": "none"})
    assert figures.usage(True)[4:6] == (None, "none")


@pytest.fixture
def scene(tmp_path):
    found = Scene(tmp_path, False)
    yield found
    found.metering.close()


def test_a_step_whose_rows_are_not_known_may_be_anybody_s(scene):
    engine = scene.engine
    engine.open_session(0)
    engine.step(0, 2 * MS, 0)
    engine.host.now += 10 * MS
    engine.unit.clock.begin()
    engine.unit.clock.harvest()
    engine.unit.tick()
    scene.metering.poll()
    now = usage(scene.metering, 0)
    assert now.provisional and now.time_quality == "bounded"
    engine.close_session(0, "ok")
    scene.metering.poll()
    assert usage(scene.metering, 0).provisional, "its close waits for the rows"


def test_a_step_that_is_read_and_waits_for_another_stream_is_not_booked(scene):
    engine = scene.engine
    engine.open_session(0)
    engine.step(1, 40 * MS, 0)
    engine.open_session(0)
    engine.step(0, 1 * MS, 0)
    engine.host.now += 5 * MS
    engine.unit.clock.harvest()
    scene.metering.poll()
    now = usage(scene.metering, 1)
    assert (now.gpu_time_ns, now.provisional, now.time_quality) == (0, True, "bounded")
    engine.host.now += 60 * MS
    engine.unit.clock.harvest()
    scene.metering.poll()
    assert not usage(scene.metering, 1).provisional


def test_a_step_that_was_missed_leaves_a_lower_bound_for_good(scene):
    engine = scene.engine
    engine.open_session(0)
    engine.gpu.other_captures = True
    engine.step(0, 2 * MS, 0)
    engine.gpu.other_captures = False
    engine.step(0, 2 * MS, 0)
    engine.host.now += 10 * MS
    engine.unit.clock.harvest()
    scene.check()
    now = usage(scene.metering, 0)
    assert (now.provisional, now.time_quality) == (False, "bounded")


def test_a_session_over_several_minutes_is_the_sum_of_its_events(scene):
    engine = scene.engine
    engine.open_session(0)
    for _ in range(5):
        engine.step(0, 3 * MS, 0)
        engine.host.now += 40_000 * MS
        engine.unit.clock.harvest()
        engine.unit.tick()
        scene.check()
    scene.restart()
    scene.check()
    assert len(scene.output.events) >= 3
    # The first step of its size was the operator's.
    assert abs(usage(scene.metering, 0).gpu_time_ns - 4 * 3 * MS) < 4000
    assert scene.final == 6
