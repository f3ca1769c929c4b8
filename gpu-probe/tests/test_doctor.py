"""What gpu-probe doctor says of a machine, with a made-up card and without any."""

import json
import os
import sys
import tempfile

import pytest
from fake_gpu import InstantGpu
from fake_nvml import FUNCTION_NOT_FOUND, NO_PERMISSION, NOT_SUPPORTED, FakeNvml

from gpu_probe.cli import doctor
from gpu_probe.cli.main import main
from gpu_probe.device.cuda import CudaUnavailable
from gpu_probe.nvml import find_device


def say(capsys, *options):
    assert main(["doctor", *options]) == 0
    return capsys.readouterr().out


@pytest.fixture
def card(monkeypatch):
    """One GPU that PyTorch and NVML see."""

    def make(nvml):
        gpu = InstantGpu(power=find_device("GPU-1234", 0, nvml))
        monkeypatch.setattr(doctor, "device_count", lambda: 1)
        monkeypatch.setattr(doctor, "CudaBackend", lambda index: gpu)
        monkeypatch.setattr(doctor, "load_nvml", lambda: nvml)
        monkeypatch.setitem(sys.modules, "torch", type("torch", (), {"__version__": "2.6.0"}))
        monkeypatch.setattr(doctor.time, "sleep", lambda _: setattr(nvml, "energy_mj", nvml.energy_mj + 7))

    return make


def test_all_that_the_machine_can_measure(card, capsys):
    card(FakeNvml())
    (device,) = json.loads(say(capsys, "--json"))["devices"]
    assert (device["time"], device["energy"], device["nvlink"]) == ("CUDA events", "counter", True)
    assert device["reading"]["power_mw"] == 350_000 and device["sensor_period_ms"] is not None
    assert device["event_pair_us"] >= 0
    assert "gpu_uuid" in say(capsys)


def test_what_the_hardware_does_not_tell_is_none_and_not_0(card, capsys):
    refused = dict.fromkeys(("nvmlDeviceGetTotalEnergyConsumption", "nvmlDeviceGetPowerUsage"), NOT_SUPPORTED)
    card(FakeNvml(**refused, field_186=NOT_SUPPORTED, field_138=NOT_SUPPORTED, field_139=NOT_SUPPORTED))
    (device,) = json.loads(say(capsys, "--json"))["devices"]
    assert (device["nvlink"], device["reading"], device["sensor_period_ms"]) == (False, None, None)


MEANS = ["busy_time", "energy", "parked_energy", "unmetered_processes", "nvlink"]


def measures(capsys):
    (device,) = json.loads(say(capsys, "--json"))["devices"]
    assert list(device["measures"]) == MEANS
    return device["measures"]


def test_what_is_measured_by_which_means(card, capsys):
    nvml = FakeNvml()
    nvml.processes = []
    card(nvml)
    told = measures(capsys)
    assert told["busy_time"] == "counter (NVML GPM)" and told["energy"] == "counter"
    assert told["parked_energy"].endswith("set GPU_PROBE_BARE_IDLE_MW=350000") and told["nvlink"] == "yes"
    assert nvml.samples == [], "the doctor leaves nothing behind"
    assert "measures busy_time" in say(capsys)


@pytest.mark.parametrize(
    ("code", "text"),
    [(NOT_SUPPORTED, "does not support"), (NO_PERMISSION, "no permission"), (FUNCTION_NOT_FOUND, "too old")],
)
def test_why_busy_time_is_not_the_counters(card, capsys, code, text):
    nvml = FakeNvml(nvmlGpmSampleGet=code)
    card(nvml)
    told = measures(capsys)["busy_time"]
    assert told.startswith("elapsed: ") and text in told
    nvml.rate = 5
    assert measures(capsys)["busy_time"].startswith("sampled: ")


def test_a_process_on_the_card_hides_its_idle_power(card, capsys, monkeypatch):
    card(FakeNvml())
    monkeypatch.setenv("GPU_PROBE_BARE_IDLE_MW", "70000")
    assert measures(capsys)["parked_energy"] == "yes: GPU_PROBE_BARE_IDLE_MW is 70000"
    monkeypatch.delenv("GPU_PROBE_BARE_IDLE_MW")
    assert measures(capsys)["parked_energy"].startswith("unknown: a process is on the card")


def test_a_card_that_nvml_does_not_know(card, capsys, monkeypatch):
    card(FakeNvml())
    monkeypatch.setattr(doctor, "CudaBackend", lambda index: InstantGpu())
    assert measures(capsys)["busy_time"].startswith("elapsed: NVML does not know the card")


def test_whether_gpu_time_can_be_in_the_answer(card, capsys, monkeypatch, tmp_path):
    card(FakeNvml())

    def told(folder):
        monkeypatch.setenv("GPU_PROBE_STATE_DIR", str(folder))
        return json.loads(say(capsys, "--json"))["gpu_time_in_answer"]

    with tempfile.TemporaryDirectory(dir="/tmp") as short:
        assert told(short) == "yes" and os.listdir(short) == []
    assert "too long a path" in told(tmp_path / ("x" * 100))
    file = tmp_path / "f"
    file.write_text("")
    assert told(file).startswith("none: ")
    monkeypatch.delenv("GPU_PROBE_STATE_DIR")
    assert json.loads(say(capsys, "--json"))["gpu_time_in_answer"].startswith("unknown: set")


def test_a_machine_with_a_driver_and_no_pytorch(monkeypatch, capsys):
    def missing():
        raise CudaUnavailable("PyTorch is not installed")

    monkeypatch.setattr(doctor, "device_count", missing)
    monkeypatch.setattr(doctor, "load_nvml", lambda: FakeNvml())
    report = json.loads(say(capsys, "--json"))
    assert report["torch"] == "no: PyTorch is not installed"
    assert [device["uuid"] for device in report["devices"]] == ["GPU-1234"]


def test_a_machine_with_nothing(monkeypatch, capsys):
    def missing():
        raise CudaUnavailable("PyTorch sees no CUDA device")

    monkeypatch.setattr(doctor, "device_count", missing)
    monkeypatch.setattr(doctor, "load_nvml", lambda: None)
    report = json.loads(say(capsys, "--json"))
    assert report["devices"] == [] and report["nvml"].startswith("no")
