"""Who else works on a card: certain names, or none."""

import os
from types import SimpleNamespace

import pytest
from fake_node import FakeProc, NodeNvml
from fake_nvml import FUNCTION_NOT_FOUND, NOT_SUPPORTED, UNKNOWN

from gpu_probe.driver.neighbours import Neighbours
from gpu_probe.nvml import find_device

CALLS = ("nvmlDeviceGetProcessesUtilizationInfo", "nvmlDeviceGetProcessUtilization")


class Machine:
    """A card with processes; ``namespace`` is this process's."""

    def __init__(self, folder, namespace="pid:[4026531836]", **refuse):
        self.proc = FakeProc(folder / "proc")
        own = self.proc.folder / "self" / "ns"
        own.mkdir(parents=True)
        (own / "pid").symlink_to(namespace)
        self.nvml = NodeNvml(**refuse)
        self.neighbours = Neighbours(self.nvml, self.nvml.handle, self.proc.folder)

    def read(self, **percents):
        self.nvml.percents = {int(pid.lstrip("p")): percent for pid, percent in percents.items()}
        return self.neighbours.read()


@pytest.fixture
def machine(tmp_path):
    machine = Machine(tmp_path)
    assert machine.read(p41=50) == (), "the first rows are means of minutes"
    return machine


def test_others_are_named_and_this_process_is_not(machine):
    machine.proc.add(41, name="python3")
    machine.proc.add(os.getpid(), name="python3")
    machine.nvml.percents = {41: 5, 42: 70, os.getpid(): 90, 43: 0}
    assert machine.neighbours.read() == ("42:unknown", "41:python3")
    assert machine.neighbours.reason is None
    assert machine.read() == (), "seen since the last call, and not for ever"


def test_a_name_is_clean_text_and_there_are_at_most_16(machine):
    machine.proc.add(50, name="a\x1b[31m")
    percents = {f"p{pid}": 100 if pid == 50 else 1 for pid in range(41, 80)}
    names = machine.read(**percents)
    assert len(names) == 16 and names[0].startswith("50:a?[31m~")


def test_rows_of_processes_that_are_gone_name_nobody(machine):
    machine.nvml.rows = [(10**18, 44, 50), (machine.nvml.now_us + 2000, 45, 2_147_483_632)]
    assert machine.read() == ()


def test_the_older_call_is_asked_where_there_is_no_newer(tmp_path):
    machine = Machine(tmp_path, nvmlDeviceGetProcessesUtilizationInfo=FUNCTION_NOT_FOUND)
    machine.read(p41=50)
    assert machine.read(p41=50) == ("41:unknown",)


@pytest.mark.parametrize("code", [NOT_SUPPORTED, UNKNOWN])
def test_where_the_card_does_not_tell_there_are_none(tmp_path, code):
    machine = Machine(tmp_path, **dict.fromkeys(CALLS, code))
    assert [machine.read(p41=50) for _ in range(3)] == [(), (), ()]


def test_rows_of_anything_never_raise(machine):
    machine.nvml._samples = lambda since: [SimpleNamespace(timeStamp=None, pid="x", smUtil=None)]
    assert machine.neighbours.read() == ()


def test_in_a_container_nobody_is_accused_who_may_be_this_process(tmp_path):
    machine = Machine(tmp_path, namespace="pid:[4026532001]")
    machine.proc.add(41)
    machine.read(p41=50)
    assert machine.read(p41=50) == (), "it may be this one, whatever is called 41 in here"
    assert machine.read(p41=50, p42=60) == ("1 or more of the host's processes 42 41",)
    assert "hostPID" in machine.neighbours.reason


def test_a_device_names_its_own():
    nvml = NodeNvml()
    found = find_device("GPU-1234", 0, nvml).neighbours()
    nvml.percents = {41: 3}
    assert found.read() == ()
