"""kill -9 of a serving process: what was measured is billed, what was under way is bounded, and all adds
up."""

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from multiprocessing import get_context

import pytest
from conftest import Recorder
from fake_gpu import InstantGpu
from test_live import checked

from gpu_probe import Probe
from gpu_probe.accounting import Account
from gpu_probe.cli.main import main
from gpu_probe.live.service import Service
from gpu_probe.records import GPU_TIME_EVENT, decode_single_object
from gpu_probe.wal import read_log

MS = 1_000_000
KILLS = 200
LABELS = {"tenant_id": "t", "project_id": "p", "model": "m"}
OPENED, CLOSED, LAUNCHED, MEASURED, STARTED = range(5)


class TellingGpu(InstantGpu):
    """Tells how much of its work was read: the journal has it before the next event is asked for."""

    def __init__(self, told):
        super().__init__()
        self.told = told

    def work(self, length, stream=None):
        super().work(length, stream)
        self.told[LAUNCHED] += length


def _serve_for_ever(folder, told, seed):
    rng = random.Random(seed)
    probe = Probe([TellingGpu(told)], state_dir=folder, accounting="later", policy="equal", cold_start=False)
    gpu = probe._units[0].backend
    clock = probe._units[0].clock
    told[STARTED] = 1
    alive = []
    while True:
        if len(alive) < 4 or rng.random() < 0.2:
            alive.append(probe.open_session(**LABELS))
            told[OPENED] += 1
        with probe.step([(session, 1, 1) for session in alive]):
            gpu.work(rng.randrange(1, 20) * MS // 100)
        told[MEASURED] = clock.counts.measured
        if rng.random() < 0.3:
            alive.pop(0).close("ok")
            told[CLOSED] += 1


@pytest.fixture(scope="module")
def context():
    if sys.platform != "linux":
        pytest.skip("forks")
    return get_context("fork")


def test_killed_at_200_random_moments_no_measured_step_is_lost_and_bounds_hold(tmp_path, context):
    rng = random.Random(23)
    in_the_middle = 0
    for attempt in range(KILLS):
        folder = tmp_path / str(attempt)
        told = context.Array("q", 5, lock=False)
        child = context.Process(target=_serve_for_ever, args=(folder, told, attempt))
        child.start()
        while not told[STARTED]:
            time.sleep(0.0002)
        time.sleep(rng.random() * 0.01)
        os.kill(child.pid, signal.SIGKILL)
        child.join()
        output = Recorder()
        account = Account(output)
        service = Service(folder / "journals", account, only_dead=True)
        service.poll()
        service.close()
        assert (service.finished, service.damaged) == (1, 0)
        checked(account, output)
        sessions = {event["session_id"]: event for event in output.events}
        # the child may have been killed between the deed and the telling
        assert told[OPENED] <= len(sessions) <= told[OPENED] + 1
        ended = sum(event["outcome"] == "ok" for event in sessions.values())
        assert told[CLOSED] <= ended <= told[CLOSED] + 1
        assert all(event["outcome"] in ("ok", "interrupted") for event in sessions.values())
        steps = sum(minute["steps"] for minute in output.minutes)
        missed = sum(minute["steps_missed"] for minute in output.minutes)
        assert steps >= told[MEASURED] and missed <= 1
        billed = sum(event["gpu_time_ns"] for event in output.events)
        # the lower bound is billed: all that was measured, and never more than was launched
        assert billed <= told[LAUNCHED] + MS
        if missed:
            in_the_middle += 1
            assert any(event["time_quality"] == "bounded" for event in sessions.values())
        else:
            assert billed >= told[LAUNCHED] - MS
        shutil.rmtree(folder)
    assert in_the_middle > 0, "no kill came in the middle of a step"


def test_the_meter_beside_a_killed_process_books_it_to_the_end(tmp_path, context):
    """Nobody has to start anything: it outlives the process, and ends when all is booked."""
    pid = os.fork()
    if pid == 0:
        try:
            probe = Probe("cpu", state_dir=tmp_path, policy="equal", cold_start=False)
            for _ in range(20):
                with probe.session(**LABELS):
                    time.sleep(0.001)
            open_session = probe.open_session(**LABELS, session_id="open")
            with probe.step([(open_session, 1, 1)]):
                os.kill(os.getpid(), signal.SIGKILL)
        finally:
            os._exit(1)
    os.waitpid(pid, 0)
    deadline = time.monotonic() + 30
    while any((tmp_path / "journals").iterdir()) and time.monotonic() < deadline:
        time.sleep(0.05)
    events = wal_events(tmp_path)
    outcomes = [event["outcome"] for event in events]
    assert (outcomes.count("ok"), outcomes.count("interrupted")) == (20, 1)
    (last,) = [event for event in events if event["session_id"] == "open"]
    assert last["time_quality"] == "bounded"


def test_recover_books_what_the_dead_left_and_says_so(tmp_path, context, capsys):
    told = context.Array("q", 5, lock=False)
    child = context.Process(target=_serve_for_ever, args=(tmp_path, told, 1))
    child.start()
    while told[CLOSED] < 5:
        time.sleep(0.001)
    assert main(["recover", str(tmp_path)]) == 0
    assert json.loads(capsys.readouterr().out)["recovered"] == 0, "the living are left alone"
    os.kill(child.pid, signal.SIGKILL)
    child.join()
    assert main(["recover", str(tmp_path)]) == 0
    account = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert (account["recovered"], account["damaged"]) == (1, 0)
    assert account["sessions"] >= told[CLOSED]
    parts = {name: int(value) for name, value in account["gpu_time_ns"].items()}
    assert parts.pop("physical") == sum(parts.values())
    assert len(wal_events(tmp_path)) == account["events"]


def wal_events(folder):
    logs = [path for path in sorted((folder / "wal").iterdir()) if path.is_dir()]
    found = [decode_single_object(entry.value) for path in logs for entry in read_log(path)]
    return [record for schema, record in found if schema is GPU_TIME_EVENT]


_FORGETFUL = """
import sys, time
from gpu_probe import Probe
probe = Probe("cpu", state_dir=sys.argv[1], policy="equal", cold_start=False)
with probe.session(tenant_id="t", project_id="p", model="m", session_id="s"):
    time.sleep(0.002)
probe.open_session(tenant_id="t", project_id="p", model="m", session_id="left open")
"""


def test_a_process_that_ends_without_closing_its_probe_is_booked_whole(tmp_path):
    done = subprocess.run([sys.executable, "-c", _FORGETFUL, str(tmp_path)], timeout=60)
    assert done.returncode == 0
    found = {event["session_id"]: event for event in wal_events(tmp_path)}
    assert (found["s"]["outcome"], found["s"]["time_quality"]) == ("ok", "measured")
    assert found["s"]["gpu_time_ns"] >= 2 * MS
    assert found["left open"]["outcome"] == "interrupted"
