"""The meter answers over a socket: a real one, one that is dead or slow, hostile bytes, others' sessions."""

import asyncio
import contextlib
import json
import logging
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from watched import LABELS, MS, Watched

from gpu_probe import Probe
from gpu_probe.cli.main import main
from gpu_probe.live import answers
from gpu_probe.live.inquiry import ask, ask_soon, journals_of
from gpu_probe.live.questions import (
    SOCKET,
    Answer,
    Question,
    address,
    read_answer,
    read_question,
    write_answer,
)
from gpu_probe.records import decode_single_object
from gpu_probe.usage import Figures
from gpu_probe.wal import read_log

PATIENT_S = 20


@pytest.fixture
def watched(tmp_path):
    found = Watched(tmp_path / "state")
    yield found
    found.probe.close()


def work(watched, session, length=5 * MS):
    with watched.probe.step([(session, 1, 1)]):
        watched.gpu.work(length)


def socket_of(session):
    return session._units[0].journal.folder / SOCKET


def test_a_session_s_usage_is_what_its_event_says(watched):
    session = watched.probe.open_session(**LABELS)
    assert session.usage(PATIENT_S)[:2] == (0, "measured")
    work(watched, session)
    work(watched, session, 7 * MS)
    open_ = session.usage(PATIENT_S)
    session.close()
    closed = session.usage(PATIENT_S, settled=True)
    (event,) = watched.end()
    assert open_ == closed
    assert not closed.provisional
    for name in ("gpu_time_ns", "gpu_busy_ns", "energy_uj", "time_quality", "busy_quality", "energy_quality"):
        assert getattr(closed, name) == event[name]
    assert closed.gpu_time_ns == 12 * MS


def test_the_same_in_a_task(watched):
    session = watched.probe.open_session(**LABELS)
    work(watched, session)

    async def many():
        return await asyncio.gather(*(session.usage_soon(PATIENT_S) for _ in range(20)))

    assert set(asyncio.run(many())) == {session.usage(PATIENT_S)}


def test_several_devices_are_added_up(tmp_path):
    watched = Watched(tmp_path, gpus=2, spread=True)
    session = watched.probe.open_session(**LABELS)
    with watched.probe.step([(session, 1, 1)]):
        for gpu in watched.gpus:
            gpu.work(3 * MS)
    assert session.usage(PATIENT_S).gpu_time_ns == 6 * MS
    watched.end()


def test_a_ticket_is_for_all_its_sessions_and_for_no_other(watched):
    first, second = (watched.probe.open_session(**LABELS, ticket="t-1") for _ in range(2))
    other = watched.probe.open_session(**LABELS, ticket="t-2")
    for session in (first, second, other):
        work(watched, session)
    first.close()
    folders = journals_of(Path(watched.probe._runner.journals.parent))
    assert ask(folders, Question(ticket="t-1"), PATIENT_S).gpu_time_ns == 10 * MS
    assert asyncio.run(ask_soon(folders, Question(ticket="t-2"), PATIENT_S)).gpu_time_ns == 5 * MS
    assert "no books have" in ask(folders, Question(ticket="t-3"), PATIENT_S).reason


def test_a_session_of_another_process_is_not_known(watched, tmp_path):
    other = Watched(tmp_path / "other")
    session = other.probe.open_session(**LABELS, session_id="s-1")
    work(other, session)
    mine = watched.probe.open_session(**LABELS)
    found = ask([socket_of(mine).parent], Question("s-1"), PATIENT_S)
    assert found.gpu_time_ns is None and "no books have" in found.reason
    assert session.usage(PATIENT_S).gpu_time_ns == 5 * MS
    other.probe.close()


def test_a_step_under_way_is_waited_for_and_no_longer_than_told(watched):
    session = watched.probe.open_session(**LABELS)
    watched.gpu.held = True
    work(watched, session)
    begin = time.monotonic()
    early = session.usage(0.1)
    assert 0.05 < time.monotonic() - begin < 5
    assert (early.provisional, early.time_quality, early.gpu_time_ns) == (True, "bounded", 0)
    found = []
    waiting = threading.Thread(target=lambda: found.append(session.usage(PATIENT_S)))
    waiting.start()
    watched.gpu.held = False
    work(watched, session)
    waiting.join(PATIENT_S)
    assert found[0].gpu_time_ns >= 5 * MS


def test_the_socket_is_its_owner_s_alone_and_goes_with_the_journal(watched):
    session = watched.probe.open_session(**LABELS)
    assert session.usage(PATIENT_S).reason is None
    path = socket_of(session)
    assert path.stat().st_mode & 0o777 == 0o600
    watched.probe.close()
    assert not path.exists()
    assert "probe is closed" in session.usage(0.01).reason


def test_no_path_is_too_long(tmp_path):
    deep = tmp_path / ("d" * 100) / ("e" * 100)
    watched = Watched(deep)
    session = watched.probe.open_session(**LABELS)
    work(watched, session)
    assert session.usage(PATIENT_S).gpu_time_ns == 5 * MS
    assert asyncio.run(session.usage_soon(PATIENT_S)).gpu_time_ns == 5 * MS
    watched.end()


def test_nobody_reads_a_journal_that_is_booked_later(tmp_path):
    probe = Probe("cpu", state_dir=tmp_path, accounting="later")
    session = probe.open_session(**LABELS)
    found = session.usage(0.02)
    assert found.gpu_time_ns is None and "no meter" in found.reason and found.provisional
    for wait_s in (0, -1, float("nan")):
        assert session.usage(wait_s).reason
    assert "no meter" in asyncio.run(session.usage_soon(0.02)).reason
    probe.close()


def test_where_no_socket_can_be_the_books_go_on(tmp_path, monkeypatch, caplog):
    def refuse(*_):
        raise PermissionError("no sockets here")

    monkeypatch.setattr(answers, "address", refuse)
    with caplog.at_level(logging.WARNING, "gpu_probe"):
        watched = Watched(tmp_path)
        session = watched.probe.open_session(**LABELS)
        work(watched, session)
        assert "no meter" in session.usage(0.05).reason
        session.close()
        (event,) = watched.end()
    assert event["gpu_time_ns"] == 5 * MS and "no sockets here" in caplog.text


# Bytes that are no question

HOSTILE = [
    b"\n",
    b"{}\n",
    b"[" * 2000 + b"\n",
    b"\xff\xfe\x00\n",
    b'{"session_id":1}\n',
    b'{"session_id":"s","ticket":"t"}\n',
    b'{"session_id":"s","until":1.5}\n',
    b'{"session_id":"s","more":1}\n',
    b"x" * 5000,
    b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
]


@pytest.mark.parametrize("line", HOSTILE, ids=range(len(HOSTILE)))
def test_hostile_bytes_end_their_connection_and_nothing_else(watched, line):
    session = watched.probe.open_session(**LABELS)
    work(watched, session)
    assert session.usage(PATIENT_S).gpu_time_ns == 5 * MS
    with socket.socket(socket.AF_UNIX) as hostile, address(socket_of(session).parent) as path:
        hostile.settimeout(PATIENT_S)
        hostile.connect(path)
        hostile.sendall(line)
        with contextlib.suppress(ConnectionResetError):
            assert hostile.recv(100) == b""
    assert session.usage(PATIENT_S).gpu_time_ns == 5 * MS


def test_who_asks_and_takes_nothing_holds_up_nobody(watched):
    session = watched.probe.open_session(**LABELS)
    assert session.usage(PATIENT_S).reason is None
    held = []
    with address(socket_of(session).parent) as path:
        for _ in range(answers.CONNECTIONS_MAX * 2):
            held.append(socket.socket(socket.AF_UNIX))
            held[-1].connect(path)
            assert session.usage(PATIENT_S).reason is None
        held[-1].setblocking(False)
        question = b'{"session_id":"x"}\n' * 90
        with pytest.raises((BrokenPipeError, ConnectionResetError, BlockingIOError)):
            for _ in range(10_000):
                held[-1].send(question)
    assert session.usage(PATIENT_S).reason is None
    for each in held:
        each.close()


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"null\n",
        b"{}\n",
        b"x" * 10_000,
        b"[" * 3000 + b"\n",
        b'{"sessions":1,"usage":{},"until":0,"pending":false}\n',
    ],
)
def test_what_is_no_answer_is_a_reason(tmp_path, line):
    with socket.socket(socket.AF_UNIX) as server, address(tmp_path) as path:
        server.bind(path)
        server.listen()

        def serve():
            for _ in range(2):
                taken, _ = server.accept()
                with taken:
                    taken.recv(4096)
                    taken.sendall(line)

        thread = threading.Thread(target=serve)
        thread.start()
        found = ask([tmp_path], Question("s"), 5)
        soon = asyncio.run(ask_soon([tmp_path], Question("s"), 5))
        thread.join()
    assert found.gpu_time_ns is None and "did not answer" in found.reason
    assert soon.gpu_time_ns is None and "did not answer" in soon.reason


def test_the_wire_is_read_as_it_was_written_and_not_otherwise():
    answer = Answer(2, Figures().usage(True), -1, True)
    assert read_answer(write_answer(answer)) == answer
    document = json.loads(write_answer(answer))
    for name, value in [
        ("gpu_time_ns", -1),
        ("gpu_time_ns", True),
        ("energy_uj", 1.5),
        ("time_quality", "x"),
    ]:
        with pytest.raises(ValueError):
            read_answer(json.dumps({**document, "usage": {**document["usage"], name: value}}).encode())
    assert read_question(b'{"ticket":"t","until":3}') == Question(None, "t", 3)


# A real meter


@pytest.fixture
def process(tmp_path):
    """A probe on this CPU with its meter beside it."""
    probe = Probe("cpu", state_dir=tmp_path, cold_start=False)
    yield probe
    with_meter = probe._runner._process
    if with_meter.poll() is None:
        with_meter.send_signal(signal.SIGCONT)
    probe.close()


def step(probe, session):
    with probe.step([(session, 1, 1)]):
        sum(range(20_000))


def events_of(folder, session_id):
    found = [decode_single_object(entry.value) for entry in read_log(folder / "wal" / "0")]
    return [record for schema, record in found if record.get("session_id") == session_id]


def test_a_real_meter_says_what_it_books(process, tmp_path):
    session = process.open_session(**LABELS)
    for _ in range(5):
        step(process, session)
    open_ = session.usage(PATIENT_S)
    session.close()
    closed = session.usage(PATIENT_S, settled=True)
    assert not closed.provisional and open_.gpu_time_ns == closed.gpu_time_ns > 0
    process.close(PATIENT_S)
    # Two where a minute ended meanwhile.
    events = events_of(tmp_path, session.session_id)
    assert closed.gpu_time_ns == sum(event["gpu_time_ns"] for event in events)
    busy = [event["gpu_busy_ns"] for event in events]
    assert closed.gpu_busy_ns == (None if None in busy else sum(busy))


def test_a_meter_that_is_slow_or_dead_is_a_reason_and_the_next_one_knows_all(process, tmp_path):
    session = process.open_session(**LABELS)
    step(process, session)
    before = session.usage(PATIENT_S, settled=True)
    assert before.reason is None
    meter = process._runner._process
    meter.send_signal(signal.SIGSTOP)
    begin = time.monotonic()
    assert "in time" in session.usage(0.2).reason
    assert "in time" in asyncio.run(session.usage_soon(0.2)).reason
    assert time.monotonic() - begin < 5
    meter.kill()
    meter.wait()
    assert "no meter" in session.usage(0.05).reason
    assert "no meter" in asyncio.run(session.usage_soon(0.05)).reason
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    process._runner._process = subprocess.Popen(
        [sys.executable, "-m", "gpu_probe", "meter", str(tmp_path)], env=environment
    )
    assert session.usage(PATIENT_S, settled=True) == before
    step(process, session)
    assert session.usage(PATIENT_S).gpu_time_ns > before.gpu_time_ns


def test_one_dead_meter_of_two_leaves_a_lower_bound(tmp_path, process):
    other = Watched(tmp_path / "other")
    mine = process.open_session(**LABELS, ticket="t")
    theirs = other.probe.open_session(**LABELS, ticket="t")
    work(other, theirs)
    assert mine.usage(PATIENT_S).reason is None
    folders = [socket_of(mine).parent, socket_of(theirs).parent]
    assert not ask(folders, Question(ticket="t"), PATIENT_S, settled=True).provisional
    process._runner._process.kill()
    process._runner._process.wait()
    found = ask(folders, Question(ticket="t"), 0.1)
    assert found.provisional and found.time_quality == "bounded" and found.gpu_time_ns == 5 * MS
    assert found.reason.startswith("1 of 2 meters")
    other.probe.close()


def test_recover_answers_nobody(tmp_path, capsys):
    probe = Probe("cpu", state_dir=tmp_path, accounting="later")
    session = probe.open_session(**LABELS)
    probe.close()
    folder = session._units[0].journal.folder
    assert main(["recover", str(tmp_path)]) == 0
    assert not folder.exists()
