"""A recording by the probe itself, with the readings of the card's activity counter in it: a serving loop
with continuous batching on CUDA graphs, beside it eager ``generate`` in two threads, and bursts of work that
no session explains. An independent reader's window over the same time goes into the results.

python gpu-probe/bench/recording.py --out recording.json --trace h100-busy-trace.jsonl.gz
"""

import random
import tempfile
import threading
import time
from collections import Counter
from pathlib import Path

import torch
from busy import Foreign
from card_counter import CardCounter
from measured import IDLE_S, Talker, make_llama, wait_for
from part import Part, options, percent
from serving import Engine, Kept, serve

from gpu_probe import Probe
from gpu_probe.accounting import Account, GpuMeter, run
from gpu_probe.device.replay import ReplayDevice, read_trace
from gpu_probe.integrations import default, transformers
from gpu_probe.sharing import make_policy

SERVE_S = 14.0
TRACE_BYTES_MAX = 1_000_000


class Rig:
    """What works the card, warm before anything is recorded."""

    def __init__(self, device):
        self.device = device
        self.engine = None
        if device == "cuda":
            self.engine = Engine()
            self.engine.capture()
        model = make_llama(device)
        self.talkers = [Talker(model, kind, device, stream=True) for kind in ("short", "batch")]
        for talker in self.talkers:
            talker.warm_up()
        self.foreign = Foreign(device)

    def work(self, probe, seconds):
        """The loop from the start, the threads from a quarter on, the bursts from the middle."""
        faults = []

        def guarded(delay_s, function):
            try:
                time.sleep(delay_s)
                with torch.no_grad():
                    function()
            except BaseException as error:
                faults.append(error)

        talk_s = seconds * 0.6
        works = [
            (0.25 * seconds, lambda each=each: each.talk(probe, "chat", talk_s)) for each in self.talkers
        ]
        works.append((0.5 * seconds, lambda: self.foreign.run(seconds * 0.4, 1.5)))
        if self.engine is not None:
            works.append((0.0, lambda: serve(probe, self.engine, seconds)))
        threads = [threading.Thread(target=guarded, args=each, daemon=True) for each in works]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        if faults:
            raise faults[0]


def record(part, device, path):
    rig = Rig(device)
    kept = Kept()
    account = Account(kept)
    counter = CardCounter(device)
    wait_for(device)
    time.sleep(IDLE_S)
    counter.mark("begin")
    rig.foreign.products = 0
    name = "cuda:0" if device == "cuda" else device
    probe = Probe(name, output=account, state_dir=tempfile.mkdtemp(), record=path)
    transformers.install()
    default.set_probe(probe)
    rig.work(probe, SERVE_S if device == "cuda" else 3.0)
    wait_for(device)
    time.sleep(IDLE_S)
    counts = probe.counts()
    probe.close(30)
    counter.mark("end")
    window = counter.window("begin", "end")
    counter.close()
    busy = sum(event["gpu_busy_ns"] or 0 for event in kept.events)
    unmetered = sum(minute["unmetered_ns"] or 0 for minute in kept.minutes)
    trace = written(device, path)
    size = trace.stat().st_size
    part.row("recording, bytes", str(size), f"under {TRACE_BYTES_MAX}", size < TRACE_BYTES_MAX)
    return {
        "counts": counts,
        "account": account.summary(),
        "faults": account.faults(),
        "events_busy_ns": busy,
        "unmetered_ns": unmetered,
        "foreign_products": rig.foreign.products,
        "counter": window,
        "difference_percent": percent(busy + unmetered, window["busy_ns"]),
        "digest": kept.digest(),
        "lines": Counter(line["t"] for line in read_trace(trace).lines),
        "trace": str(trace),
    }


def written(device, path):
    """Where the recording is: several devices have files of their own."""
    path = Path(path)
    found = [path] if path.exists() else sorted(path.parent.glob(f"*{path.name.split('.')[0]}*"))
    if not found:
        raise FileNotFoundError(f"{path}: the probe on {device} has not recorded anything")
    return found[0]


def replay(part, recorded):
    """Played on the same machine it must give the same events."""
    kept = Kept()
    device = ReplayDevice(read_trace(recorded["trace"]))
    run(device, GpuMeter(device.info, make_policy("fitted-hinge"), kept))
    is_same = kept.digest() == recorded["digest"]
    part.row("recording, replayed", "the same events" if is_same else "other events", "the same", is_same)
    return {"digest": kept.digest(), "same": is_same}


def main():
    given = options(__doc__, ("trace", "h100-busy-trace.jsonl.gz"))
    random.seed(7)
    part = Part("recording", given.out, given.seconds)
    with torch.no_grad():
        recorded = part.run("record", lambda: record(part, given.device, given.trace))
    part.run("replay", lambda: replay(part, recorded))
    part.end()


if __name__ == "__main__":
    main()
