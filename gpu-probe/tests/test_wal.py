"""What was appended is there again, whatever happened to the process or the last record."""

import errno
import multiprocessing
import os
import random
import signal
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gpu_probe.wal import MAGIC, Wal, WalError, read_log

KEY = bytes(range(16))


def fill(folder, count, **options):
    with Wal(folder, **options) as wal:
        for number in range(count):
            assert wal.append(number.to_bytes(16, "big"), b"value %d" % number) == number


def values(wal):
    return [(entry.position, entry.value) for entry in wal.pending()]


def test_records_come_back_in_order_over_segments(tmp_path):
    fill(tmp_path, 100, segment_bytes=300)
    assert len(list(tmp_path.glob("*.wal"))) > 10
    with Wal(tmp_path) as wal:
        assert values(wal) == [(number, b"value %d" % number) for number in range(100)]
        assert wal.append(KEY, b"more") == 100


def test_the_watermark_survives_and_frees_segments(tmp_path):
    fill(tmp_path, 100, segment_bytes=300)
    before = len(list(tmp_path.glob("*.wal")))
    with Wal(tmp_path, segment_bytes=300) as wal:
        wal.acknowledge(70)
        wal.acknowledge(60)
        assert wal.acknowledged == 70
    assert len(list(tmp_path.glob("*.wal"))) < before / 2
    with Wal(tmp_path) as wal:
        assert [position for position, _ in values(wal)] == list(range(70, 100))
        wal.acknowledge(100)
        assert not list(tmp_path.glob("*.wal"))
        assert wal.append(KEY, b"next") == 100
    with Wal(tmp_path) as wal:
        assert values(wal) == [(100, b"next")]


@pytest.mark.parametrize("cut", range(1, 8 + 16 + 8 + 1))
def test_a_record_torn_at_any_byte_costs_that_record_only(tmp_path, cut):
    fill(tmp_path, 3)
    (path,) = tmp_path.glob("*.wal")
    os.truncate(path, path.stat().st_size - cut if cut < 8 + 16 + 7 else path.stat().st_size - 31)
    with Wal(tmp_path) as wal:
        assert values(wal) == [(0, b"value 0"), (1, b"value 1")]
        assert wal.append(KEY, b"anew") == 2
        assert values(wal)[2] == (2, b"anew")


@pytest.mark.parametrize("at", range(8 + 16 + 7))
def test_a_damaged_byte_anywhere_in_the_last_record_is_found(tmp_path, at):
    fill(tmp_path, 3)
    (path,) = tmp_path.glob("*.wal")
    data = bytearray(path.read_bytes())
    data[len(data) - 31 + at] ^= 0x40
    path.write_bytes(data)
    with Wal(tmp_path) as wal:
        assert values(wal) == [(0, b"value 0"), (1, b"value 1")]
        assert wal.damaged_segments == 1
        assert wal.append(KEY, b"anew") == 2


@pytest.mark.parametrize("length", range(len(MAGIC) + 1))
def test_a_segment_torn_in_its_first_bytes_is_begun_again(tmp_path, length):
    (tmp_path / f"{0:020d}.wal").write_bytes(MAGIC[:length])
    with Wal(tmp_path) as wal:
        assert wal.append(KEY, b"first") == 0
        assert values(wal) == [(0, b"first")]


@settings(max_examples=50)
@given(data=st.binary(max_size=200), position=st.integers(0, 10**6))
def test_any_bytes_in_a_segment_are_survived(tmp_path_factory, data, position):
    folder = tmp_path_factory.mktemp("wal")
    (folder / f"{position:020d}.wal").write_bytes(MAGIC + data)
    with Wal(folder) as wal:
        at = wal.append(KEY, b"good")
        assert values(wal)[-1] == (at, b"good")


def test_a_bad_watermark_sends_again_rather_than_skips(tmp_path):
    fill(tmp_path, 3)
    (tmp_path / "acknowledged").write_bytes(b"\xff" * 12)
    with Wal(tmp_path) as wal:
        assert len(values(wal)) == 3


def test_the_bound_refuses_and_room_comes_back_with_acknowledgement(tmp_path):
    with Wal(tmp_path, max_bytes=400, segment_bytes=200) as wal:
        taken = 0
        while wal.append(KEY, b"x" * 30) is not None:
            taken += 1
        assert 3 <= taken <= 7
        assert sum(path.stat().st_size for path in tmp_path.glob("*.wal")) <= 400
        wal.acknowledge(wal.end)
        assert wal.append(KEY, b"x" * 30) == taken


def test_a_full_disk_refuses_and_leaves_whole_records(tmp_path, monkeypatch):
    with Wal(tmp_path) as wal:
        wal.append(KEY, b"before")
        file = wal._file

        class Full:
            """Takes half of the next record, as a disk does that is nearly full."""

            name = file.name

            def write(self, data):
                file.write(data[: len(data) // 2])
                raise OSError(errno.ENOSPC, "No space left on device")

            def fileno(self):
                return file.fileno()

            def close(self):
                file.close()

        monkeypatch.setattr(wal, "_file", Full())
        assert wal.append(KEY, b"lost") is None
        assert wal.append(KEY, b"after") == 1
        assert values(wal) == [(0, b"before"), (1, b"after")]
    with Wal(tmp_path) as wal:
        assert wal.damaged_segments == 0


def test_two_processes_do_not_write_one_log(tmp_path):
    with Wal(tmp_path):
        with pytest.raises(WalError, match="in use"):
            Wal(tmp_path)
        assert list(read_log(tmp_path)) == []


def test_keys_have_16_bytes(tmp_path):
    with Wal(tmp_path) as wal, pytest.raises(ValueError, match="16 bytes"):
        wal.append(b"short", b"value")


def _write_for_ever(folder, ready):
    with Wal(folder, segment_bytes=4096) as wal:
        for number in range(10**9):
            wal.append(number.to_bytes(16, "big"), b"x" * (number % 97))
            ready.value = number


def test_killed_at_any_moment_every_finished_append_is_there(tmp_path):
    rng = random.Random(5)
    context = multiprocessing.get_context("fork")
    for attempt in range(20):
        folder = tmp_path / str(attempt)
        done = context.Value("q", -1, lock=False)
        child = context.Process(target=_write_for_ever, args=(folder, done))
        child.start()
        while done.value < 0:
            time.sleep(0.0005)
        time.sleep(rng.random() * 0.01)
        os.kill(child.pid, signal.SIGKILL)
        child.join()
        finished = done.value
        with Wal(folder) as wal:
            read = list(wal.pending())
        assert len(read) >= finished + 1
        for number, entry in enumerate(read):
            assert (entry.key, entry.value) == (number.to_bytes(16, "big"), b"x" * (number % 97))
