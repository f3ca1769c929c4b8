"""The card's own activity counter (NVML's GPM), read by a process that shares nothing with the probe.

Commands on standard input, one a line, each answered by one line of JSON: ``mark NAME`` takes a sample,
``window A B`` says what the card did between two of them, ``quit``. Meanwhile it reads every ``--period``
seconds and, with ``--ticks FILE``, writes each reading down. Times are of the monotonic clock.
"""

import argparse
import json
import math
import select
import subprocess
import sys
import time
from pathlib import Path

GRAPHICS, SM, OCCUPANCY, TENSOR, DRAM = 1, 2, 3, 5, 10
METRICS = (GRAPHICS, SM, OCCUPANCY, TENSOR, DRAM)
TICKS_MAX = 20_000


class Gpm:
    """Raises NVMLError where the card, the driver or our rights do not allow it."""

    def __init__(self, index=0):
        import pynvml

        pynvml.nvmlInit()
        self.nvml, self.handle = pynvml, pynvml.nvmlDeviceGetHandleByIndex(index)
        self.supported = bool(pynvml.nvmlGpmQueryDeviceSupport(self.handle).isSupportedDevice)
        self._get = pynvml.c_nvmlGpmMetricsGet_t()

    def sample(self, into=None):
        """The instant, nanoseconds, and the sample."""
        sample = self.nvml.nvmlGpmSampleAlloc() if into is None else into
        begin = time.monotonic_ns()
        self.nvml.nvmlGpmSampleGet(self.handle, sample)
        return (begin + time.monotonic_ns()) // 2, sample

    def free(self, sample):
        self.nvml.nvmlGpmSampleFree(sample)

    def read(self, first, second, metrics=METRICS):
        """Each metric between two samples, None where it is not known."""
        return [value if code == 0 else None for code, value in self.answers(first, second, metrics)]

    def answers(self, first, second, metrics):
        """The return code and the value of each metric; a value that is no number has code -1."""
        get = self._get
        get.version = self.nvml.NVML_GPM_METRICS_GET_VERSION
        get.numMetrics = len(metrics)
        get.sample1, get.sample2 = first, second
        for at, metric in enumerate(metrics):
            get.metrics[at].metricId = metric
        self.nvml.nvmlGpmMetricsGet(get)
        found = [(get.metrics[at].nvmlReturn, get.metrics[at].value) for at in range(len(metrics))]
        return [(code, value) if math.isfinite(value) else (code or -1, None) for code, value in found]

    def energy_mj(self):
        return self.nvml.nvmlDeviceGetTotalEnergyConsumption(self.handle)


class Nothing:
    """For dry runs without a card."""

    supported = False

    def sample(self, into=None):
        return time.monotonic_ns(), None

    def free(self, sample):
        pass

    def read(self, first, second, metrics=METRICS):
        return [None] * len(metrics)

    def energy_mj(self):
        return 0


class Reader:
    def __init__(self, gpm, file):
        self.gpm, self.file = gpm, file
        self.marks, self.ticks = {}, []
        self.last = gpm.sample()

    def tick(self):
        at, sample = self.gpm.sample()
        before, old = self.last
        values = self.gpm.read(old, sample)
        spent = time.monotonic_ns() - at
        self.gpm.free(old)
        self.last = at, sample
        self.ticks.append((before, at, values))
        del self.ticks[:-TICKS_MAX]
        if self.file:
            line = {"t": "tick", "begin_ns": before, "end_ns": at, "call_ns": spent, "m": values}
            self.file.write(json.dumps({**line, "energy_mj": self.gpm.energy_mj()}) + "\n")
            self.file.flush()

    def answer(self, command):
        kind, *names = command.split()
        if kind == "mark":
            at, sample = self.gpm.sample()
            self.marks[names[0]] = at, sample, self.gpm.energy_mj()
            return {"mark": names[0], "at_ns": at}
        (begin, first, before_mj), (end, second, after_mj) = (self.marks[name] for name in names)
        values = self.gpm.read(first, second)
        inside = [
            (tick, min(tick[1], end) - max(tick[0], begin))
            for tick in self.ticks
            if begin < tick[1] and tick[0] < end
        ]
        known = [(tick, length) for tick, length in inside if tick[2][0] is not None]
        by_ticks = sum(tick[2][0] * length / 100 for tick, length in known)
        return {
            "begin_ns": begin,
            "end_ns": end,
            "metrics": dict(zip(("graphics", "sm", "occupancy", "tensor", "dram"), values)),
            "busy_ns": None if values[0] is None else round(values[0] * (end - begin) / 100),
            "busy_by_ticks_ns": round(by_ticks) if known else None,
            "ticks": len(inside),
            "ticks_unknown": len(inside) - len(known),
            "ticks_zero": sum(tick[2][0] == 0 for tick, _ in known),
            "energy_mj": after_mj - before_mj,
        }


def serve(reader, period_s):
    due = time.monotonic() + period_s
    while True:
        ready, _, _ = select.select([sys.stdin], [], [], max(0, due - time.monotonic()))
        if ready:
            line = sys.stdin.readline()
            if not line or line.startswith("quit"):
                return
            try:
                print(json.dumps(reader.answer(line)), flush=True)
            except Exception as error:
                print(json.dumps({"error": repr(error)}), flush=True)
        if time.monotonic() >= due:
            reader.tick()
            due = max(due + period_s, time.monotonic())


class CardCounter:
    """The process, from the one that works the card. ``window`` never raises for what the card does not tell:
    its busy_ns is None."""

    def __init__(self, device="cuda", ticks=None, period_s=0.11):
        command = [sys.executable, str(Path(__file__).resolve()), "--period", str(period_s)]
        command += ["--device", device] + (["--ticks", str(ticks)] if ticks else [])
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.facts = json.loads(self._process.stdout.readline())

    def _ask(self, command):
        print(command, file=self._process.stdin, flush=True)
        answer = json.loads(self._process.stdout.readline())
        if "error" in answer:
            raise RuntimeError(f"the reader of the counter on {command!r}: {answer['error']}")
        return answer

    def mark(self, name):
        return self._ask(f"mark {name}")["at_ns"]

    def window(self, begin, end):
        return self._ask(f"window {begin} {end}")

    def close(self):
        self._process.stdin.close()
        self._process.stdout.close()
        self._process.wait(10)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--period", type=float, default=0.11)
    parser.add_argument("--device", default="cuda", choices=("cuda", "cpu"))
    parser.add_argument("--ticks")
    options = parser.parse_args()
    gpm, error = Nothing(), None
    if options.device == "cuda":
        try:
            gpm = Gpm()
            Reader(gpm, None).tick()
        except Exception as refused:
            gpm, error = Nothing(), repr(refused)
    print(json.dumps({"supported": gpm.supported, "error": error}), flush=True)
    file = open(options.ticks, "w") if options.ticks else None  # noqa: SIM115 - it stays open
    serve(Reader(gpm, file), options.period)


if __name__ == "__main__":
    main()
