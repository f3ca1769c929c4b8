"""What gpu-probe doctor says of a machine, with a made-up card and without any."""

import json
import sys

import pytest
from fake_gpu import InstantGpu
from fake_nvml import NOT_SUPPORTED, FakeNvml

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
