"""A live process's output: whatever happens to the receiver, the disk or the process, nothing is lost
unseen and a copy is the same record."""

import errno
import json
import os
import random
import signal
import threading
import time
from multiprocessing import get_context

import pytest
from conftest import SCHEMAS
from gateway import Gateway

from gpu_probe.publish import HttpPublisher, KafkaPublisher, Outbox, outbox
from gpu_probe.records import GPU_TIME_EVENT, GPU_TOTALS, decode_single_object, from_plain
from gpu_probe.wal import Wal

EXAMPLE = json.loads((SCHEMAS / "gpu_time_event/examples/v2-valid/counter.json").read_text())
EVENT = from_plain(GPU_TIME_EVENT, EXAMPLE)
TOTALS = from_plain(
    GPU_TOTALS, json.loads((SCHEMAS / "gpu_totals/examples/v2-valid/minute.json").read_text())
)


def event(number):
    return {**EVENT, "event_id": number.to_bytes(16, "big"), "sequence": number}


def numbers(messages):
    return [int.from_bytes(value[10:26], "big") for value in messages]


def thousandfold():
    """A clock on which ten minutes pass in 0.6 s."""
    return time.monotonic() * 1000


def wait_for(condition, seconds=20):
    until = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until, "it did not come to that"
        threading.Event().wait(0.005)


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    monkeypatch.setattr(outbox, "_EVERY_S", 0.01)
    monkeypatch.setattr(outbox, "_AFTER_ERROR_S", 0.01)


@pytest.fixture
def gateway():
    gateway = Gateway()
    yield gateway
    gateway.close()


def test_what_is_put_in_comes_out_and_the_log_is_empty(tmp_path, gateway):
    box = Outbox(tmp_path, lambda: HttpPublisher(gateway.url))
    for number in range(20):
        box.event(event(number))
    box.totals(TOTALS)
    assert box.close() == 0
    assert numbers(gateway.taken[:20]) == list(range(20))
    assert not list(tmp_path.rglob("*.wal"))


def test_ten_minutes_without_a_receiver_lose_nothing_and_stay_small(tmp_path):
    away = Gateway()
    away.close()
    publishers = []

    def make():
        publishers.append(HttpPublisher(away.url, clock=thousandfold))
        return publishers[-1]

    box = Outbox(tmp_path, make)
    begin = thousandfold()
    count = 0
    while thousandfold() - begin < 600 or count < 12_000:
        box.event(event(count))
        count += 1
    assert len(publishers[0]._waiting) <= 10_000
    assert box.backlog == count
    back = Gateway(port=away.port)
    wait_for(lambda: box.backlog == 0)
    back.close()
    assert numbers(back.taken) == list(range(count))
    assert (box.close(), box.lost) == (0, 0)


def test_a_full_disk_is_a_loss_that_is_told(tmp_path, gateway, monkeypatch):
    box = Outbox(tmp_path, lambda: HttpPublisher(gateway.url))
    box.event(event(0))
    wal = box._spool.wal
    real = wal._writable

    def full(size):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(wal, "_writable", full)
    for number in range(1, 8):
        box.event(event(number))
    box.totals(TOTALS)
    assert box.lost == 7
    monkeypatch.setattr(wal, "_writable", real)
    box.totals(TOTALS)
    box.totals(TOTALS)
    assert box.close() == 0
    told = [decode_single_object(value)[1]["lost_events"] for value in gateway.taken[1:]]
    assert told == [7, 0]


def test_a_disk_without_room_for_a_log_loses_and_says_so_when_there_is(tmp_path, gateway, monkeypatch):
    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    box = Outbox(tmp_path, lambda: HttpPublisher(gateway.url))
    monkeypatch.setattr(outbox, "take_log", full)
    box.event(event(0))
    box.event(event(1))
    monkeypatch.undo()
    box.event(event(2))
    box.totals(TOTALS)
    assert box.close() == 0
    assert numbers(gateway.taken[:1]) == [2]
    assert decode_single_object(gateway.taken[1])[1]["lost_events"] == 2


def test_a_refusal_keeps_the_record_and_is_counted(tmp_path, gateway):
    gateway.answers = [422] * 3
    box = Outbox(tmp_path, lambda: HttpPublisher(gateway.url))
    box.event(event(0))
    wait_for(lambda: box.errors >= 3)
    assert box.close() == 0
    assert numbers(gateway.taken) == [0]


def test_logs_of_the_dead_are_sent_too(tmp_path, gateway):
    for name in ("0", "1", "2"):
        with Wal(tmp_path / name) as wal:
            wal.append(bytes(15) + name.encode(), b"\xc3\x01" + bytes(8) + bytes(15) + name.encode())
    with Wal(tmp_path / "1") as living:
        box = Outbox(tmp_path, lambda: HttpPublisher(gateway.url))
        box.event(event(9))
        wait_for(lambda: len(gateway.taken) == 3)
        assert box.close() == 0
        assert living.end - living.acknowledged == 1
    assert sorted(numbers(gateway.taken)) == sorted([ord("0"), ord("2"), 9])


def in_child(work):
    """Runs ``work`` in a fork; its exit code, or -9 where it hangs."""
    child = os.fork()
    if child == 0:
        code = 1
        try:
            work()
            code = 0
        finally:
            os._exit(code)
    until = time.monotonic() + 20
    while time.monotonic() < until:
        pid, status = os.waitpid(child, os.WNOHANG)
        if pid:
            return os.waitstatus_to_exitcode(status) if hasattr(os, "waitstatus_to_exitcode") else status
        threading.Event().wait(0.01)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return -9


def test_a_fork_has_its_own_log_and_sends_nothing_of_its_parents(tmp_path, gateway):
    gateway.answers = [503] * 3
    box = Outbox(tmp_path, lambda: HttpPublisher(gateway.url))
    for number in range(10):
        box.event(event(number))

    def child():
        assert box.backlog == 0
        for number in range(100, 110):
            box.event(event(number))
        assert box._spool.wal._folder.name == "1"
        assert box.close() == 0

    assert in_child(child) == 0
    box.event(event(10))
    assert box.close() == 0
    assert sorted(numbers(gateway.taken)) == [*range(11), *range(100, 110)]


def test_a_fork_that_writes_nothing_does_not_hold_its_parents_log(tmp_path, gateway):
    box = Outbox(tmp_path, lambda: HttpPublisher(gateway.url))
    box.event(event(0))
    begun, end = os.pipe(), os.pipe()
    child = os.fork()
    if child == 0:
        os.write(begun[1], b"x")
        os.read(end[0], 1)
        os._exit(0)
    os.read(begun[0], 1)
    assert box.close() == 0
    with Wal(tmp_path / "0") as wal:
        assert wal.end == 1
    os.write(end[1], b"x")
    os.waitpid(child, 0)


def test_forks_while_all_threads_write(tmp_path, gateway):
    """The child's copy is never taken in the middle of a record."""
    box = Outbox(tmp_path, lambda: HttpPublisher(gateway.url))
    stop, written = threading.Event(), [0, 0, 0]

    def write(thread):
        while not stop.is_set():
            box.event(event(thread * 10**6 + written[thread]))
            written[thread] += 1

    threads = [threading.Thread(target=write, args=(number,)) for number in range(3)]
    for thread in threads:
        thread.start()

    def child(base):
        for number in range(base, base + 5):
            box.event(event(number))
        assert box.close() == 0

    codes = [in_child(lambda base=base: child(base)) for base in range(10**7, 10**7 + 100, 10)]
    stop.set()
    for thread in threads:
        thread.join()
    assert codes == [0] * 10
    assert box.close(30) == 0
    wanted = {thread * 10**6 + at for thread in range(3) for at in range(written[thread])}
    wanted |= {base + at for base in range(10**7, 10**7 + 100, 10) for at in range(5)}
    assert set(numbers(gateway.taken)) == wanted
    assert len(gateway.taken) == len(wanted)


def test_a_producer_that_was_forked_neither_hangs_nor_sends(tmp_path):
    pytest.importorskip("confluent_kafka", reason="the kafka extra is not installed")
    box = Outbox(tmp_path, lambda: KafkaPublisher("127.0.0.1:9", "t", {"log_level": 0}))
    box.event(event(0))
    wait_for(lambda: box._publisher is not None and box._publisher._producer is not None)

    def child():
        box.event(event(1))
        assert box.close(0.2) == 1

    assert in_child(child) == 0
    assert box.close(0.2) == 1


def _publish_for_ever(folder, url, attempt, finished):
    outbox._EVERY_S = 0.001
    box = Outbox(folder, lambda: HttpPublisher(url))
    for number in range(10**6):
        box.event(event(attempt * 10**6 + number))
        finished[attempt] = number + 1
        if number % 50 == 49:
            time.sleep(0.001)


def _take_and_wait(gateway, taken, killed):
    def answer(messages):
        gateway.taken.extend(messages)
        taken.set()
        killed.wait()
        return "drop"

    return answer


def test_killed_while_publishing_at_200_moments_nothing_is_lost_and_copies_are_the_same(tmp_path, gateway):
    rng = random.Random(11)
    context = get_context("fork")
    finished = context.Array("q", 200, lock=False)
    for attempt in range(200):
        # some on purpose between a batch and its acknowledgement, where chance seldom comes
        taken, killed = threading.Event(), threading.Event()
        is_held = attempt % 20 == 19
        if is_held:
            gateway.answers.append(_take_and_wait(gateway, taken, killed))
        child = context.Process(target=_publish_for_ever, args=(tmp_path, gateway.url, attempt, finished))
        child.start()
        while finished[attempt] == 0:
            time.sleep(0.0005)
        if is_held:
            assert taken.wait(30)
        else:
            time.sleep(rng.random() * 0.01)
        os.kill(child.pid, signal.SIGKILL)
        child.join()
        killed.set()
    box = Outbox(tmp_path, lambda: HttpPublisher(gateway.url))
    box.event(event(10**12))
    assert box.close(30) == 0
    copies = {}
    for number, value in zip(numbers(gateway.taken), gateway.taken):
        assert copies.setdefault(number, value) == value
    for attempt in range(200):
        missing = [n for n in range(finished[attempt]) if attempt * 10**6 + n not in copies]
        assert missing == []
    assert len(copies) < len(gateway.taken), "no kill came between a batch and its acknowledgement"
