"""Reading while somebody writes: every record once, in order."""

import random

from hypothesis import given, settings
from hypothesis import strategies as st

from gpu_probe.wal import MAGIC, Cursor, Wal

KEY = bytes(16)


def drain(cursor):
    entries = []
    entry = cursor.next()
    while entry is not None:
        entries.append((entry.position, entry.value))
        entry = cursor.next()
    return entries


@settings(max_examples=200)
@given(
    actions=st.lists(
        st.sampled_from(["append", "append", "read", "acknowledge", "fail", "reopen"]), max_size=60
    ),
    seed=st.integers(0, 999),
)
def test_a_reader_sees_each_record_once_whatever_the_writer_does(tmp_path_factory, actions, seed):
    rng = random.Random(seed)
    folder = tmp_path_factory.mktemp("wal")
    wal = Wal(folder, segment_bytes=120)
    cursor, written, read = wal.cursor(), [], []
    for action in actions:
        if action == "append":
            value = bytes(rng.randrange(40))
            written.append((wal.append(KEY, value), value))
        elif action == "read":
            entry = cursor.next()
            read += [(entry.position, entry.value)] if entry else []
        elif action == "acknowledge" and read:
            wal.acknowledge(read[-1][0] + 1)
        elif action == "fail":
            wal._abandon_segment()
        elif action == "reopen":
            wal.close()
            wal = Wal(folder, segment_bytes=120)
    read += drain(cursor)
    wal.close()
    assert read == written


def test_a_cursor_begins_behind_the_watermark_and_follows(tmp_path):
    with Wal(tmp_path, segment_bytes=200) as wal:
        for number in range(50):
            wal.append(KEY, b"%d" % number)
        wal.acknowledge(33)
        cursor = wal.cursor()
        assert [position for position, _ in drain(cursor)] == list(range(33, 50))
        wal.append(KEY, b"more")
        assert drain(cursor) == [(50, b"more")]


def test_half_a_record_is_waited_for(tmp_path):
    with Wal(tmp_path) as wal:
        wal.append(KEY, b"first")
        wal.append(KEY, b"second")
    (path,) = tmp_path.glob("*.wal")
    whole = path.read_bytes()
    path.write_bytes(b"")
    cursor = Cursor(tmp_path, 0)
    seen = []
    for end in range(len(whole) + 1):
        path.write_bytes(whole[:end])
        seen.append(drain(cursor))
    assert [entries for entries in seen if entries] == [[(0, b"first")], [(1, b"second")]]


def test_a_damaged_segment_is_jumped_over_once_there_is_a_next_one(tmp_path):
    with Wal(tmp_path, segment_bytes=60) as wal:
        for number in range(6):
            wal.append(KEY, b"%d" % number)
        second = sorted(tmp_path.glob("*.wal"))[1]
        second.write_bytes(b"X" + second.read_bytes()[1:])
        positions = [position for position, _ in drain(wal.cursor())]
        lost = range(int(second.stem), int(sorted(tmp_path.glob("*.wal"))[2].stem))
        assert positions == [at for at in range(6) if at not in lost]


def test_a_segment_that_the_disk_did_not_even_begin_costs_nothing(tmp_path, monkeypatch):
    """The head of a new segment meets a full disk: nothing grows, and room is used when it is back."""
    import errno

    import gpu_probe.wal.log as log

    real = log.open_file

    class Full:
        def __init__(self, file):
            self._file = file

        def write(self, data):
            self._file.write(data[:3])
            raise OSError(errno.ENOSPC, "No space left on device")

        def __getattr__(self, name):
            return getattr(self._file, name)

    with Wal(tmp_path, segment_bytes=100) as wal:
        while wal._file is None or wal._file_bytes < 70:
            wal.append(KEY, b"x" * 8)
        count = wal.end
        monkeypatch.setattr(log, "open_file", lambda *args, **named: Full(real(*args, **named)))
        assert wal.append(KEY, b"y" * 30) is None
        assert wal.append(KEY, b"y" * 30) is None
        monkeypatch.setattr(log, "open_file", real)
        on_disk = sum(path.stat().st_size for path in tmp_path.glob("*.wal"))
        assert on_disk < 100
        assert wal.append(KEY, b"z") == count
        assert drain(wal.cursor())[-1] == (count, b"z")
        assert wal._bytes == sum(path.stat().st_size for path in tmp_path.glob("*.wal"))
    assert MAGIC
