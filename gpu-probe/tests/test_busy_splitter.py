"""Busy time is split by what the card's counter says: on a recording with known truth, and on any input."""

import gzip
import json
import os
import subprocess
import sys
from collections import defaultdict

import pytest
from conftest import ROOT
from hypothesis import given, settings
from hypothesis import strategies as st

from gpu_probe.busy import BusySplitter, Tick, Use
from gpu_probe.busy.tick import busy_of_percent
from gpu_probe.cli.busy import play
from gpu_probe.cli.main import main

RECORDING = ROOT / "gpu-probe" / "traces" / "h100-activity.jsonl.gz"
MS = 1_000_000


class Sum:
    def __init__(self):
        self.ticks = []

    def tick_split(self, tick):
        self.ticks.append(tick)


@pytest.fixture(scope="module")
def phases():
    return play(RECORDING)


@pytest.fixture(scope="module")
def expected(phases):
    """Of each phase and session: its steps, each at the busy time of its class alone."""
    steps = defaultdict(lambda: defaultdict(list))
    with gzip.open(RECORDING, "rt") as lines:
        for line in map(json.loads, lines):
            if line["t"] == "step":
                steps[line["phase"]][line["session"]].append(line["cls"])
    alone = {}
    for phase, sessions in steps.items():
        if phase.startswith("alone-") and "ahead" not in phase:
            (classes,) = sessions.values()
            alone[classes[0]] = int(phases[phase]["counter_ns"]) / len(classes)
    return {
        phase: {session: sum(alone[cls] for cls in classes) for session, classes in sessions.items()}
        for phase, sessions in steps.items()
    }


def test_every_phase_balances_to_the_nanosecond(phases):
    for account in phases.values():
        sessions = sum(map(int, account["sessions"].values()))
        assert int(account["counter_ns"]) == sessions + int(account["unmetered_ns"])


@pytest.mark.parametrize(
    ("phase", "part"), [("mixed-pauses", 0.10), ("mixed-2", 0.20), ("mixed-dense", 0.20)]
)
def test_a_session_has_the_busy_time_of_its_steps_alone(phases, expected, phase, part):
    for session, busy_ns in phases[phase]["sessions"].items():
        assert int(busy_ns) == pytest.approx(expected[phase][session], rel=part)


@pytest.mark.parametrize("phase", ["unmetered-bursts", "unmetered-constant"])
def test_unmetered_work_is_found(phases, expected, phase):
    counter = int(phases[phase]["counter_ns"])
    foreign = counter - sum(expected[phase].values())
    assert int(phases[phase]["unmetered_ns"]) == pytest.approx(foreign, abs=0.05 * counter)


def test_without_unmetered_work_almost_none_is_found(phases):
    for name, account in phases.items():
        if not name.startswith("unmetered"):
            assert int(account["unmetered_ns"]) <= 0.02 * int(account["counter_ns"])


def test_the_same_recording_is_split_the_same_whatever_the_order_of_hashes():
    command = [sys.executable, "-m", "gpu_probe", "busy", str(RECORDING), "--json"]
    outputs = {
        subprocess.run(
            command, env={**os.environ, "PYTHONHASHSEED": seed}, capture_output=True, check=True
        ).stdout
        for seed in ("1", "3")
    }
    assert len(outputs) == 1


def test_the_command_prints_the_phases(capsys, tmp_path):
    lines = [
        {"t": "meta"},
        {"t": "phase", "name": "a", "ns": 0},
        {"t": "step", "session": "s", "cls": "c", "begin_ns": 0, "end_ns": 90 * MS},
        {"t": "tick", "begin_ns": 0, "end_ns": 100 * MS, "m": [45.0]},
        {"t": "phase_end", "name": "a", "ns": 100 * MS},
    ]
    file = tmp_path / "activity.jsonl"
    file.write_text("\n".join(map(json.dumps, lines)))
    assert main(["busy", str(file), "--json"]) == 0
    (account,) = json.loads(capsys.readouterr().out)["phases"].values()
    assert account == {
        "counter_ns": "45000000",
        "sessions": {"s": "45000000"},
        "unmetered_ns": "0",
        "idle_ns": "55000000",
    }


@pytest.mark.parametrize("text", ["no json", '{"t":"tick"}', '{"t":"meta"}', '{"x":1}'])
def test_a_file_that_is_no_recording_is_named(capsys, tmp_path, text):
    file = tmp_path / "activity.jsonl"
    file.write_text(text)
    assert main(["busy", str(file)]) == 1
    assert str(file) in capsys.readouterr().err


steps = st.tuples(st.sampled_from("abc"), st.integers(0, 3_000), st.integers(0, 400))
readings = st.tuples(st.integers(0, 250), st.integers(0, 200))


@settings(max_examples=60, deadline=None)
@given(st.lists(steps, max_size=40), st.lists(readings, max_size=40))
def test_whatever_happens_parts_add_up_and_no_step_is_over_its_time(taken, read):
    total = Sum()
    splitter = BusySplitter(total, 0)
    uses = [
        Use(cls, begin * MS, (begin + length) * MS, max(1, length * MS))
        for cls, begin, length in sorted(taken, key=lambda step: step[1])
    ]
    for use in uses:
        splitter.add(use)
    at = 0
    for gap, busy in read:
        begin, at = at + gap % 3 * MS, at + gap % 3 * MS + gap * MS
        splitter.read(Tick(begin, at, busy * MS))
        splitter.settle(at)
    splitter.stop(max([at, *(use.end for use in uses)]) + 1)
    assert sum(tick.busy_ns for tick in total.ticks) == sum(use.busy_ns for use in uses) + sum(
        tick.unmetered_ns for tick in total.ticks
    )
    assert all(0 <= use.busy_ns <= use.end - use.begin for use in uses)
    assert all(0 <= tick.unmetered_ns <= tick.busy_ns <= tick.end - tick.begin for tick in total.ticks)
    assert all(before.end == after.begin for before, after in zip(total.ticks, total.ticks[1:]))


def test_the_noise_of_an_idle_counter_is_no_work():
    assert busy_of_percent(0.009, 100 * MS) == 0
    assert busy_of_percent(50.0, 100 * MS) == 50 * MS
    assert busy_of_percent(120.0, 100 * MS) == 100 * MS
