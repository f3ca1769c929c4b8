"""Whether the times are true: against kernels of known length, against CUPTI, on two streams at once.

python gpu-probe/bench/truth.py --out truth.json
"""

import argparse
import json
import statistics
import tempfile

import torch
from spin import Spin
from workload import Decoder, graphed

from gpu_probe import Probe
from gpu_probe.accounting import Account
from gpu_probe.busy.intervals import union_ns
from gpu_probe.device.busy import kernel_intervals

SESSION = {"tenant_id": "t", "project_id": "p", "model": "m"}


class Kept:
    def __init__(self):
        self.events, self.minutes = [], []

    def event(self, record):
        self.events.append(record)

    def totals(self, record):
        self.minutes.append(record)


def measured(run):
    """What a probe says of what ``run`` launches: events, totals, counts."""
    kept = Kept()
    account = Account(kept)
    probe = Probe("cuda:0", output=account, state_dir=tempfile.mkdtemp(), cold_start=False, policy="equal")
    truth = run(probe)
    torch.cuda.synchronize()
    probe.close()
    assert account.faults() == [], account.faults()
    return truth, kept, probe.counts()[0]


def spins(queued):
    """Kernels of known length, one session each. ``queued``: behind other work, so that the stream does not
    wait for the host between the event and the kernel."""
    spin = Spin()
    lengths = [0, 100_000, 1_000_000, 5_000_000, 20_000_000, 100_000_000] * 8

    def run(probe):
        times = []
        for number, length in enumerate(lengths):
            if queued:
                spin(2_000_000)
            with probe.session(session_id=str(number), **SESSION):
                times.append(spin(length))
            torch.cuda.synchronize()
        return [end - begin for begin, end in spin.intervals(times)]

    truth, kept, _ = measured(run)
    got = {event["session_id"]: 0 for event in kept.events}
    for event in kept.events:
        got[event["session_id"]] += event["gpu_time_ns"]
    errors = {
        length: [got[str(n)] - truth[n] for n in range(len(lengths)) if lengths[n] == length]
        for length in sorted(set(lengths))
    }
    # What the GPU spends around the body of any kernel, which the kernel's own clock does not see.
    empty = statistics.median(errors[0])
    rows = []
    for length, values in errors.items():
        allowed = length // 1000 + 2000
        rows.append(
            {
                "length_ns": length,
                "error_ns_median": statistics.median(values),
                "error_ns_worst": max(values, key=abs),
                "beside_an_empty_kernel_ns_worst": max((value - empty for value in values), key=abs),
                "allowed_ns": allowed,
                "within": all(abs(value - empty) <= allowed for value in values),
            }
        )
    return {
        "truth": "spin, queued" if queued else "spin, stream idle before",
        "empty_kernel_ns": empty,
        "rows": rows,
    }


def streams():
    """Two streams, overlapping in part: what the sessions get adds up to the union of the kernels."""
    spin = Spin()
    side = torch.cuda.Stream()
    spin_ns = [40_000_000, 25_000_000]

    def run(probe):
        times = []
        for number in range(10):
            first = probe.open_session(session_id=f"a{number}", **SESSION)
            second = probe.open_session(session_id=f"b{number}", **SESSION)
            spin(4_000_000)
            with probe.step([(first, 1, 1)]):
                times.append(spin(spin_ns[0]))
            with torch.cuda.stream(side):
                spin(10_000_000)
                with probe.step([(second, 1, 1)]):
                    times.append(spin(spin_ns[1]))
            torch.cuda.synchronize()
            first.close()
            second.close()
        return spin.intervals(times)

    truth, kept, _ = measured(run)
    union = union_ns(truth)
    shares = sum(event["gpu_time_ns"] for event in kept.events)
    attributed = sum(minute["attributed_ns"] for minute in kept.minutes)
    return {
        "truth": "two overlapping streams",
        "kernels_ns": sum(end - begin for begin, end in truth),
        "union_ns": union,
        "shares_ns": shares,
        "shares_equal_attributed": shares == attributed,
        "difference_percent": round((shares / union - 1) * 100, 4),
    }


def cupti(name, launch, steps):
    """Sum of step times against the union of CUPTI's kernel intervals."""

    def run(probe):
        with torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CUDA]) as profile:
            session = probe.open_session(session_id="s", **SESSION)
            for _ in range(steps):
                with probe.step([(session, 1, 1)]):
                    launch()
            torch.cuda.synchronize()
            session.close()
        return union_ns(kernel_intervals(profile))

    launch()
    truth, kept, counts = measured(run)
    got = sum(event["gpu_time_ns"] for event in kept.events)
    return {
        "truth": f"CUPTI, {name}",
        "steps": steps,
        "kernels_union_ns": truth,
        "steps_ns": got,
        "difference_percent": round((got / truth - 1) * 100, 4),
        "host_bound_steps": counts["host_bound"],
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", required=True)
    options = parser.parse_args()
    decoder = Decoder(24, 32, 1024)
    graph, _ = graphed(decoder, 32, 1024)
    small = torch.nn.Sequential(*(torch.nn.Linear(256, 256) for _ in range(60))).cuda()
    x = torch.randn(8, 256, device="cuda")
    checks = [
        lambda: spins(queued=True),
        lambda: spins(queued=False),
        streams,
        lambda: cupti("decode, eager", decoder.decode, 100),
        lambda: cupti("decode, CUDA graph", graph.replay, 100),
        lambda: cupti("prefill of 4096, eager", lambda: decoder.prefill(4096), 30),
        lambda: cupti("launch-bound, 60 small layers", lambda: small(x), 100),
    ]
    document = {"card": torch.cuda.get_device_name(), "torch": torch.__version__, "results": []}
    for check in checks:
        with torch.no_grad():
            document["results"].append(check())
        print(json.dumps(document["results"][-1]), flush=True)
        with open(options.out, "w") as file:
            json.dump(document, file)


if __name__ == "__main__":
    main()
