"""What the serving thread spends on a step, without a GPU: a backend that does nothing but remember.

python gpu-probe/bench/host_cost.py [--before FOLDER] [--rounds 30]

FOLDER is another version's gpu-probe folder; the two take turns, each turn in its own process. Microseconds
per step: the median over the turns of each turn's median, and the least of these. "ahead": the step before
still runs when one begins; "waiting": it has ended.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROWS = (1, 16, 64)
WARM_UP = 200
# Of the largest batch, in full, so many fit into one segment of the journal.
STEPS = 2000
PARTS = ("begin_us", "end_us")


class Event:
    """``at`` is the step that it was recorded in."""

    __slots__ = ("at",)

    def __init__(self):
        self.at = 0


class Idle:
    """A backend on which ``lag`` steps are under way; counts what it is asked."""

    def __init__(self, lag):
        self.lag = lag
        self.now = 0
        self.records = 0
        self.queries = 0
        self.power = None

    def describe(self, probe_start_ns, rank, world_size):
        from gpu_probe.device import DeviceInfo

        place = ("node", None, "GPU-0", "none", None, "exclusive", rank, world_size, 1 << 30)
        return DeviceInfo(*place, False, None, probe_start_ns)

    def event(self):
        return Event()

    def stream(self):
        return 0

    def record(self, event, stream):
        self.records += 1
        event.at = self.now

    def query(self, event):
        self.queries += 1
        return event.at + self.lag < self.now

    def elapsed_ms(self, begin, end):
        return 1.0

    def synchronize(self, event):
        return

    def capturing(self):
        return False

    def capturing_here(self):
        return False

    def compilations(self):
        return 0

    def waits(self, stream):
        return 0

    def memory(self):
        return None

    def idle_thread(self):
        return False


def measure(rows, lag):
    """Medians over the steps, begin and end, and calls of the backend per step."""
    from gpu_probe import Probe

    gpu = Idle(lag)
    folder = tempfile.TemporaryDirectory(prefix="gpu-probe-bench-")
    probe = Probe([gpu], state_dir=folder.name, accounting="later")
    labels = {"tenant_id": "t", "project_id": "p", "model": "bench"}
    sessions = [probe.open_session(**labels, prompt_tokens=64) for _ in range(rows)]
    clock, spent = time.perf_counter_ns, ([], [])
    for step in range(WARM_UP + STEPS):
        if step == WARM_UP:
            gpu.records = gpu.queries = 0
        batch = [(session, 1, 64 + step) for session in sessions]
        start = clock()
        scope = probe.step(batch)
        scope.__enter__()
        middle = clock()
        gpu.now += 1
        launched = clock()
        scope.__exit__(None, None, None)
        end = clock()
        if step >= WARM_UP:
            spent[0].append(middle - start)
            spent[1].append(end - launched)
        # "waiting": the engine has the step's tokens by now.
        gpu.now += 1 if lag == 0 else 0
    calls = {"records": gpu.records / STEPS, "queries": gpu.queries / STEPS}
    probe.close(0.1)
    folder.cleanup()
    return [statistics.median(part) / 1000 for part in spent], calls


CASES = {f"{name}, {rows} rows": (rows, lag) for name, lag in (("ahead", 1), ("waiting", 0)) for rows in ROWS}


def compare(versions, rounds):
    """Medians and minima over the turns, per case and version."""
    turns = {(case, name): [] for case in CASES for name in versions}
    for number in range(rounds):
        for case in CASES:
            for name in sorted(versions, reverse=bool(number % 2)):
                environment = {**os.environ, "PYTHONPATH": str(versions[name])}
                command = [sys.executable, __file__, "--turn", case]
                done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
                turns[case, name].append(json.loads(done.stdout))
    return {key: summary(found) for key, found in turns.items()}


def summary(turns):
    """One line of one case and version."""
    found = {name: round(value, 2) for name, value in turns[0][1].items()}
    for at, part in enumerate(PARTS):
        times = [spent[at] for spent, _ in turns]
        found[part] = round(statistics.median(times), 2)
        found[f"{part}_least"] = round(min(times), 2)
    return found


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--before", type=Path, help="another version's gpu-probe folder")
    parser.add_argument("--rounds", type=int, default=30)
    parser.add_argument("--turn", choices=CASES, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.turn:
        print(json.dumps(measure(*CASES[options.turn])))
        return
    versions = {"before": options.before} if options.before else {}
    versions["now"] = Path(__file__).parents[1]
    for (case, name), found in compare(versions, options.rounds).items():
        print(f"{case}, {name}:", json.dumps(found))


if __name__ == "__main__":
    main()
