"""Two ranks of one model on two GPUs, one of them slower: each rank's time, what of it is waiting in NCCL,
and the bytes over NVLink.

    python gpu-probe/bench/ranks.py --out ranks.json

Truth is CUPTI's: the union of the rank's kernels, and of those whose name says nccl.
"""

import argparse
import json
import os
import tempfile
from pathlib import Path

import torch
import torch.distributed as distributed
import torch.multiprocessing as processes

from gpu_probe import Probe
from gpu_probe.accounting import Account
from gpu_probe.busy.intervals import union_ns
from gpu_probe.integrations.distributed import install
from gpu_probe.nvml import find_device

STEPS, WIDTH = 60, 8192
REDUCED_BYTES = 64 << 20


class Kept:
    def __init__(self):
        self.events, self.minutes = [], []

    def event(self, record):
        self.events.append(record)

    def totals(self, record):
        self.minutes.append(record)


def kernels(profile, part=""):
    return [
        (event.start_ns(), event.start_ns() + event.duration_ns())
        for event in profile.profiler.kineto_results.events()
        if event.device_type().name == "CUDA" and event.duration_ns() > 0 and part in event.name().lower()
    ]


def run(rank, folder, port):
    os.environ.update(MASTER_ADDR="127.0.0.1", MASTER_PORT=str(port))
    torch.cuda.set_device(rank)
    distributed.init_process_group("nccl", rank=rank, world_size=2, device_id=torch.device("cuda", rank))
    x = torch.randn(WIDTH, WIDTH, device="cuda", dtype=torch.bfloat16)
    partial = torch.ones(REDUCED_BYTES // 2, device="cuda", dtype=torch.bfloat16)
    kept = Kept()
    account = Account(kept)
    probe = Probe(
        f"cuda:{rank}",
        output=account,
        state_dir=tempfile.mkdtemp(),
        rank=rank,
        world_size=2,
        cold_start=False,
    )
    install(probe)
    session = probe.open_session(tenant_id="t", project_id="p", model="m", session_id="shared")

    def step():
        with probe.step([(session, 1, 1)]):
            for _ in range(1 + rank):
                x @ x
            distributed.all_reduce(partial)

    with probe.warmup(model="m"):
        for _ in range(3):
            x @ x
            distributed.all_reduce(partial)
        torch.cuda.synchronize()
    sensor = find_device(f"GPU-{torch.cuda.get_device_properties(rank).uuid}", rank)
    before = sensor.read()
    with torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CUDA]) as profile:
        for _ in range(STEPS):
            step()
        torch.cuda.synchronize()
    after = sensor.read()
    session.close()
    counts = probe.counts()[0]
    probe.close(30)
    events = [event for event in kept.events if event["phase"] == "inference"]
    sums = {
        name: sum(event[name] or 0 for event in events)
        for name in ("gpu_time_ns", "communication_ns", "nvlink_tx_bytes", "nvlink_rx_bytes")
    }
    result = {
        "rank": rank,
        **sums,
        "kernels_union_ns": union_ns(kernels(profile)),
        "nccl_union_ns": union_ns(kernels(profile, "nccl")),
        "counter_tx_bytes": _rise(before, after, "nvlink_tx_bytes"),
        "counter_rx_bytes": _rise(before, after, "nvlink_rx_bytes"),
        "reduced_bytes": STEPS * REDUCED_BYTES,
        "faults": account.faults(),
        "counts": counts,
        "sharing": events[0]["sharing"],
    }
    Path(folder, f"{rank}.json").write_text(json.dumps(result))
    distributed.destroy_process_group()


def _rise(before, after, name):
    first, last = getattr(before, name), getattr(after, name)
    return None if first is None or last is None else last - first


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", required=True)
    options = parser.parse_args()
    folder = tempfile.mkdtemp()
    processes.spawn(run, args=(folder, 29_511), nprocs=2)
    ranks = [json.loads(Path(folder, f"{rank}.json").read_text()) for rank in range(2)]
    document = {"card": torch.cuda.get_device_name(), "torch": torch.__version__, "ranks": ranks}
    print(json.dumps(document, indent=1))
    Path(options.out).write_text(json.dumps(document))


if __name__ == "__main__":
    main()
