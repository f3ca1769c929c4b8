"""What the card's activity counter (NVML's GPM) is like: the cost of a sample, how often its values change,
how far they lag behind the work, two readers at once, and who may read it.

python gpu-probe/bench/gpm.py --out gpm.json [--seconds 40]
"""

import os
import statistics
import subprocess
import sys
import threading
import time
from pathlib import Path

import torch
from card_counter import GRAPHICS, CardCounter, Gpm
from part import Part, options

POLL_S = 0.01
# Graphics, SM, tensor, DRAM, PCIe, NVLink, context switches of the first engines, cycles since reboot.
ASKED = (1, 2, 3, 4, 5, 10, 20, 21, 60, 61, 170, 171, 172, 173, 174, 175, 248, 249)


class Spin:
    """Keeps the card busy for about so long: one block that waits for the SM's clock."""

    def __init__(self):
        self.per_s = 1_700_000_000
        for _ in range(3):
            self.per_s = round(self.per_s * 0.2 / (self(0.2) / 1e9))

    def __call__(self, seconds):
        """Nanoseconds it ran, by the card's events."""
        begin, end = torch.cuda.Event(enable_timing=True), torch.cuda.Event(enable_timing=True)
        begin.record()
        torch.cuda._sleep(round(seconds * self.per_s))
        end.record()
        end.synchronize()
        return round(begin.elapsed_time(end) * 1e6)


def cost(gpm):
    """Microseconds of a sample, of the metrics between two, of the energy counter: median and longest."""
    found = {}
    first = gpm.sample()[1]
    time.sleep(0.15)
    second = gpm.sample()[1]
    calls = {
        "sample": lambda: gpm.sample(second),
        "metrics": lambda: gpm.read(first, second),
        "energy": gpm.energy_mj,
    }
    for name, call in calls.items():
        spent = []
        for _ in range(60):
            begin = time.perf_counter_ns()
            call()
            spent.append((time.perf_counter_ns() - begin) / 1000)
        found[f"{name}_us"] = [round(statistics.median(spent), 1), round(max(spent), 1)]
    return found


class Poll:
    """Reads every 10 ms against the first sample, so that each reading is a sum from there on, and against
    the one before."""

    def __init__(self, gpm):
        self.gpm, self.readings = gpm, []
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self):
        self._thread.start()
        time.sleep(0.3)
        return self

    def __exit__(self, *_):
        time.sleep(0.35)
        self._stop.set()
        self._thread.join(2)

    def _run(self):
        begin, first = self.gpm.sample()
        before = first
        due = time.monotonic()
        while not self._stop.is_set():
            due += POLL_S
            time.sleep(max(0.0, due - time.monotonic()))
            at, sample = self.gpm.sample()
            (whole,) = self.gpm.read(first, sample, (GRAPHICS,))
            (last,) = self.gpm.read(before, sample, (GRAPHICS,))
            self.readings.append((at - begin, whole, last, begin))
            if before is not first:
                self.gpm.free(before)
            before = sample

    def changes(self):
        """When the sum took a new value: milliseconds since the first sample."""
        found, old = [], None
        for at, whole, _, _ in self.readings:
            if whole is not None and whole != old:
                found.append(round(at / 1e6, 1))
                old = whole
        return found


def refresh(gpm, spin):
    """How often values change, under half a load."""
    with Poll(gpm) as poll:
        end = time.monotonic() + 3
        while time.monotonic() < end:
            spin(0.0185)
            time.sleep(0.0185)
    changes = poll.changes()
    gaps = [round(second - first, 1) for first, second in zip(changes, changes[1:])]  # noqa: RUF007
    lasts = [last for _, _, last, _ in poll.readings]
    return {
        "polls": len(poll.readings),
        "changes": len(changes),
        "gap_ms": {"median": statistics.median(gaps) if gaps else None, "all": gaps},
        "pairs_10_ms": {
            "unknown": sum(last is None for last in lasts),
            "zero": sum(last == 0 for last in lasts),
            "above_100": sum(last is not None and last > 100.5 for last in lasts),
        },
    }


def lag(gpm, spin):
    """A spin of 300 ms on an idle card: when the sum says that it began and how long it was."""
    found = []
    for number in range(4):
        time.sleep(0.2 + 0.03 * number)
        with Poll(gpm) as poll:
            launched = time.monotonic_ns()
            length = spin(0.3)
        begin = poll.readings[0][3]
        sums = [(at, whole * at / 100) for at, whole, _, _ in poll.readings if whole is not None]
        top = max((busy for _, busy in sums), default=0)
        rises = [at + begin - launched for at, busy in sums if busy > 0.02 * top]
        tops = [at + begin - launched - length for at, busy in sums if busy > 0.98 * top]
        found.append(
            {
                "spin_ns": length,
                "counted_ns": round(sums[-1][1]) if sums else None,
                "first_seen_after_begin_ms": round(rises[0] / 1e6, 1) if rises else None,
                "all_seen_after_end_ms": round(tops[0] / 1e6, 1) if tops else None,
                "sums": [(round(at / 1e6, 1), round(busy / 1e6, 2)) for at, busy in sums],
            }
        )
    return found


def duties(spin, reader):
    """Windows of known duty by two readers at once: this process's and another's."""
    gpm, found = Gpm(), []
    for duty in (0.1, 0.5, 0.9):
        time.sleep(0.4)
        reader.mark(f"begin-{duty}")
        begin, first = gpm.sample()
        busy, end = 0, time.monotonic() + 2.5
        while time.monotonic() < end:
            busy += spin(0.04 * duty)
            time.sleep(0.04 * (1 - duty))
        time.sleep(0.4)
        finish, second = gpm.sample()
        reader.mark(f"end-{duty}")
        other = reader.window(f"begin-{duty}", f"end-{duty}")
        (own,) = gpm.read(first, second, (GRAPHICS,))
        found.append(
            {
                "duty": duty,
                "spins_ns": busy,
                "own_ns": None if own is None else round(own * (finish - begin) / 100),
                "other_ns": other["busy_ns"],
                "other_by_ticks_ns": other["busy_by_ticks_ns"],
            }
        )
    return found


def rights():
    """Whether a user without rights may read it too."""
    script = Path(__file__).with_name("card_counter.py")
    found = {"uid": os.getuid()}
    try:
        done = subprocess.run(
            [sys.executable, str(script)],
            input="quit\n",
            user=65534,
            capture_output=True,
            text=True,
            timeout=20,
        )
        found["nobody"] = done.stdout.strip() or done.stderr[-500:]
    except (OSError, subprocess.SubprocessError) as error:
        found["nobody"] = repr(error)
    return found


def answers(gpm, spin):
    """Return code and value of many metrics, the card half busy."""
    first = gpm.sample()[1]
    end = time.monotonic() + 0.5
    while time.monotonic() < end:
        spin(0.02)
        time.sleep(0.02)
    return {metric: gpm.answers(first, gpm.sample()[1], (metric,))[0] for metric in ASKED}


def show(part, results):
    """Rows from what was found."""
    seen = results.get("cost idle") or {}
    part.row("a sample, its metrics: median µs", f"{seen.get('sample_us')}, {seen.get('metrics_us')}")
    part.row(
        "values change every (median, ms)",
        str((results.get("refresh") or {}).get("gap_ms", {}).get("median")),
    )
    for spin in results.get("lag") or []:
        part.row(
            "300 ms spin: seen after begin, all after end (ms)",
            f"{spin['first_seen_after_begin_ms']}, {spin['all_seen_after_end_ms']}; "
            f"counted {spin['counted_ns']}",
        )
    for window in results.get("two readers") or []:
        part.row(
            f"duty {window['duty']}: spins, one reader, other (ns)",
            "{spins_ns}, {own_ns}, {other_ns}".format(**window),
        )
    part.row("who may read it", str(results.get("rights")))


def main():
    given = options(__doc__)
    part = Part("gpm", given.out, given.seconds)
    results = {}

    def keep(name, function):
        results[name] = part.run(name, function)

    spin = part.run("spin", Spin)
    part.document["results"]["spin"] = (
        {"cycles_per_s": spin.per_s} if spin else part.document["results"]["spin"]
    )
    gpm = part.run("gpm", Gpm)
    part.document["results"]["gpm"] = (
        {"supported": getattr(gpm, "supported", None)} if gpm else part.document["results"]["gpm"]
    )
    keep("rights", rights)
    keep("cost idle", lambda: cost(gpm))
    keep("refresh", lambda: refresh(gpm, spin))
    keep("lag", lambda: lag(gpm, spin))
    reader = part.run("reader", lambda: CardCounter(given.device))
    part.document["results"]["reader"] = reader.facts if reader else part.document["results"]["reader"]
    keep("two readers", lambda: duties(spin, reader))
    keep("cost beside another reader", lambda: cost(gpm))
    keep("answers", lambda: answers(gpm, spin))
    show(part, results)
    part.end()


if __name__ == "__main__":
    main()
