"""The probe and its devices: cold starts, several GPUs, ranks, lost contexts, memory, energy."""

import time

import pytest
from fake_nvml import FakeNvml
from watched import LABELS, MS, Watched

from gpu_probe.live import unit as unit_module
from gpu_probe.nvml import find_device


@pytest.fixture
def watched(tmp_path):
    return Watched(tmp_path)


def test_loading_and_warming_up_are_the_operators(tmp_path):
    watched = Watched(tmp_path, cold_start=True, operator="us")
    probe, gpu = watched.probe, watched.gpu
    with probe.warmup("m", "1", phase="load"):
        gpu.work(5 * MS)
    with probe.warmup("m", "1"), probe.step([]):
        gpu.work(2 * MS)
    with probe.session(**LABELS, session_id="s"):
        gpu.work(MS)
    events = watched.end()
    cold = {
        event["phase"]: (event["gpu_time_ns"], event["tenant_id"])
        for event in events
        if event["phase"] != "inference"
    }
    assert cold == {"load": (5 * MS, "us"), "warmup": (2 * MS, "us")}
    assert watched.of("s")[0] == MS


def test_cold_steps_are_found_by_themselves(tmp_path):
    """The first step of about so many tokens, prefill and decode apart, and any that compiles or captures."""
    watched = Watched(tmp_path, cold_start=True)
    probe, gpu = watched.probe, watched.gpu
    session = probe.open_session(**LABELS, session_id="s", prompt_tokens=100)

    def step(new, context, compiles=False):
        with probe.step([(session, new, context)]):
            gpu.work(MS)
            gpu.compiled += compiles

    step(100, 100)  # cold: the first prefill of this size
    step(1, 101)  # cold: the first decode
    step(1, 102)
    step(1, 103, compiles=True)  # cold: something was captured
    step(1, 104)
    session.close()
    events = watched.end()
    assert watched.of("s")[:2] == (2 * MS, 5)
    assert sum(event["gpu_time_ns"] for event in events if event["tenant_id"] == "operator") == 3 * MS


def test_a_model_spread_over_devices_is_timed_on_each(tmp_path):
    watched = Watched(tmp_path, gpus=2, spread=True)
    probe = watched.probe
    with probe.warmup("m"):
        watched.gpus[1].work(4 * MS)
    with probe.session(**LABELS, session_id="s"):
        watched.gpus[0].work(MS)
        watched.gpus[1].work(2 * MS)
        with probe.step([]):
            watched.gpus[1].work(MS)
    events = watched.end()
    times = {(event["gpu_uuid"], event["phase"]): event["gpu_time_ns"] for event in events}
    assert times[("GPU-0", "inference")] == MS and times[("GPU-1", "inference")] == 3 * MS
    assert times[("GPU-1", "warmup")] == 4 * MS
    assert {(event["rank"], event["world_size"]) for event in events} == {(0, 2), (1, 2)}
    assert len({event["event_id"] for event in events}) == len(events)


def test_ranks_come_from_the_environment(tmp_path, monkeypatch):
    monkeypatch.setenv("RANK", "3")
    monkeypatch.setenv("WORLD_SIZE", "8")
    watched = Watched(tmp_path)
    with watched.probe.session(**LABELS):
        watched.gpu.work(MS)
        with watched.probe.communication():
            watched.gpu.work(2 * MS)
    (event, *_) = watched.end()
    assert (event["rank"], event["world_size"], event["communication_ns"]) == (3, 8, 2 * MS)


def test_a_lost_context_ends_measuring_and_bounds_what_was_under_way(watched):
    probe, gpu = watched.probe, watched.gpu
    with probe.session(**LABELS, session_id="good"):
        gpu.work(MS)
    deadline = time.monotonic() + 5
    while probe.counts()[0]["in_flight"] and time.monotonic() < deadline:
        time.sleep(0.01)
    with pytest.raises(RuntimeError), probe.session(**LABELS, session_id="bad"):
        gpu.broken = True
        raise RuntimeError("CUDA error: an illegal memory access was encountered")
    with probe.session(**LABELS, session_id="later"):
        pass
    assert "illegal memory access" in probe.counts()[0]["failed"]
    events = watched.end()
    assert watched.of("good") == (MS, 1, 0, "ok")
    assert watched.of("bad") == (0, 0, 0, "error")
    (bad,) = [event for event in events if event["session_id"] == "bad"]
    assert bad["time_quality"] == "bounded"
    assert sum(minute["steps_missed"] for minute in watched.output.minutes) == 1


def test_memory_peaks_are_folded_into_everyone_who_was_there(tmp_path):
    watched = Watched(tmp_path)
    probe, gpu = watched.probe, watched.gpu
    gpu.memory_now = (100, 100)
    a = probe.open_session(**LABELS, session_id="a")
    with probe.step([(a, 1, 1)]):
        gpu.work(MS)
    gpu.memory_now = (900, 200)
    b = probe.open_session(**LABELS, session_id="b")
    with probe.step([(a, 1, 2), (b, 1, 1)]):
        gpu.work(MS)
    gpu.memory_now = (500, 300)
    a.close()
    with probe.step([(b, 1, 2)]):
        gpu.work(MS)
    gpu.memory_now = (400, 0)
    b.close()
    peaks = {}
    for event in watched.end():
        peaks[event["session_id"]] = max(peaks.get(event["session_id"], 0), event["memory_peak_bytes"])
    assert peaks == {"a": 900, "b": 500}


def test_energy_adds_up_to_the_counter_and_links_are_shared(tmp_path):
    nvml = FakeNvml()
    watched = Watched(tmp_path, power=find_device("GPU-1234", 0, nvml))
    first = nvml.energy_mj
    for _ in range(4):
        with watched.probe.session(**LABELS):
            watched.gpu.work(50 * MS)
        nvml.energy_mj += 17_123
        nvml.sent_kib += 5
        nvml.power_mw += 1000
        time.sleep(0.11)
    events = watched.end()
    energy = watched.account.energy_uj
    assert energy["physical"] == (nvml.energy_mj - first) * 1000
    assert energy["sessions"] + energy["operator"] + energy["idle"] == energy["physical"]
    assert energy["sessions"] > 0 and {event["energy_quality"] for event in events} == {"counter"}
    assert sum(event["nvlink_tx_bytes"] or 0 for event in events) <= 20 * 1024
    assert all(event["power_peak_mw"] >= event["power_avg_mw"] for event in events if event["power_avg_mw"])


def test_a_sensor_that_fails_stops_nobody(tmp_path):
    nvml = FakeNvml()
    watched = Watched(tmp_path, power=find_device("GPU-1234", 0, nvml))
    nvml.refuse = {"nvmlDeviceGetTotalEnergyConsumption": 15}
    with watched.probe.session(**LABELS):
        watched.gpu.work(MS)
    time.sleep(0.25)
    assert watched.probe.counts()[0]["sensor_errors"] > 0
    (event,) = watched.end()
    assert (event["energy_uj"], event["energy_quality"], event["gpu_time_ns"]) == (None, "none", MS)


def test_a_step_that_does_not_end_is_told_once_and_stays_its_sessions(watched, monkeypatch, caplog):
    monkeypatch.setattr(unit_module, "STALLED_S", 0.05)
    watched.gpu.held = True
    with watched.probe.session(**LABELS, session_id="s"):
        watched.gpu.work(MS)
    deadline = time.monotonic() + 10
    while "has not ended" not in caplog.text and time.monotonic() < deadline:
        time.sleep(0.02)
    assert watched.probe.counts()[0]["stalled_s"] > 0.05
    time.sleep(0.25)
    watched.gpu.held = False
    watched.end()
    assert caplog.text.count("has not ended") == 1
    assert watched.of("s") == (MS, 1, 0, "ok")
    assert watched.probe.counts()[0]["stalled_s"] == 0
