"""Busy time by the card's counter, from records to events and totals."""

import gzip
import json

from conftest import ROOT, Recorder

from gpu_probe.accounting import Account, GpuMeter
from gpu_probe.cli.busy import play
from gpu_probe.counter import busy_of_percent
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
from gpu_probe.device.interface import ActivitySample, Neighbours
from gpu_probe.sharing import make_policy

RECORDING = ROOT / "gpu-probe" / "traces" / "h100-activity.jsonl.gz"
MS = 1_000_000
START = 498_732 * 3_600_000 * MS


class Scene:
    """A meter fed by hand, in milliseconds after a full hour."""

    def __init__(self, activity="counter", power=False, bare_idle_mw=None, start=START):
        place = ("node", None, "GPU-1", "H100", None, "exclusive", 0, 1, 80 << 30)
        info = DeviceInfo(*place, power, 700_000, start, activity=activity, bare_idle_mw=bare_idle_mw)
        self.output = Recorder()
        self.account = Account(self.output)
        self.meter = GpuMeter(info, make_policy("equal"), self.account)
        self.steps = 0

    def take(self, *records):
        for record in records:
            self.meter.take(record)

    def open(self, session, model="model"):
        self.take(SessionOpened(session, START, f"s{session}", "t", "p", None, model, "1", 0))

    def step(self, at, length, *sessions, context=64):
        begin, self.steps = START + at * MS, self.steps + 1
        rows = tuple(Row(session, 1, context) for session in sessions)
        self.take(StepSubmitted(self.steps, sessions))
        self.take(StepMeasured(self.steps, begin, length * MS, rows, begin))

    def count(self, begin, end, busy, quality="counter"):
        self.take(ActivitySample(START + begin * MS, START + end * MS, busy * MS, quality))

    def end(self, at):
        self.take(WatchEnded(START + at * MS))
        assert self.account.faults() == []
        return self.output


def busy_of(output):
    found = {}
    for event in output.events:
        found[event["session_id"]] = found.get(event["session_id"], 0) + event["gpu_busy_ns"]
    return found


def host_bound(scene, until=20_000, every=100):
    """A session whose steps of 80 ms keep the card busy for 8; the counter is 50 ms late."""
    for at in range(0, until, every):
        scene.step(at, 80, 1)
        scene.count(at + 50, at + 50 + every, 8)
        scene.take(TimeAdvanced(START + (at + every) * MS))


def test_a_host_bound_session_pays_for_what_the_card_worked():
    scene = Scene()
    scene.open(1)
    host_bound(scene)
    output = scene.end(20_050)
    assert sum(event["gpu_time_ns"] for event in output.events) == 200 * 80 * MS
    assert busy_of(output) == {"s1": 200 * 8 * MS}
    assert {totals["busy_quality"] for totals in output.minutes} == {"counter"}


def test_what_no_session_explains_is_unmetered_with_who_was_there():
    scene = Scene()
    scene.open(1)
    host_bound(scene)
    for at in range(20_000, 23_000, 100):
        scene.step(at, 80, 1)
        scene.count(at + 50, at + 150, 58)
        scene.take(TimeAdvanced(START + (at + 100) * MS))
    scene.take(
        Neighbours(START + 21_000 * MS, ("77:python3",)), Neighbours(START + 22_000 * MS, ("77:python3",))
    )
    (totals,) = scene.end(23_050).minutes
    assert abs(totals["unmetered_ns"] - 30 * 50 * MS) <= 30 * MS
    assert totals["unmetered_processes"] == "77:python3"
    assert abs(busy_of(scene.output)["s1"] - 230 * 8 * MS) <= 30 * MS


def test_work_without_any_session_is_unmetered_and_not_idle():
    scene = Scene()
    for at in range(0, 5_000, 100):
        scene.count(at, at + 100, 90)
        scene.take(TimeAdvanced(START + (at + 100) * MS))
    (totals,) = scene.end(5_000).minutes
    assert totals["unmetered_ns"] == totals["busy_ns"] == 50 * 90 * MS
    assert totals["idle_ns"] == 5_000 * MS


def test_the_operator_has_its_part():
    scene = Scene()
    span = OperatorSpan("load", START, 2_000 * MS, "measured", "model", "1", START + 2_000 * MS)
    scene.take(span)
    for at in range(0, 4_000, 100):
        scene.count(at, at + 100, 30 if at < 2_000 else 0)
    (totals,) = scene.end(4_000).minutes
    assert totals["busy_operator_ns"] + totals["unmetered_ns"] == 20 * 30 * MS
    assert totals["busy_operator_ns"] >= 19 * 30 * MS


def test_a_counter_that_falls_silent_is_replaced_by_what_it_taught_and_labelled():
    scene = Scene()
    scene.open(1)
    scene.open(2)
    host_bound(scene)
    for at in range(20_000, 50_000, 100):
        scene.step(at, 80, 2)
        scene.take(TimeAdvanced(START + (at + 100) * MS))
    output = scene.end(50_000)
    silent = [event for event in output.events if event["session_id"] == "s2"]
    assert {event["busy_quality"] for event in silent} == {"sampled"}
    assert abs(sum(event["gpu_busy_ns"] for event in silent) - 300 * 8 * MS) <= 20 * MS
    assert output.minutes[0]["busy_quality"] == "sampled"


def test_a_counter_that_never_speaks_leaves_elapsed_time_and_says_so():
    scene = Scene()
    scene.open(1)
    for at in range(0, 20_000, 100):
        scene.step(at, 80, 1)
        scene.take(TimeAdvanced(START + (at + 100) * MS))
    output = scene.end(20_000)
    assert {event["busy_quality"] for event in output.events} == {"elapsed"}
    assert busy_of(output) == {"s1": 200 * 80 * MS}
    assert [(t["busy_quality"], t["busy_ns"], t["unmetered_ns"]) for t in output.minutes] == [
        ("elapsed", None, None)
    ]


def test_utilisation_samples_are_labelled():
    scene = Scene("sampled")
    scene.open(1)
    for at in range(0, 20_000, 100):
        scene.step(at, 80, 1)
        scene.count(at + 50, at + 150, 8, "sampled")
        scene.take(TimeAdvanced(START + (at + 100) * MS))
    output = scene.end(20_050)
    assert {event["busy_quality"] for event in output.events} == {"sampled"}
    assert output.minutes[0]["busy_quality"] == "sampled"


def test_a_step_that_was_missed_explains_nothing():
    scene = Scene()
    scene.open(1)
    scene.take(StepSubmitted(900, (1,)))
    scene.take(StepMissed(900, START, START + 1_000 * MS, START + 1_000 * MS))
    for at in range(0, 2_000, 100):
        scene.count(at, at + 100, 50 if at < 1_000 else 0)
    (totals,) = scene.end(2_000).minutes
    assert (totals["unmetered_ns"], totals["busy_attributed_ns"]) == (10 * 50 * MS, 0)


def test_one_session_on_two_streams_had_the_card_no_longer_than_it_was_there():
    scene = Scene()
    scene.open(1)
    scene.step(1_000, 100, 1)
    scene.step(1_000, 100, 1, context=4096)
    scene.take(SessionClosed(1, START + 1_100 * MS, "ok", None))
    for at in range(0, 3_000, 100):
        scene.count(at, at + 100, 100 if 1_000 <= at < 1_300 else 0)
    output = scene.end(3_000)
    (event,) = output.events
    assert event["gpu_busy_ns"] <= 100 * MS
    assert output.minutes[0]["busy_ns"] == 300 * MS


def test_parked_energy_is_what_an_empty_card_would_not_have_drawn():
    scene = Scene(power=True, bare_idle_mw=70_000)
    scene.take(SessionOpened(1, START, "s1", "t", "p", None, "llama", "1", 0))
    for second in range(11):
        # An idle card with a loaded model: 110 W.
        scene.take(PowerSample(START + second * 1_000 * MS, 110_000, second * 110_000))
        scene.take(TimeAdvanced(START + second * 1_000 * MS))
    (totals,) = scene.end(10_000).minutes
    assert (totals["energy_idle_uj"], totals["energy_parked_uj"]) == (700_000_000, 400_000_000)
    assert totals["parked_models"] == "llama"


def test_without_the_power_of_an_empty_card_nothing_is_called_parked():
    scene = Scene(power=True)
    scene.open(1)
    for second in range(11):
        scene.take(PowerSample(START + second * 1_000 * MS, 110_000, second * 110_000))
    (totals,) = scene.end(10_000).minutes
    assert (totals["energy_idle_uj"], totals["energy_parked_uj"]) == (1_100_000_000, None)
    assert totals["parked_models"] is None


def test_the_recording_of_a_card_gives_sessions_what_the_splitter_gives_them():
    """The same steps and ticks through the books: sessions of one class per model, as in the recording."""
    with gzip.open(RECORDING, "rt") as file:
        lines = [json.loads(line) for line in file]
    events = sorted(
        (line for line in lines if line["t"] in ("step", "tick")),
        key=lambda line: (line["end_ns"], line["t"] == "tick"),
    )
    scene = Scene(start=min(line["begin_ns"] for line in events))
    numbers = {}
    for number, line in enumerate(events):
        if line["t"] == "tick":
            length = line["end_ns"] - line["begin_ns"]
            busy = busy_of_percent(line["m"][0], length)
            scene.take(ActivitySample(line["begin_ns"], line["end_ns"], busy, "counter"))
            continue
        key = (line["phase"], line["session"], line["cls"])
        if key not in numbers:
            session = numbers[key] = len(numbers)
            name = f"{line['phase']}/{line['session']}"
            scene.take(SessionOpened(session, line["begin_ns"], name, "t", "p", None, line["cls"], "1", 0))
        session, elapsed = numbers[key], line["end_ns"] - line["begin_ns"]
        # Streams overlap: a step that began 300 ms ago may still be to come.
        settled = line["end_ns"] - 300 * MS
        scene.take(StepSubmitted(number, (session,)))
        scene.take(StepMeasured(number, line["begin_ns"], elapsed, (Row(session, 1, 1),), settled))
    scene.take(WatchEnded(events[-1]["end_ns"]))
    assert scene.account.faults() == []
    booked = busy_of(scene.output)
    for phase, account in play(RECORDING).items():
        if phase in ("mixed-pauses", "mixed-2", "mixed-dense"):
            for session, busy_ns in account["sessions"].items():
                assert abs(booked[f"{phase}/{session}"] - int(busy_ns)) <= 0.03 * int(busy_ns)


def test_until_the_counter_has_spoken_a_session_is_told_what_steps_like_its_own_took():
    """Also where several rows of a step are one session's."""
    scene = Scene()
    scene.open(1)
    host_bound(scene)
    scene.open(2)
    begin, scene.steps = START + 20_000 * MS, scene.steps + 1
    scene.take(StepSubmitted(scene.steps, (2,)))
    # Four rows, and as many tokens in all contexts as the one row of the session before.
    rows = tuple(Row(2, 1, 16) for _ in range(4))
    for at in range(40):
        scene.take(StepMeasured(scene.steps, begin, 80 * MS, rows, begin))
        begin, scene.steps = begin + 100 * MS, scene.steps + 1
        scene.count(20_050 + at * 100, 20_150 + at * 100, 8)
        scene.take(TimeAdvanced(begin))
        scene.take(StepSubmitted(scene.steps, (2,)))
    (session,) = [each for each in scene.meter.sessions() if each.session_id == "s2"]
    said = scene.meter.usage(session, False)
    assert said.provisional and said.busy_quality == "sampled"
    assert abs(said.gpu_busy_ns - 40 * 8 * MS) <= 0.02 * 40 * 8 * MS
