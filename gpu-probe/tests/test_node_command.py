"""``gpu-probe node`` from the command line to the write-ahead log."""

import argparse
import json
import threading

import pytest
from fake_node import FakeProc, NodeNvml, pod
from test_node import schema

from gpu_probe.cli import node
from gpu_probe.cli.failure import Failure
from gpu_probe.cli.main import main
from gpu_probe.publish import spool
from gpu_probe.records import decode
from gpu_probe.wal import read_log


@pytest.fixture
def version_2(monkeypatch):
    """The log's records in version 2, also where the live probe does not write it yet."""
    monkeypatch.setattr(spool, "GPU_TIME_EVENT", schema("gpu_time_event"))
    monkeypatch.setattr(spool, "GPU_TOTALS", schema("gpu_totals"))


def options(*arguments):
    parser = argparse.ArgumentParser()
    node.register(parser.add_subparsers())
    return parser.parse_args(["node", *map(str, arguments)])


class Polls(threading.Event):
    """Set after so many waits, none of which waits."""

    def __init__(self, number):
        super().__init__()
        self.left = number

    def wait(self, timeout=None):
        self.left -= 1
        return self.left < 0


def test_a_notebook_ends_in_the_log_with_its_project(tmp_path, version_2, monkeypatch):
    monkeypatch.setenv("NODE_NAME", "node-7")
    proc = FakeProc(tmp_path / "proc")
    proc.add(41, cgroup="0::/kubepods/pod1b2c3d4e-0000-1111-2222-333344445555/" + "ab" * 32)
    pods = tmp_path / "pods.json"
    pods.write_text(json.dumps({"items": [pod(tenant="x", team="physics", course="lensing")]}))
    nvml = NodeNvml()
    nvml.percents, nvml.memory = {41: 50}, {41: 1 << 30}
    given = ["--pods", pods, "--proc", proc.folder, "--claims", tmp_path / "claims"]
    labels = ["--tenant-label", "team", "--project-label", "course"]
    node.watch(options(tmp_path / "state", *given, *labels), nvml, Polls(5))
    records = [decode_v2(entry.value) for entry in read_log(tmp_path / "state" / "wal" / "0")]
    events = [record for record in records if "session_id" in record]
    assert {(each["tenant_id"], each["project_id"], each["node"]) for each in events} == {
        ("physics", "lensing", "node-7")
    }
    assert all(each["memory_peak_bytes"] == 1 << 30 for each in events)
    assert len(records) > len(events), "and the card's totals"
    assert (tmp_path / "claims" / "GPU-1234").is_dir()


def decode_v2(message):
    kinds = [schema("gpu_time_event"), schema("gpu_totals")]
    (found,) = [kind for kind in kinds if message.startswith(kind.header)]
    return decode(found, message[10:])


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--period", "9"], "--period is 0.2 to 5"),
        (["--kubelet", "http://x"], "not an https"),
        (["--kubelet", "https://x", "--kubelet-ca-file", "/none"], "cannot be read"),
    ],
)
def test_what_cannot_be_done_is_said_in_a_sentence(arguments, sentence, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(node, "load_nvml", NodeNvml)
    monkeypatch.setattr(node.signal, "signal", lambda *_: None)
    given = ["node", str(tmp_path / "state"), "--claims", str(tmp_path / "claims"), *arguments]
    assert main(given) == 1
    assert sentence in capsys.readouterr().err


def test_without_a_driver_or_a_card_it_says_so(tmp_path):
    with pytest.raises(Failure, match="NVML does not start"):
        node.watch(options(tmp_path), None, Polls(0))
    nvml = NodeNvml(nvmlDeviceGetHandleByIndex=15)
    with pytest.raises(Failure, match="NVIDIA_VISIBLE_DEVICES=all"):
        node.watch(options(tmp_path), nvml, Polls(0))
