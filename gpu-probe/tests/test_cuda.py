"""On a real GPU: what no stand-in can show. Skipped without one."""

import asyncio
import json
import subprocess
import sys
import tempfile
import threading
import time

import pytest
from conftest import Recorder

torch = pytest.importorskip("torch", reason="needs PyTorch")
pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device"),
]

from gpu_probe import Probe  # noqa: E402
from gpu_probe.accounting import Account  # noqa: E402

LABELS = {"tenant_id": "tenant", "project_id": "project", "model": "model"}
CYCLES_PER_MS = 1_700_000


class Watched:
    """A probe with its events at hand."""

    def __init__(self, **options):
        self.output = Recorder()
        self.account = Account(self.output)
        options = {"policy": "equal", "cold_start": False, **options}
        self.probe = Probe("cuda:0", output=self.account, state_dir=tempfile.mkdtemp(), **options)

    def end(self):
        self.probe.close(30)
        assert self.account.faults() == []
        return self.output.events

    @property
    def counts(self):
        return self.probe.counts()[0]


def test_plain_code_batches_and_threads_add_up():
    watched = Watched()
    probe = watched.probe

    def work():
        for _ in range(20):
            with probe.session(**LABELS):
                torch.cuda._sleep(CYCLES_PER_MS // 4)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    events = watched.end()
    assert len(events) == 80
    assert all(event["time_quality"] == "measured" and event["gpu_time_ns"] > 50_000 for event in events)


def test_steps_are_read_while_idle_and_a_capture_survives_it():
    watched = Watched()
    probe = watched.probe
    x = torch.ones(1024, 1024, device="cuda")
    session = probe.open_session(**LABELS)
    with probe.step([(session, 1, 1)]):
        torch.cuda._sleep(CYCLES_PER_MS * 400)
    graph = torch.cuda.CUDAGraph()
    side = torch.cuda.Stream()
    with torch.cuda.stream(side):
        x @ x
    torch.cuda.synchronize()
    with probe.step([(session, 1, 2)]):
        torch.cuda._sleep(CYCLES_PER_MS * 300)
    with torch.cuda.graph(graph):
        for _ in range(50):
            x @ x
            time.sleep(0.01)  # the watch comes by several times
            with probe.step([(session, 1, 3)]):
                x @ x
    graph.replay()
    torch.cuda.synchronize()
    deadline = time.monotonic() + 5
    while watched.counts["in_flight"] and time.monotonic() < deadline:
        time.sleep(0.05)
    assert watched.counts["measured"] == 2
    session.close()
    assert watched.end()[0]["batch_steps"] == 2


def test_steps_beside_another_threads_capture_run_unmeasured_and_it_survives():
    watched = Watched()
    probe = watched.probe
    x = torch.ones(256, 256, device="cuda")
    x @ x
    began, failed = threading.Event(), []

    def capture():
        graph = torch.cuda.CUDAGraph()
        try:
            with torch.cuda.graph(graph, stream=torch.cuda.Stream()):
                began.set()
                for _ in range(20):
                    x.add(1)
                    time.sleep(0.01)
            graph.replay()
            torch.cuda.synchronize()
        except Exception as error:
            failed.append(error)
            began.set()

    thread = threading.Thread(target=capture)
    thread.start()
    began.wait(30)
    for _ in range(5):
        with probe.session(**LABELS):
            torch.cuda._sleep(CYCLES_PER_MS)
    thread.join()
    assert failed == []
    with probe.session(**LABELS, session_id="after"):
        torch.cuda._sleep(CYCLES_PER_MS)
    torch.cuda.synchronize()
    events = watched.end()
    assert watched.counts["missed"] == 5
    assert sum(minute["unattributed_ns"] for minute in watched.output.minutes) > 3_000_000
    (after,) = [event for event in events if event["session_id"] == "after"]
    assert after["time_quality"] == "measured" and after["gpu_time_ns"] > 300_000


@pytest.mark.skipif(torch.cuda.device_count() < 2, reason="needs two CUDA devices")
def test_a_model_over_two_devices_is_timed_on_both():
    output = Recorder()
    account = Account(output)
    probe = Probe(
        "cuda", output=account, state_dir=tempfile.mkdtemp(), policy="equal", cold_start=False, spread=True
    )
    with probe.session(**LABELS):
        torch.cuda._sleep(CYCLES_PER_MS)
        with torch.cuda.device(1):
            torch.cuda._sleep(3 * CYCLES_PER_MS)
    for device in range(2):
        torch.cuda.synchronize(device)
    probe.close(30)
    assert account.faults() == []
    times = {event["rank"]: event["gpu_time_ns"] for event in output.events}
    assert times[1] > 2 * times[0] > 500_000


def test_a_step_that_captures_is_the_operators():
    watched = Watched(cold_start=True)
    probe = watched.probe
    x = torch.ones(256, 256, device="cuda")
    with probe.warmup(model="model"):
        x @ x
    with probe.session(**LABELS, session_id="captures"):
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph):
            x @ x
        graph.replay()
    with probe.session(**LABELS, session_id="replays"):
        graph.replay()
    events = {event["session_id"]: event for event in watched.end()}
    assert events["captures"]["gpu_time_ns"] == 0 and events["captures"]["batch_steps"] == 1
    assert events["replays"]["gpu_time_ns"] > 0
    assert sum(event["phase"] == "warmup" for event in events.values()) == 2


def test_out_of_memory_is_an_error_of_its_session_only():
    watched = Watched()
    probe = watched.probe
    with pytest.raises(torch.cuda.OutOfMemoryError), probe.session(**LABELS, session_id="too much"):
        torch.empty(1 << 50, dtype=torch.uint8, device="cuda")
    with probe.session(**LABELS, session_id="after"):
        torch.cuda._sleep(CYCLES_PER_MS)
    events = {event["session_id"]: event for event in watched.end()}
    assert events["too much"]["outcome"] == "error"
    assert (events["after"]["outcome"], events["after"]["time_quality"]) == ("ok", "measured")


def test_async_requests_around_one_engine():
    watched = Watched()
    probe = watched.probe

    async def request(number):
        async with probe.session(**LABELS, session_id=f"request-{number}") as session:
            assert probe.current() is session
            await asyncio.sleep(0.01)
            with probe.step():
                torch.cuda._sleep(CYCLES_PER_MS)
            await asyncio.sleep(0.01)

    async def main():
        await asyncio.gather(*(request(number) for number in range(8)))

    asyncio.run(main())
    events = watched.end()
    assert sorted(event["session_id"] for event in events) == [f"request-{number}" for number in range(8)]
    assert all(300_000 < event["gpu_time_ns"] < 5_000_000 for event in events)


def test_communication_is_told_apart():
    watched = Watched()
    probe = watched.probe
    session = probe.open_session(**LABELS)
    with probe.step([(session, 1, 1)]):
        torch.cuda._sleep(CYCLES_PER_MS)
        with probe.communication():
            torch.cuda._sleep(CYCLES_PER_MS)
    torch.cuda.synchronize()
    session.close()
    (event,) = watched.end()
    assert 0.4 < event["communication_ns"] / event["gpu_time_ns"] < 0.6


def test_busy_time_is_sampled_where_asked_for():
    watched = Watched(busy_sampling=0.1)
    probe = watched.probe
    x = torch.ones(64, 64, device="cuda")
    session = probe.open_session(**LABELS)
    for _ in range(30):
        with probe.step([(session, 1, 1)]):
            for _ in range(50):
                x @ x
                time.sleep(0.0002)
    torch.cuda.synchronize()
    session.close()
    (event,) = watched.end()
    assert event["busy_quality"] == "elapsed" or event["gpu_busy_ns"] < event["gpu_time_ns"] / 2


_STICKY = """
import json, sys, tempfile, time, torch
sys.path.insert(0, sys.argv[1])
from conftest import Recorder
from gpu_probe import Probe
output = Recorder()
probe = Probe("cuda:0", output=output, state_dir=tempfile.mkdtemp(), policy="equal", cold_start=False)
labels = {"tenant_id": "t", "project_id": "p", "model": "m"}
with probe.session(**labels, session_id="good"):
    torch.cuda._sleep(1_000_000)
torch.cuda.synchronize()
time.sleep(0.4)  # the watch comes by
try:
    with probe.session(**labels, session_id="bad"):
        index = torch.tensor([1 << 40], device="cuda")
        torch.zeros(4, device="cuda")[index]
        torch.cuda.synchronize()
except Exception as error:
    print(type(error).__name__, file=sys.stderr)
with probe.session(**labels, session_id="later"):
    pass
counts = probe.counts()[0]
probe.close()
fields = ("session_id", "outcome", "time_quality", "gpu_time_ns")
print(json.dumps([counts, [[event[name] for name in fields] for event in output.events]]))
"""


def test_a_lost_context_closes_the_books_with_bounds():
    from pathlib import Path

    done = subprocess.run(
        [sys.executable, "-c", _STICKY, str(Path(__file__).parent)],
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.stdout, done.stderr
    counts, events = json.loads(done.stdout.splitlines()[-1])
    assert counts["failed"]
    by_id = {event[0]: event[1:] for event in events}
    assert by_id["good"][:2] == ["ok", "measured"] and by_id["good"][2] > 0
    assert by_id["bad"] == ["error", "bounded", 0]
    assert by_id["later"][2] == 0
