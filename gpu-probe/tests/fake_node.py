"""A node that a test makes up: a /proc, a card with processes, pods."""

import json
from types import SimpleNamespace

from conftest import Recorder
from fake_nvml import FUNCTION_NOT_FOUND, FakeNvml, NVMLError

from gpu_probe.node.agent import Agent
from gpu_probe.node.cards import open_cards
from gpu_probe.node.host import Host
from gpu_probe.node.owners import Owners
from gpu_probe.node.pods import FilePods

SECOND = 1_000_000_000
MINUTE = 60 * SECOND
START = 30_000_000 * MINUTE
UID = "1b2c3d4e-0000-1111-2222-333344445555"
CONTAINER = "ab" * 32


class FakeProc:
    """Files of /proc for made-up processes."""

    def __init__(self, folder):
        self.folder = folder
        folder.mkdir()

    def add(self, pid, start=1000, cgroup="0::/user.slice\n", name="python3", inner=(), namespace=None):
        path = self.folder / str(pid)
        (path / "ns").mkdir(parents=True, exist_ok=True)
        fields = ["S", *["0"] * 18, str(start), "0"]
        (path / "stat").write_text(f"{pid} ({name}) {' '.join(fields)}\n")
        (path / "comm").write_text(name + "\n")
        (path / "cgroup").write_text(cgroup)
        (path / "status").write_text("Name:\tx\nNSpid:\t" + "\t".join(map(str, (pid, *inner))) + "\n")
        if namespace:
            (path / "ns" / "pid").symlink_to(namespace)

    def remove(self, pid):
        for file in sorted((self.folder / str(pid)).rglob("*"), reverse=True):
            file.rmdir() if file.is_dir() else file.unlink()
        (self.folder / str(pid)).rmdir()


class NodeNvml(FakeNvml):
    """``percents`` are per cent by process at each call; ``rows`` are further rows as (stamp, pid,
    per cent)."""

    def __init__(self, **refuse):
        super().__init__(**refuse)
        self.percents, self.rows, self.total = {}, [], None
        self.now_us, self.seen = 10**15, []
        self.memory = {}

    def _samples(self, since):
        self.seen.append(since)
        self.now_us += 1000
        rows = [(self.now_us, pid, percent) for pid, percent in self.percents.items()] + self.rows
        if not rows:
            raise NVMLError(6)
        return [SimpleNamespace(timeStamp=stamp, pid=pid, smUtil=percent) for stamp, pid, percent in rows]

    def _nvmlDeviceGetProcessesUtilizationInfo(self, handle, since):
        return self._samples(since)

    def _nvmlDeviceGetProcessUtilization(self, handle, since):
        if "nvmlDeviceGetProcessesUtilizationInfo" not in self.refuse:
            return [SimpleNamespace(timeStamp=self.now_us, pid=pid, smUtil=0) for pid in self.percents]
        return self._samples(since)

    def _nvmlDeviceGetUtilizationRates(self, handle):
        if self.total is None:
            raise NVMLError(FUNCTION_NOT_FOUND)
        return SimpleNamespace(gpu=self.total, memory=0)

    def _nvmlDeviceGetComputeRunningProcesses(self, handle):
        return [SimpleNamespace(pid=pid, usedGpuMemory=used) for pid, used in self.memory.items()]


class Node:
    """An agent on a made-up node; ``run`` lets seconds pass."""

    def __init__(self, folder, monkeypatch, start=START, **refuse):
        self.proc = FakeProc(folder / "proc")
        self.claims = folder / "claims"
        self.pods_file = folder / "pods.json"
        self.set_pods([])
        self.nvml = NodeNvml(**refuse)
        self.wall = self.skew = start
        self.steady = 10**13
        monkeypatch.setattr("gpu_probe.nvml.time.monotonic_ns", lambda: self.steady)
        host = Host(self.proc.folder)
        self.output = Recorder()
        self.owners = Owners(host, FilePods(self.pods_file), clock=lambda: self.steady / 1e9)
        self.agent = Agent(
            open_cards(self.nvml),
            "node-1",
            self.owners,
            host,
            self.output,
            self.claims,
            lambda: self.wall,
            lambda: self.steady,
        )

    def set_pods(self, items):
        self.pods_file.write_text(json.dumps({"kind": "PodList", "items": items}))

    def add_pod_process(self, pid, uid=UID, **options):
        cgroup = (
            f"0::/kubepods.slice/kubepods-pod{uid.replace('-', '_')}.slice/cri-containerd-{CONTAINER}.scope\n"
        )
        self.proc.add(pid, cgroup=cgroup, **options)

    def run(self, seconds, watts=0):
        for _ in range(seconds):
            self.pass_time(SECOND, watts)

    def pass_time(self, length_ns, watts=0, poll=True):
        self.wall += length_ns
        self.steady += length_ns
        self.nvml.energy_mj += watts * length_ns // 1_000_000
        if poll:
            self.agent.poll()

    def begin(self):
        """The first reading, and the first rows, which are means of minutes."""
        self.agent.poll()
        return self

    def busy_s(self, **labels):
        """Busy seconds of the events with these labels."""
        chosen = [e for e in self.output.events if labels.items() <= e.items()]
        return sum(event["gpu_busy_ns"] for event in chosen) / 1e9


def pod(uid=UID, name="notebook-0", namespace="lab", annotations=None, **labels):
    names = {"tenant": "meterhouse.io/tenant", "project": "meterhouse.io/project"}
    given = {names.get(name, name): value for name, value in labels.items()}
    metadata = {"uid": uid, "name": name, "namespace": namespace, "labels": given}
    return {"metadata": {**metadata, "annotations": annotations or {}}}
