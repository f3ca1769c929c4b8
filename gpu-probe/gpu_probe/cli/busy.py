"""gpu-probe busy FILE: plays a recording of the card's activity counter through the splitter that live books
use, and says what each session's busy time was."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

from ..busy import BusySplitter, Tick, Use
from ..busy.tick import busy_of_percent
from ..device.replay import read_lines
from .failure import Failure

# A step is written down a moment after it ends.
_WRITTEN_NS = 20_000_000


def register(commands: Any) -> None:
    parser: argparse.ArgumentParser = commands.add_parser(
        "busy", help="split a recording of the card's activity counter", description=__doc__
    )
    parser.add_argument("file", type=Path, help="an activity recording (traces/README.md)")
    parser.add_argument("--json", action="store_true", help="one line of JSON at the end")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    phases = play(options.file)
    if options.json:
        print(json.dumps({"phases": phases}))
        return 0
    for name, account in phases.items():
        print(f"{name}: counter {account['counter_ns']} ns, unmetered {account['unmetered_ns']} ns")
        for session, busy_ns in account["sessions"].items():
            print(f"  {session}: {busy_ns} ns")
    return 0


class Phase:
    """A stretch of the recording, and what fell to it."""

    def __init__(self, name: str, begin: int, end: int) -> None:
        self.name = name
        self.begin = begin
        self.end = end
        self.uses: list[tuple[str, Use]] = []
        self.unmetered_ns = 0

    def account(self) -> dict[str, Any]:
        """Nanoseconds as text: counter = sessions + unmetered, and with idle the phase's length."""
        sessions: dict[str, int] = {}
        for session, use in self.uses:
            sessions[session] = sessions.get(session, 0) + use.busy_ns
        counter = sum(sessions.values()) + self.unmetered_ns
        return {
            "counter_ns": str(counter),
            "sessions": {session: str(busy_ns) for session, busy_ns in sessions.items()},
            "unmetered_ns": str(self.unmetered_ns),
            "idle_ns": str(max(0, self.end - self.begin - counter)),
        }


class Phases:
    """Takes the ticks that are split, and gives what is unmetered to the phase of the tick."""

    def __init__(self, phases: list[Phase]) -> None:
        self.phases = phases

    def at(self, instant: int) -> Phase | None:
        return next((phase for phase in self.phases if phase.begin <= instant < phase.end), None)

    def tick_split(self, tick: Tick) -> None:
        phase = self.at((tick.begin + tick.end) // 2)
        if phase is not None:
            phase.unmetered_ns += tick.unmetered_ns


def play(path: Path) -> dict[str, Any]:
    """Phase -> counter_ns, sessions, unmetered_ns, idle_ns. Raises Failure or TraceError naming what is not
    understood."""
    lines = read_lines(path)
    try:
        phases = Phases(_phases(lines))
        # Of what ends at one instant, the tick is last.
        events = sorted(
            (line for line in lines if line["t"] in ("step", "tick")),
            key=lambda line: (int(line["end_ns"]), line["t"] == "tick"),
        )
        if all(line["t"] != "tick" for line in events):
            raise Failure(f"{path}: the recording has no tick of the counter")
        splitter = BusySplitter(phases, min(line["begin_ns"] for line in lines if "begin_ns" in line))
        for line in events:
            if line["t"] == "tick":
                splitter.read(_tick(line))
                splitter.settle(line["end_ns"] - _WRITTEN_NS)
            else:
                use = Use(line["cls"], line["begin_ns"], line["end_ns"], line["end_ns"] - line["begin_ns"])
                splitter.add(use)
                phase = phases.at(use.begin)
                if phase is not None:
                    phase.uses.append((line["session"], use))
        splitter.stop(events[-1]["end_ns"])
    except (KeyError, TypeError, ValueError) as error:
        raise Failure(f"{path}: a line lacks a field or has one of another type: {error!r}") from error
    return {phase.name: phase.account() for phase in phases.phases}


def _phases(lines: list[dict[str, Any]]) -> list[Phase]:
    ends = {line["name"]: line["ns"] for line in lines if line["t"] == "phase_end"}
    return [Phase(line["name"], line["ns"], ends[line["name"]]) for line in lines if line["t"] == "phase"]


def _tick(line: dict[str, Any]) -> Tick:
    length = line["end_ns"] - line["begin_ns"]
    return Tick(line["begin_ns"], line["end_ns"], busy_of_percent(line["m"][0], length))
