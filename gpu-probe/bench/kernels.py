"""Busy time by the probe against CUPTI's kernel records: the same calls of ``generate`` once with the
records, for the truth, and once without, for the bill, each in a process of its own.

The counter holds about 2 µs more than a kernel's own time, so the truth is the union of the kernels with that
much behind each.

python gpu-probe/bench/kernels.py --out kernels.json [--seconds 120] [--device cpu]
"""

import contextlib
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import torch
from measured import TALKS, Measured, Talker, install, make_llama, talk_at_once, wait_for
from part import Part, options, percent, shown, within

from gpu_probe.busy.intervals import union_ns
from gpu_probe.device.busy import kernel_intervals

BEHIND_NS = 2_000
CALLS_ALONE, CALLS_MIXED = 6, 3


class Truth:
    """``window`` records the kernels of a phase."""

    def __init__(self, device):
        self.device, self.kernels = device, {}

    @contextlib.contextmanager
    def window(self, name):
        wait_for(self.device)
        if self.device == "cpu":
            yield
            self.kernels[name] = {"kernels": 0, "sum_ns": 0, "union_ns": 0, "with_behind_ns": 0}
            return
        with torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CUDA]) as profile:
            yield
            torch.cuda.synchronize()
        intervals = kernel_intervals(profile)
        self.kernels[name] = {
            "kernels": len(intervals),
            "sum_ns": sum(end - begin for begin, end in intervals),
            "union_ns": union_ns(intervals),
            "with_behind_ns": union_ns((begin, end + BEHIND_NS) for begin, end in intervals),
        }


def work(measured, window, device):
    """The calls, the same in both processes. ``window`` brackets each phase."""
    model = make_llama(device)
    alone = [Talker(model, kind, device) for kind in TALKS]
    own = [Talker(model, kind, device, number, stream=True) for kind in TALKS for number in (0, 1)]
    for talker in (*alone, *own):
        talker.warm_up()
    probe = measured.start()
    for talker in alone:
        talker.talk(probe, "cold", calls=1)
    for talker in alone:
        with window(f"alone-{talker.kind}"):
            talker.talk(probe, f"alone-{talker.kind}", calls=CALLS_ALONE)
    with window("mixed"):
        talk_at_once(own, probe, "mixed", calls=CALLS_MIXED)
    return own


class Books:
    """Makes the probe once the model is warm."""

    def __init__(self, device):
        self.device, self.measured = device, None

    def start(self):
        self.measured = Measured(self.device)
        install(self.measured)
        return self.measured.probe

    def window(self, name):
        return self.measured.window(name)


def truth_of(device, out):
    """In the child: the kernels of each phase, written to ``out``."""
    books, truth = Books(device), Truth(device)
    with torch.no_grad():
        work(books, truth.window, device)
    books.measured.close()
    Path(out).write_text(json.dumps(truth.kernels))


def child_truth(device, seconds):
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "truth.json"
        command = [sys.executable, __file__, "--child", "truth", "--out", str(out), "--device", device]
        done = subprocess.run(command, capture_output=True, text=True, timeout=seconds)
        if not out.exists():
            raise RuntimeError(f"the process with CUPTI ended with {done.returncode}: {done.stderr[-3000:]}")
        return json.loads(out.read_text())


def bill(part, device, truth):
    """The same calls without CUPTI, phase by phase beside the truth."""
    books = Books(device)
    with torch.no_grad():
        own = work(books, books.window, device)
    measured = books.measured
    measured.close()
    found = {"windows": measured.windows, "phases": {}, "threads": {}}
    for name, window in measured.windows.items():
        if name == "whole":
            continue
        sums, kernels = measured.sums(name), (truth or {}).get(name, {})
        difference = percent(sums["busy_ns"], kernels.get("with_behind_ns"))
        part.row(f"{name}: bill against kernels", shown(difference), "10 %", within(difference, 10))
        found["phases"][name] = {
            **sums,
            "kernels": kernels,
            "difference_percent": difference,
            "counter_percent": percent(window["busy_ns"], kernels.get("with_behind_ns")),
            "elapsed_percent": percent(sums["elapsed_ns"], kernels.get("with_behind_ns")),
        }
    for talker in own:
        alone = measured.sums(f"alone-{talker.kind}")["busy_ns"] / CALLS_ALONE
        busy = measured.sums("mixed", talker.user)["busy_ns"] / CALLS_MIXED
        found["threads"][talker.user] = percent(busy, alone)
    known = [difference for difference in found["threads"].values() if difference is not None]
    worst = max(known, key=abs, default=None)
    part.row("mixed: a thread against alone, worst of 6", shown(worst), "15 %", within(worst, 15))
    return found


def main():
    given = options(__doc__, ("child", ""))
    if given.child:
        truth_of(given.device, given.out)
        return
    part = Part("kernels", given.out, given.seconds)
    begin = time.monotonic()
    truth = part.run("truth", lambda: child_truth(given.device, given.seconds * 0.6))
    print(f"truth took {time.monotonic() - begin:.1f} s")
    part.run("bill", lambda: bill(part, given.device, truth))
    part.end()


if __name__ == "__main__":
    main()
