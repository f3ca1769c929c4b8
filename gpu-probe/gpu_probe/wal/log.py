"""Writing a log."""

from __future__ import annotations

import contextlib
import os
import struct
import threading
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from ..folders import lock_file, make_folder, open_file, write_file
from .cursor import Cursor
from .segment import KEY_BYTES, MAGIC, Entry, read_log, record_bytes, scan, segments_of

SEGMENT_BYTES = 16 * 1024 * 1024
MAX_BYTES = 1024 * 1024 * 1024
_MARK = struct.Struct("<QI")


class WalError(RuntimeError):
    """The folder cannot be used; the text says why."""


class Wal:
    """``max_bytes`` bounds the folder: what would exceed it is refused, as is what a full disk cannot take.

    ``sync`` also survives power loss, at the price of a disk flush per record; without it a record survives
    the death of the process. One thread may append while another acknowledges.
    """

    def __init__(
        self,
        folder: str | Path,
        max_bytes: int = MAX_BYTES,
        segment_bytes: int = SEGMENT_BYTES,
        sync: bool = False,
    ) -> None:
        self._folder = Path(folder)
        self._max_bytes = max_bytes
        self._segment_bytes = segment_bytes
        self._sync = sync
        self._file: IO[bytes] | None = None
        self._file_bytes = 0
        self._guard = threading.Lock()
        self.damaged_segments = 0
        make_folder(self._folder)
        self._lock = self._take_lock()
        self._acked = self._read_mark()
        self._next = self._acked
        self._bytes = 0
        for start, path in segments_of(self._folder):
            records, damaged = scan(path)
            self.damaged_segments += damaged
            self._next = max(self._next, start + records)
            self._bytes += path.stat().st_size

    @property
    def acknowledged(self) -> int:
        """All records before this position are acknowledged."""
        return self._acked

    @property
    def end(self) -> int:
        """Position of the next record."""
        return self._next

    def append(self, key: bytes, value: bytes) -> int | None:
        """Writes a record; its position, or None where the bound or the disk leaves no room."""
        if len(key) != KEY_BYTES:
            raise ValueError(f"a key has {KEY_BYTES} bytes, not {len(key)}")
        record = record_bytes(key, value)
        with self._guard:
            return self._append(record)

    def _append(self, record: bytes) -> int | None:
        if self._bytes + len(record) + len(MAGIC) > self._max_bytes:
            return None
        try:
            file = self._writable(len(record))
            if file.write(record) != len(record):
                raise OSError("the disk took only a part of the record")
            if self._sync:
                os.fsync(file.fileno())
        except OSError:
            self._abandon_segment()
            return None
        self._file_bytes += len(record)
        self._bytes += len(record)
        self._next += 1
        return self._next - 1

    def pending(self) -> Iterator[Entry]:
        """Records that are not acknowledged, oldest first."""
        return (entry for entry in read_log(self._folder) if entry.position >= self._acked)

    def acknowledge(self, upto: int) -> None:
        """Everything before this position was received.

        Never goes back; removes segments that are done with.
        """
        with self._guard:
            if upto > self._acked:
                self._acknowledge(min(upto, self._next))

    def _acknowledge(self, upto: int) -> None:
        self._acked = upto
        body = _MARK.pack(self._acked, zlib.crc32(struct.pack("<Q", self._acked)))
        temporary = self._folder / "acknowledged.new"
        # On a full disk the old mark stays: some records would be sent again after a restart, none is lost.
        with contextlib.suppress(OSError):
            write_file(temporary, body)
            os.replace(temporary, self._folder / "acknowledged")
        segments = segments_of(self._folder)
        for (_, path), following in zip(segments, [start for start, _ in segments[1:]] + [self._next]):
            if following > self._acked:
                break
            if self._file is not None and path.samefile(self._file.name):
                self._close_segment()
            self._bytes -= path.stat().st_size
            path.unlink()

    def cursor(self) -> Cursor:
        """Reads what is not acknowledged, and what is appended from now on."""
        return Cursor(self._folder, self._acked)

    def close(self) -> None:
        """Frees the folder.

        In a fork's child it closes the copies, and the parent keeps log and lock.
        """
        self._close_segment()
        os.close(self._lock)

    def __enter__(self) -> Wal:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _take_lock(self) -> int:
        lock = lock_file(self._folder / "lock")
        if lock is None:
            raise WalError(f"{self._folder} is in use by another process")
        return lock

    def _read_mark(self) -> int:
        try:
            data = (self._folder / "acknowledged").read_bytes()
        except FileNotFoundError:
            return 0
        if len(data) == _MARK.size:
            acked, crc = _MARK.unpack(data)
            if zlib.crc32(data[:8]) == crc:
                return int(acked)
        # Sending again is harmless (copies carry the same id), skipping is not.
        return 0

    def _writable(self, size: int) -> IO[bytes]:
        if self._file is not None and self._file_bytes + size > self._segment_bytes:
            self._close_segment()
        if self._file is None:
            path = self._folder / f"{self._next:020d}.wal"
            # A leftover of that name holds no whole record, or its records would have moved the position.
            if path.exists():
                self._bytes -= path.stat().st_size
            self._file = open_file(path, "wb", buffering=0)
            self._file_bytes = 0
            if self._file.write(MAGIC) != len(MAGIC):
                raise OSError("the disk took only a part of the segment's head")
            self._file_bytes = len(MAGIC)
            self._bytes += len(MAGIC)
        return self._file

    def _close_segment(self) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None

    def _abandon_segment(self) -> None:
        """After a failed write the segment may end in half a record: give the bytes back and begin a new
        one."""
        if self._file is None:
            return
        with contextlib.suppress(OSError):
            os.ftruncate(self._file.fileno(), self._file_bytes)
        self._close_segment()
