"""The journal that outlives its process: torn anywhere, damaged anywhere, full disks, readers that follow."""

import errno
import os
import shutil
import threading
from types import SimpleNamespace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gpu_probe.device.live_step import LiveStep
from gpu_probe.journal import MAGIC, Journal, JournalError, JournalReader, Place, entries, read_begun
from gpu_probe.journal import file as journal
from gpu_probe.journal.begun import BegunSteps
from gpu_probe.journal.entries import NO_ROWS, Manifest


def bodies(folder, place=None):
    reader = JournalReader(folder, place)
    found = list(reader.read())
    reader.close()
    return found


def write(folder, records, **options):
    log = Journal(folder, **options)
    for record in records:
        assert log.append(record)
    return log


def test_what_is_written_is_read_in_order_over_segments(tmp_path):
    records = [bytes([number % 251 + 1]) * (number % 60 + 1) for number in range(400)]
    log = write(tmp_path / "j", records, segment_bytes=1024)
    assert bodies(tmp_path / "j") == records
    assert len(list((tmp_path / "j").glob("*.journal"))) > 10
    log.close()


@settings(max_examples=50)
@given(st.lists(st.one_of(st.binary(min_size=1, max_size=300), st.none(), st.just("prepare")), max_size=60))
def test_a_reader_that_follows_sees_each_record_once(tmp_path_factory, actions):
    folder = tmp_path_factory.mktemp("journal") / "j"
    log, reader = Journal(folder, segment_bytes=512), JournalReader(folder)
    written, read = [], []
    for action in actions:
        if action is None:
            read += reader.read()
        elif action == "prepare":
            log.prepare()
        else:
            log.append(action)
            written.append(action)
    read += reader.read()
    assert read == written
    log.close()


RECORDS = [b"first", b"second", bytes(range(1, 33))]
LAST = 8 + len(RECORDS[-1])


@pytest.mark.parametrize("at", range(LAST))
def test_a_damaged_byte_anywhere_in_the_last_record_costs_that_record_only(tmp_path, at):
    write(tmp_path / "j", RECORDS).close()
    (path,) = (tmp_path / "j").glob("*.journal")
    place = len(MAGIC) + sum(8 + len(record) for record in RECORDS) - LAST + at
    with open(path, "r+b") as file:
        file.seek(place)
        byte = file.read(1)[0]
        file.seek(place)
        file.write(bytes([byte ^ 0x55]))
    assert bodies(tmp_path / "j") == RECORDS[:-1]


@pytest.mark.parametrize("length", range(LAST + 1))
def test_a_record_torn_at_any_byte_costs_that_record_only(tmp_path, length):
    """Pages that a machine's end did not bring to the disk are zeros, or missing."""
    write(tmp_path / "j", RECORDS).close()
    (path,) = (tmp_path / "j").glob("*.journal")
    end = len(MAGIC) + sum(8 + len(record) for record in RECORDS)
    whole = RECORDS if length == LAST else RECORDS[:-1]
    os.truncate(path, end - LAST + length)
    assert bodies(tmp_path / "j") == whole
    os.truncate(path, end + 100)
    assert bodies(tmp_path / "j") == whole


@pytest.mark.parametrize("kept", range(len(MAGIC) + 1))
def test_a_segment_torn_in_its_first_bytes_is_read_as_empty(tmp_path, kept):
    write(tmp_path / "j", []).close()
    (path,) = (tmp_path / "j").glob("*.journal")
    os.truncate(path, kept)
    assert bodies(tmp_path / "j") == []


def test_reading_goes_on_from_a_place(tmp_path):
    log = write(tmp_path / "j", [b"a", b"b"])
    reader = JournalReader(tmp_path / "j")
    assert list(reader.read()) == [b"a", b"b"]
    place = reader.place
    log.append(b"c")
    assert bodies(tmp_path / "j", place) == [b"c"]
    assert place == Place(0, len(MAGIC) + 18)
    log.close()


def test_a_full_disk_is_counted_and_writing_goes_on_when_there_is_room(tmp_path, monkeypatch):
    log = Journal(tmp_path / "j", segment_bytes=256)

    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    reserve = os.posix_fallocate
    monkeypatch.setattr(journal.os, "posix_fallocate", full)
    taken = sum(log.append(b"x" * 20) for _ in range(30))
    assert 0 < taken < 30 and log.lost == 30 - taken
    assert not list((tmp_path / "j").glob("00000001*")), "nothing half made stays on the disk"
    monkeypatch.setattr(journal.os, "posix_fallocate", reserve)
    assert log.append(b"y" * 20)
    assert bodies(tmp_path / "j") == [b"x" * 20] * taken + [b"y" * 20]
    log.close()


def test_the_writer_is_gone_once_it_is_closed(tmp_path):
    log = write(tmp_path / "j", [b"a"])
    reader = JournalReader(tmp_path / "j")
    assert not reader.writer_is_gone()
    log.close()
    assert reader.writer_is_gone()
    assert not log.append(b"x" * (journal.SEGMENT_BYTES // 2)) and log.lost == 1


def test_one_writer_a_folder(tmp_path):
    log = write(tmp_path / "j", [])
    with pytest.raises(FileExistsError):
        Journal(tmp_path / "j")
    log.close()
    shutil.rmtree(tmp_path / "j")


def test_a_folder_that_cannot_be_reserved_is_told(tmp_path, monkeypatch):
    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(journal.os, "posix_fallocate", full)
    with pytest.raises(JournalError, match="no room"):
        Journal(tmp_path / "j")


ANNOUNCED = LiveStep(7, 3, 9, 0)
ANNOUNCED.is_announced = True


class WatchedLock:
    """A lock that tells when somebody has to wait for it."""

    def __init__(self, contended):
        self._lock, self._contended = threading.Lock(), contended

    def __enter__(self):
        if not self._lock.acquire(blocking=False):
            self._contended.set()
            assert self._lock.acquire(timeout=10)

    def __exit__(self, *_):
        self._lock.release()


@pytest.mark.parametrize("is_prepared_first", [True, False])
def test_a_segment_is_made_once_when_a_writer_needs_it_while_it_is_prepared(
    tmp_path, monkeypatch, is_prepared_first
):
    """Made twice, the second one truncates the file under the first one's map, which ends the process."""
    begun, met, opened = threading.Event(), threading.Event(), []
    monkeypatch.setattr(journal, "threading", SimpleNamespace(Lock=lambda: WatchedLock(met)))
    # Segment 0 has no room for a ninth record.
    log = write(tmp_path / "j", [b"x" * 20] * 8, segment_bytes=256)
    open_file = journal.open_file

    def open_slowly(path, mode):
        opened.append(path.name)
        if len(opened) > 1:
            met.set()
            raise OSError(errno.EEXIST, "made twice")
        begun.set()
        assert met.wait(10)
        return open_file(path, mode)

    monkeypatch.setattr(journal, "open_file", open_slowly)

    def append():
        log.append(b"y" * 20)

    first, second = (log.prepare, append) if is_prepared_first else (append, log.prepare)
    threads = [threading.Thread(target=first), threading.Thread(target=second)]
    threads[0].start()
    assert begun.wait(10)
    threads[1].start()
    for thread in threads:
        thread.join(20)
    assert opened == ["00000001.journal"]
    assert bodies(tmp_path / "j") == [b"x" * 20] * 8 + [b"y" * 20]
    log.close()


@pytest.mark.parametrize(
    "body, kind, value",
    [
        (entries.started_entry(7, 3, 9), entries.STARTED, (7, 3, 9)),
        (
            entries.rows_entry(ANNOUNCED, 4, Manifest((1, 2), (3, 4), (5, -6))),
            entries.ROWS,
            ((7, 3, 9), True, 4, ((1, 2), (3, 4), (5, -6))),
        ),
        (
            entries.rows_entry(LiveStep(7, 3, 9, 0), 4, NO_ROWS),
            entries.ROWS,
            ((7, 3, 9), False, 4, ((), (), ())),
        ),
        (entries.repeat_entry(LiveStep(7, 3, 9, 0), 4, 5), entries.REPEAT, ((7, 3, 9), False, 4, 5)),
        (entries.closed_entry(4, 5, "timeout", None), entries.CLOSED, (4, 5, "timeout", None)),
        (entries.closed_entry(4, 5, "ok", 0), entries.CLOSED, (4, 5, "ok", 0)),
        (entries.measured_entry(1, 2, 3, 4, 5, 6, 1, None), entries.MEASURED, (1, 2, 3, 4, 5, 6, 1, None)),
        (entries.measured_entry(1, 2, 3, 4, 5, 6, 0, 0), entries.MEASURED, (1, 2, 3, 4, 5, 6, 0, 0)),
        (entries.missed_entry(1, 2, 3), entries.MISSED, (1, 2, 3)),
        (entries.power_entry(1, 2, 3, None, 0), entries.POWER, (1, 2, 3, None, 0)),
        (entries.memory_entry(1, 2, 3), entries.MEMORY, (2, 3)),
        (entries.instant_entry(entries.LOST, 1, 2), entries.LOST, (1, 2)),
        (entries.instant_entry(entries.CLOCK_SET, 1, -2), entries.CLOCK_SET, (1, -2)),
        (
            entries.json_entry(entries.SPAN, {"phase": "load", "model": "ü"}),
            entries.SPAN,
            {"phase": "load", "model": "ü"},
        ),
    ],
)
def test_entries_come_back(body, kind, value):
    entry = entries.decode(body)
    assert entry.kind == kind
    got = entry.value[-2:] if kind == entries.MEMORY else entry.value
    assert got == value


def test_steps_that_are_being_launched_are_found_until_they_are_in_the_journal(tmp_path):
    log = write(tmp_path / "j", [])
    first, second = log.begun.note(0, 3, 1000), log.begun.note(1, 4, 2000)
    assert read_begun(tmp_path / "j") == [(0, 3, 1000), (1, 4, 2000)]
    log.begun.forget(first)
    assert read_begun(tmp_path / "j") == [(1, 4, 2000)]
    log.begun.forget(second)
    assert read_begun(tmp_path / "j") == []
    log.close()
    assert log.begun.note(2, 0, 3000) is None


def test_there_is_an_end_of_slots_and_each_is_used_again(tmp_path):
    begun = BegunSteps(tmp_path)
    slots = [begun.note(step, 0, step) for step in range(200)]
    taken = [slot for slot in slots if slot is not None]
    assert len(set(taken)) == len(taken) == 4096 // 32
    begun.forget(taken[5])
    assert begun.note(1000, 0, 1000) == taken[5]
    assert (1000, 0, 1000) in read_begun(tmp_path) and (5, 0, 5) not in read_begun(tmp_path)


@pytest.mark.parametrize("written", range(33))
def test_a_slot_torn_at_any_byte_names_no_step_that_was_not_begun(tmp_path, written):
    """Written from its first byte on; the process died before it launched anything."""
    begun = BegunSteps(tmp_path)
    begun.forget(begun.note(7, 1, 2**40))
    before = (tmp_path / "begun").read_bytes()
    begun.note(2**33 + 9, 5, 2**41)
    after = (tmp_path / "begun").read_bytes()
    (at,) = [at for at in range(0, 4096, 32) if after[at : at + 32] != before[at : at + 32]]
    torn = before[:at] + after[at : at + written] + before[at + written :]
    (tmp_path / "begun").write_bytes(torn)
    assert read_begun(tmp_path) == ([(2**33 + 9, 5, 2**41)] if written >= 29 else [])


def test_a_journal_without_the_page_or_with_a_cut_one_names_nobody(tmp_path):
    assert read_begun(tmp_path) == []
    (tmp_path / "begun").write_bytes(b"\x01" * 31)
    assert read_begun(tmp_path) == []


def test_a_forked_child_leaves_the_page_to_its_parent(tmp_path):
    log = write(tmp_path / "j", [])
    slot = log.begun.note(0, 3, 1000)
    log.detach()
    log.begun.forget(slot)
    assert read_begun(tmp_path / "j") == [(0, 3, 1000)]


def test_another_versions_journal_is_known_by_its_first_bytes(tmp_path):
    log = write(tmp_path / "j", [b"a"])
    log.close()
    reader = JournalReader(tmp_path / "j")
    (path,) = (tmp_path / "j").glob("*.journal")
    for magic, is_foreign in ((MAGIC, False), (b"GPJRN01\n", True), (bytes(8), False), (MAGIC[:3], False)):
        path.write_bytes(magic + path.read_bytes()[8:] if len(magic) == 8 else magic)
        assert reader.is_foreign() == is_foreign


def test_a_step_that_begins_while_the_journal_closes_has_no_slot_or_a_lost_one(tmp_path):
    begun = BegunSteps(tmp_path)

    class Closing(list):
        def pop(self):
            begun.close()
            return super().pop()

        def append(self, slot):
            begun.close()
            super().append(slot)

    begun._free = Closing(begun._free)
    begun.forget(begun.note(0, 3, 1000))
    assert begun.note(1, 3, 1000) is None
