"""Two processes that nobody instrumented on one card, 30 and 60 % of the time, through ``gpu-probe node``.

Each does matrix products of known length, 0.1 s by 0.1 s; whose they are the agent learns from a file of
pods and a /proc in which their control groups are those of pods.

python gpu-probe/bench/node_duty.py --out node.json [--seconds 110] [--device cpu]
"""

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import torch
from card_counter import CardCounter
from measured import inspect
from part import Part, options, percent, shown, within

DUTIES = {"first": 0.3, "second": 0.6}
PERIOD_S = 0.1
UIDS = {"first": "1b2c3d4e-0000-1111-2222-333344445555", "second": "2b2c3d4e-0000-1111-2222-333344445555"}


class Products:
    def __init__(self, device):
        size = 4096 if device == "cuda" else 128
        self.device = device
        self.x = torch.randn(
            size, size, device=device, dtype=torch.bfloat16 if device == "cuda" else torch.float32
        )
        self.out = torch.empty_like(self.x)

    def run(self, count):
        """Seconds until they are done."""
        begin = time.monotonic()
        for _ in range(count):
            torch.matmul(self.x, self.x, out=self.out)
        if self.device == "cuda":
            torch.cuda.synchronize()
        return time.monotonic() - begin


def child(duty, device):
    """Says the seconds of a product once it is told to measure it, then works on command and says how many
    products it did."""
    products = Products(device)
    products.run(200)
    print("ready", flush=True)
    for line in sys.stdin:
        command, *numbers = line.split()
        if command == "measure":
            each = products.run(2000 if device == "cuda" else 200) / (2000 if device == "cuda" else 200)
            print(each, flush=True)
        elif command == "work":
            seconds = float(numbers[0])
            count = max(1, round(duty * PERIOD_S / each))
            done, due = 0, time.monotonic()
            end = due + seconds
            while time.monotonic() < end:
                products.run(count)
                done += count
                due += PERIOD_S
                time.sleep(max(0.0, due - time.monotonic()))
            print(done, flush=True)
        else:
            return


class Child:
    def __init__(self, duty, device):
        command = [sys.executable, __file__, "--out", os.devnull, "--duty", str(duty), "--device", device]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def say(self, text):
        print(text, file=self.process.stdin, flush=True)

    def hear(self):
        line = self.process.stdout.readline()
        if not line:
            raise RuntimeError("a process that was to work the card has ended")
        return line.strip()

    def close(self):
        self.process.stdin.close()
        self.process.wait(20)


def fake_proc(folder, pids):
    """A /proc with these processes alone: their own files but for the control group."""
    for name, pid in pids.items():
        own = folder / str(pid)
        own.mkdir(parents=True)
        for file in ("stat", "comm", "status", "ns"):
            (own / file).symlink_to(f"/proc/{pid}/{file}")
        (own / "cgroup").write_text(f"0::/kubepods/pod{UIDS[name]}/{'ab' * 32}\n")


def pod_list():
    items = [
        {
            "metadata": {
                "uid": uid,
                "name": name,
                "namespace": "default",
                "labels": {"meterhouse.io/tenant": name, "meterhouse.io/project": "duty"},
            }
        }
        for name, uid in UIDS.items()
    ]
    return json.dumps({"items": items})


def seen_pids():
    """What NVML calls the processes on the card."""
    import pynvml

    pynvml.nvmlInit()
    handle = pynvml.nvmlDeviceGetHandleByIndex(0)
    return sorted(process.pid for process in pynvml.nvmlDeviceGetComputeRunningProcesses(handle))


def start_agent(folder, pids):
    proc = folder / "proc"
    fake_proc(proc, pids)
    (folder / "pods.json").write_text(pod_list())
    command = [
        sys.executable,
        "-m",
        "gpu_probe",
        "node",
        str(folder / "state"),
        "--pods",
        str(folder / "pods.json"),
    ]
    command += ["--proc", str(proc), "--claims", str(folder / "claims")]
    with open(folder / "agent.log", "wb") as log:
        return subprocess.Popen(command, stdout=log, stderr=log)


def measure(part, device, seconds):
    folder = Path(tempfile.mkdtemp(prefix="gpu-probe-node-"))
    children = {name: Child(duty, device) for name, duty in DUTIES.items()}
    pids = {name: each.process.pid for name, each in children.items()}
    for each in children.values():
        each.hear()
    product_s = {}
    for name, each in children.items():
        each.say("measure")
        product_s[name] = float(each.hear())
    found = {"pids": pids, "nvml_pids": seen_pids() if device == "cuda" else [], "product_s": product_s}
    part.document["results"]["processes"] = found
    agent = start_agent(folder, pids)
    counter = CardCounter(device)
    # The agent's first reading only begins.
    time.sleep(3)
    counter.mark("begin")
    for each in children.values():
        each.say(f"work {seconds}")
    products = {name: int(each.hear()) for name, each in children.items()}
    counter.mark("end")
    time.sleep(3)
    agent.send_signal(signal.SIGTERM)
    agent.wait(20)
    found["agent_log"] = (folder / "agent.log").read_text()[-2000:]
    found["counter"] = counter.window("begin", "end")
    counter.close()
    for each in children.values():
        each.close()
    records = inspect(folder / "state" / "wal" / "0")
    shutil.rmtree(folder, ignore_errors=True)
    for name in DUTIES:
        truth = round(products[name] * product_s[name] * 1e9)
        busy = sum(record["gpu_busy_ns"] for record in records if record.get("tenant_id") == name)
        difference = percent(busy, truth)
        part.row(
            f"{DUTIES[name]:.0%} of the time",
            f"{shown(difference)} ({busy / 1e9:.2f} of {truth / 1e9:.2f} s)",
            "10 %",
            within(difference, 10),
        )
        found[name] = {
            "products": products[name],
            "truth_ns": truth,
            "busy_ns": busy,
            "difference_percent": difference,
        }
    totals = [record for record in records if "totals_id" in record]
    found["totals"] = {
        name: sum(total[name] or 0 for total in totals)
        for name in ("busy_ns", "unmetered_ns", "wall_time_ns")
    }
    found["tenants"] = sorted({record["tenant_id"] for record in records if "tenant_id" in record})
    return found


def main():
    given = options(__doc__, ("duty", 0.0), ("work", 62.0))
    if given.duty:
        with torch.no_grad():
            child(given.duty, given.device)
        return
    part = Part("node", given.out, given.seconds)
    part.run("duties", lambda: measure(part, given.device, given.work))
    part.end()


if __name__ == "__main__":
    main()
