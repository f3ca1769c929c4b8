"""A serving loop with continuous batching under the probe: energy against the counter, memory, and a trace
that plays back to the same events on a machine without a GPU.

    python gpu-probe/bench/serving.py --out serving.json --trace trace.jsonl.gz [--seconds 120]
"""

import argparse
import hashlib
import json
import random
import tempfile
import time
from pathlib import Path

import torch
from workload import Decoder, graphed

from gpu_probe import Probe
from gpu_probe.accounting import Account, GpuMeter, run
from gpu_probe.device.replay import ReplayDevice, read_trace
from gpu_probe.nvml import find_device
from gpu_probe.sharing import make_policy

ROWS, CONTEXT, CHUNK = 32, 2048, 512
ROW_BUCKETS, CONTEXT_BUCKETS, CHUNKS = (4, 8, 16, 24, 32), (256, 512, 1024, 2048), (64, 128, 256, 512)


class Request:
    def __init__(self, probe, number):
        self.prompt = min(1500, max(8, round(random.lognormvariate(5.5, 1))))
        self.answer = min(400, max(1, round(random.lognormvariate(4, 1))))
        self.context = self.made = 0
        draw = random.random()
        self.leaves = (
            ("timeout", self.answer // 2)
            if draw < 0.03
            else ("cancelled", self.answer // 3)
            if draw < 0.06
            else None
        )
        self.session = probe.open_session(
            tenant_id=f"tenant-{min(15, int(random.paretovariate(1))):02d}",
            project_id=f"project-{number % 4}",
            user_id=f"user-{number % 50}",
            model="synthetic-12-layers",
            prompt_tokens=self.prompt,
        )


class Kept:
    def __init__(self):
        self.events, self.minutes = [], []

    def event(self, record):
        self.events.append(record)

    def totals(self, record):
        self.minutes.append(record)

    def digest(self):
        plain = [sorted(record.items()) for record in (*self.events, *self.minutes)]
        return hashlib.sha256(repr(plain).encode()).hexdigest()


def step(probe, engine, active):
    """One step: a piece of the first prompt that is not through, and a token for everyone else."""
    rows, decoding = [], 0
    waiting = next((request for request in active if request.context < request.prompt), None)
    chunk = 0
    if waiting is not None:
        chunk = min(CHUNK, waiting.prompt - waiting.context)
        waiting.context += chunk
        rows.append((waiting.session, chunk, waiting.context))
    longest = 1
    for request in active:
        if request is not waiting and request.context >= request.prompt:
            request.context += 1
            request.made += 1
            decoding += 1
            longest = max(longest, min(request.context, CONTEXT))
            rows.append((request.session, 1, request.context))
    with probe.step(rows):
        if chunk:
            engine.decoder.prefill(bucket(CHUNKS, chunk))
        if decoding:
            tokens = engine.decode(decoding, longest)
    if decoding:
        tokens.cpu()
    else:
        torch.cuda.synchronize()


def bucket(sizes, size):
    return next(candidate for candidate in sizes if candidate >= size)


class Engine:
    """Decoding is captured for a few sizes, as engines do."""

    def __init__(self):
        self.decoder = Decoder(12, ROWS, CONTEXT)
        self.graphs = {}

    def capture(self):
        for rows in ROW_BUCKETS:
            for context in CONTEXT_BUCKETS:
                self.graphs[rows, context] = graphed(self.decoder, rows, context)
        for chunk in CHUNKS:
            self.decoder.prefill(chunk)

    def decode(self, rows, context):
        graph, tokens = self.graphs[bucket(ROW_BUCKETS, rows), bucket(CONTEXT_BUCKETS, context)]
        graph.replay()
        return tokens


def serve(probe, engine, seconds):
    """Busy for most of the time, with a pause in the middle."""
    begin, number, steps, active = time.monotonic(), 0, 0, []
    while (now := time.monotonic() - begin) < seconds:
        pause = 0.45 < now / seconds < 0.5
        while not pause and len(active) < ROWS and number < now * 6:
            active.append(Request(probe, number))
            number += 1
        if not active:
            time.sleep(0.002)
            continue
        step(probe, engine, active)
        steps += 1
        for request in [request for request in active if done(request)]:
            active.remove(request)
    return number, steps


def done(request):
    if request.leaves is not None and request.made >= request.leaves[1] > 0:
        request.session.close(request.leaves[0], request.made)
        return True
    if request.made >= request.answer:
        request.session.close("ok", request.made)
        return True
    return False


def memory():
    """Two sessions that overlap, with allocations of known size: A alone holds 1 GiB, then both 3 GiB, then B
    alone 2 GiB."""
    gib = 1 << 30
    kept = Kept()
    with Probe(
        "cuda:0", output=kept, state_dir=tempfile.mkdtemp(), policy="equal", cold_start=False
    ) as probe:
        torch.cuda.synchronize()
        base = torch.cuda.memory_allocated()
        labels = {"tenant_id": "t", "project_id": "p", "model": "m"}

        def hold(session, size):
            with probe.step([(session, 1, 1)]):
                return torch.ones(size, dtype=torch.uint8, device="cuda")

        before = probe.open_session(session_id="before", **labels)
        first = hold(before, gib // 2)
        before.close()
        del first
        a = probe.open_session(session_id="a", **labels)
        held_a = hold(a, gib)
        b = probe.open_session(session_id="b", **labels)
        held_b = hold(b, 2 * gib)
        del held_a
        a.close()
        c = probe.open_session(session_id="c", **labels)
        c.close()
        b.close()
        del held_b
        torch.cuda.synchronize()
    want = {"before": gib // 2, "a": 3 * gib, "b": 3 * gib, "c": 2 * gib}
    got = {event["session_id"]: event["memory_peak_bytes"] - base for event in kept.events}
    scopes = {event["session_id"]: event["memory_scope"] for event in kept.events}
    return {"memory": {name: {"want": want[name], "got": got[name], "scope": scopes[name]} for name in want}}


def record(seconds, trace_path):
    """Serves for so long under the probe; what the books, the counter and a replay of the recording say."""
    kept = Kept()
    account = Account(kept)
    sensor = find_device(None, 0)
    outside_before = sensor.read()
    probe = Probe("cuda:0", output=account, state_dir=tempfile.mkdtemp(), record=trace_path)
    with probe.warmup(model="synthetic-12-layers", phase="load"):
        engine = Engine()
    with probe.warmup(model="synthetic-12-layers"):
        engine.capture()
    requests, steps = serve(probe, engine, seconds)
    counts = probe.counts()
    probe.close(60)
    outside_after = sensor.read()
    trace = read_trace(trace_path)
    readings = [line["energy_mj"] for line in trace.lines if line["t"] == "power"]
    replayed = Kept()
    device = ReplayDevice(trace)
    run(device, GpuMeter(device.info, make_policy("fitted-hinge"), replayed))
    parts = {name: account.energy_uj[name] for name in ("sessions", "operator", "idle")}
    for name in ("parked", "unmetered"):
        parts[name] = sum(minute[f"energy_{name}_uj"] or 0 for minute in kept.minutes)
    results = {
        "seconds": seconds,
        "requests": requests,
        "steps": steps,
        "counts": counts,
        "account": account.summary(),
        "faults": account.faults(),
        "counter_difference_uj": (readings[-1] - readings[0]) * 1000,
        "parts_uj": sum(parts.values()),
        "parts": parts,
        "counter_outside_uj": (outside_after.energy_mj - outside_before.energy_mj) * 1000,
        "readings": len(readings),
        "digest": kept.digest(),
        "replay_digest": replayed.digest(),
        "trace_bytes": Path(trace_path).stat().st_size,
        "sample": [{key: str(value) for key, value in event.items()} for event in kept.events[:2]],
    }
    results["energy_exact"] = results["counter_difference_uj"] == results["parts_uj"]
    results["replay_same"] = results["digest"] == results["replay_digest"]
    return results


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", required=True)
    parser.add_argument("--trace", required=True, help="a short one is recorded beside it")
    parser.add_argument("--seconds", type=float, default=120)
    options = parser.parse_args()
    random.seed(7)
    document = {"card": torch.cuda.get_device_name(), "torch": torch.__version__, **memory()}
    trace = Path(options.trace)
    for name, seconds, path in (
        ("long", options.seconds, trace),
        ("short", 6, trace.with_name(f"short.{trace.name}")),
    ):
        document[name] = record(seconds, str(path))
        print(json.dumps(document, indent=1), flush=True)
        Path(options.out).write_text(json.dumps(document))
        torch.cuda.empty_cache()


if __name__ == "__main__":
    main()
