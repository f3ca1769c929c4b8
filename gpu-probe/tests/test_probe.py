"""The probe as serving code uses it, on GPUs that a test makes up."""

import asyncio
import os
import threading
import time

import pytest
from conftest import Recorder
from fake_gpu import InstantGpu
from fake_nvml import FakeNvml

from gpu_probe import Probe
from gpu_probe.accounting import Account
from gpu_probe.nvml import find_device

MS = 1_000_000
LABELS = {"tenant_id": "acme", "project_id": "chat", "model": "m"}


class Watched:
    """A probe with its GPUs and its events at hand."""

    def __init__(self, folder, gpus=1, power=None, **options):
        self.output = Recorder()
        self.account = Account(self.output)
        self.gpus = [InstantGpu(power=power, uuid=f"GPU-{number}") for number in range(gpus)]
        self.gpu = self.gpus[0]
        options = {"policy": "equal", "cold_start": False, **options}
        self.probe = Probe(self.gpus, output=self.account, state_dir=folder, **options)

    def end(self):
        self.probe.close(20)
        assert self.account.faults() == []
        return self.output.events

    def of(self, session_id):
        """The events of a session, added up: GPU time, steps, tokens; the last one's outcome."""
        mine = [event for event in self.output.events if event["session_id"] == session_id]
        sums = [sum(event[name] for event in mine) for name in ("gpu_time_ns", "batch_steps", "tokens_out")]
        return (*sums, mine[-1]["outcome"])


@pytest.fixture
def watched(tmp_path):
    return Watched(tmp_path)


def test_a_block_is_a_session(watched):
    with watched.probe.session(**LABELS, session_id="s", user_id="u", prompt_tokens=3) as session:
        assert watched.probe.current() is session
        watched.gpu.work(2 * MS)
        session.tokens_out = 7
    assert watched.probe.current() is None
    events = watched.end()
    assert sum(event["gpu_time_ns"] for event in events) == 2 * MS
    assert events[-1]["time_quality"] == "measured"
    assert (events[-1]["tenant_id"], events[-1]["user_id"], events[-1]["outcome"]) == ("acme", "u", "ok")
    assert sum(event["tokens_in"] for event in events) == 3
    assert sum(event["tokens_out"] for event in events) == 7


class OutOfMemoryError(RuntimeError):
    """As torch.cuda's."""


@pytest.mark.parametrize(
    "error, outcome",
    [
        (ValueError, "error"),
        (TimeoutError, "timeout"),
        (asyncio.CancelledError, "cancelled"),
        (GeneratorExit, "cancelled"),
        (KeyboardInterrupt, "cancelled"),
        (OutOfMemoryError, "error"),
    ],
)
def test_what_leaves_the_block_is_the_outcome_and_the_work_is_billed(watched, error, outcome):
    with pytest.raises(error), watched.probe.session(**LABELS, session_id="s"):
        watched.gpu.work(MS)
        raise error
    with watched.probe.session(**LABELS, session_id="after"):
        watched.gpu.work(MS)
    watched.end()
    assert watched.of("s") == (MS, 1, 0, outcome)
    assert watched.of("after") == (MS, 1, 0, "ok")


def test_functions_are_metered_in_both_colours(watched):
    probe, gpu = watched.probe, watched.gpu

    @probe.metered(tenant_id=lambda who: who, project_id="p", model="m")
    def plain(who):
        gpu.work(MS)
        return who.upper()

    @probe.metered(tenant_id=lambda who: who, project_id="p", model="m")
    async def waiting(who):
        await asyncio.sleep(0)
        with probe.step():
            gpu.work(2 * MS)
        return probe.current()

    assert plain("acme") == "ACME" and plain.__name__ == "plain"
    assert asyncio.run(waiting("bank")) is not None
    times = {event["tenant_id"]: event["gpu_time_ns"] for event in watched.end()}
    assert times == {"acme": MS, "bank": 2 * MS}


def test_tasks_that_take_turns_keep_their_own_session(watched):
    probe = watched.probe

    async def request(number):
        async with probe.session(**LABELS, session_id=f"r{number}") as session:
            for _ in range(3):
                await asyncio.sleep(0.001)
                assert probe.current() is session
                with probe.step():
                    watched.gpu.work(number * MS // 10)

    async def main():
        await asyncio.gather(*(request(number) for number in range(10)))

    asyncio.run(main())
    watched.end()
    assert [watched.of(f"r{number}")[:2] for number in range(10)] == [(3 * n * MS // 10, 3) for n in range(10)]


def test_threads_on_streams_of_their_own_add_up_to_what_the_gpu_did(watched):
    probe, gpu = watched.probe, watched.gpu
    local = threading.local()
    gpu.stream = lambda: local.stream

    def serve(number):
        local.stream = number
        for at in range(25):
            with probe.session(**LABELS, session_id=f"{number}-{at}"):
                gpu.work(MS // 5, stream=number)
            if at % 5 == 0:
                time.sleep(0.001)

    threads = [threading.Thread(target=serve, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    counts = probe.counts()[0]
    events = watched.end()
    assert counts["started"] == 100 and counts["missed"] == 0
    assert len({event["session_id"] for event in events}) == 100
    assert sum(event["batch_steps"] for event in events) == 100
    # overlapping streams share what they share: never more than the sum, never less than the longest stream
    assert 5 * MS <= sum(event["gpu_time_ns"] for event in events) <= 20 * MS


def test_rows_by_session_by_id_and_told_late(watched):
    probe, gpu = watched.probe, watched.gpu
    a, b = (probe.open_session(**LABELS, session_id=name, prompt_tokens=4) for name in "ab")
    with probe.step([(a, 4, 4), ("b", 4, 4), ("unknown", 1, 1)]):
        gpu.work(MS)
    with probe.step(lambda: [(a, 1, 5)]):
        gpu.work(MS)
        with probe.step([(b, 1, 5)]):
            gpu.work(MS)
    with probe.step([]):
        gpu.work(MS)
    a.close("ok", 2)
    b.close()
    watched.end()
    assert watched.of("a") == (MS // 2 + 2 * MS, 2, 2, "ok")
    assert watched.of("b") == (MS // 2, 1, 1, "ok")
    assert sum(minute["unattributed_ns"] + minute["attributed_ns"] for minute in watched.output.minutes) == 4 * MS


def test_a_session_closed_while_its_step_runs_has_all_of_it(watched):
    watched.gpu.held = True
    session = watched.probe.open_session(**LABELS, session_id="s")
    with watched.probe.step([(session, 1, 1)]):
        watched.gpu.work(20 * MS)
    session.close("cancelled")
    session.close("ok")
    time.sleep(0.15)
    assert watched.output.events == []
    watched.gpu.held = False
    watched.end()
    assert watched.of("s") == (20 * MS, 1, 1, "cancelled")


def test_rows_of_a_session_that_is_over_are_its_tenants_all_the_same(watched):
    session = watched.probe.open_session(**LABELS, session_id="s")
    session.close("timeout")
    with watched.probe.step([("s", 1, 1)]):
        watched.gpu.work(3 * MS)
    events = watched.end()
    late = [event for event in events if event["session_id"].startswith("s-late")]
    assert sum(event["gpu_time_ns"] for event in late) == 3 * MS
    assert {event["tenant_id"] for event in events} == {"acme"}


def test_what_is_open_at_the_end_is_interrupted(watched):
    session = watched.probe.open_session(**LABELS, session_id="s")
    with watched.probe.step([(session, 1, 1)]):
        watched.gpu.work(MS)
    watched.end()
    assert watched.of("s") == (MS, 1, 1, "interrupted")
    session.close()


def test_loading_and_warming_up_are_the_operators(tmp_path):
    watched = Watched(tmp_path, cold_start=True, operator="us")
    probe, gpu = watched.probe, watched.gpu
    with probe.warmup("m", "1", phase="load"):
        gpu.work(5 * MS)
    with probe.warmup("m", "1"):
        with probe.step([]):
            gpu.work(2 * MS)
    with probe.session(**LABELS, session_id="s"):
        gpu.work(MS)
    events = watched.end()
    cold = {event["phase"]: (event["gpu_time_ns"], event["tenant_id"]) for event in events if event["phase"] != "inference"}
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


def test_a_forked_child_measures_nothing_and_leaves_its_parents_books(watched):
    probe = watched.probe
    with probe.session(**LABELS, session_id="before"):
        watched.gpu.work(MS)
    child = os.fork()
    if child == 0:
        code = 1
        try:
            with probe.session(**LABELS, session_id="child"):
                watched.gpu.work(MS)
            probe.close()
            code = 0
        finally:
            os._exit(code)
    assert os.waitpid(child, 0)[1] == 0
    with probe.session(**LABELS, session_id="after"):
        watched.gpu.work(MS)
    events = watched.end()
    assert {event["session_id"] for event in events} == {"before", "after"}


@pytest.mark.parametrize("field", ["tenant_id", "project_id", "model"])
def test_labels_that_cannot_be_written_are_told_at_once(watched, field):
    for value in ("", "x" * 129, None, 7):
        with pytest.raises(ValueError, match=field):
            watched.probe.open_session(**{**LABELS, field: value})
    with pytest.raises(ValueError, match="outcome"):
        watched.probe.open_session(**LABELS).close("fine")
    with pytest.raises(ValueError, match="phase"):
        watched.probe.warmup(phase="inference")
    watched.end()


def test_after_the_end_nothing_is_measured_and_nothing_raises(watched):
    watched.end()
    with watched.probe.session(**LABELS):
        watched.gpu.work(MS)
    watched.probe.close()
    assert watched.output.events == []
