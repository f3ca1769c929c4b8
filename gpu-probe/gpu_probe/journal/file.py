"""The files of a journal.

A folder with a lock held by the writer and numbered segments of fixed size, written through a memory map: a
record costs no system call and is safe as soon as it is written, because the pages outlive the process
(``kill -9``), though not the machine. A segment is a magic of 8 bytes, then records::

    u32 length of the body | u32 CRC-32 of the body | body

little endian; length 0 is the end so far, 0xFFFFFFFF the end of the segment.
"""

from __future__ import annotations

import contextlib
import ctypes
import mmap
import os
import struct
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple
from zlib import crc32

from ..folders import FOLDER_MODE, lock_file, make_folder, open_file
from .begun import BegunSteps

MAGIC = b"GPJRN02\n"
SEGMENT_BYTES = 4 * 1024 * 1024
_CHUNK_BYTES = 64 * 1024
_HEAD = struct.Struct("<II")
_HEAD_BYTES = _HEAD.size
_TURN = 0xFFFFFFFF
_GAP_BYTES = 64
_POPULATE_WRITE = 23  # MADV_POPULATE_WRITE
_TURN_BYTES = _TURN.to_bytes(4, "little")


class JournalError(RuntimeError):
    """The folder cannot be used; the text says why."""


class Place(NamedTuple):
    """A position in a journal: everything before it was read."""

    segment: int = 0
    offset: int = len(MAGIC)


class Journal:
    """Writes. ``append`` may be called from any thread, does not block on a disk and does not raise: what
    finds no room on a full disk is counted in ``lost``, and ``gap`` makes of that number the first record
    that finds room again."""

    def __init__(
        self,
        folder: Path,
        segment_bytes: int = SEGMENT_BYTES,
        gap: Callable[[int], bytes] | None = None,
    ) -> None:
        self.folder = folder
        self.lost = 0
        self._lost_reported = 0
        self._gap = gap
        self._segment_bytes = segment_bytes
        self._number = -1
        self._map: mmap.mmap | None = None
        self._next: mmap.mmap | None = None
        self._at = 0
        self.mutex = threading.Lock()
        self._making = threading.Lock()
        make_folder(folder.parent)
        folder.mkdir(FOLDER_MODE)
        self._lock = lock_file(folder / "writer.lock")
        if self._lock is None:
            raise JournalError(f"{folder} is written by another process")
        if not self._turn(0):
            raise JournalError(f"{folder}: no room for a journal")
        try:
            self.begun = BegunSteps(folder)
        except OSError as error:
            raise JournalError(f"{folder}: no room for a journal") from error

    def append(self, body: bytes) -> bool:
        """Whether there was room."""
        with self.mutex:
            return self.put(body)

    def put(self, body: bytes) -> bool:
        """The same, for whoever holds ``mutex`` and writes several entries with nothing in between."""
        length = len(body)
        if self._at + length + 2 * _HEAD_BYTES > self._segment_bytes and not self._turn(length):
            self.lost += 1
            return False
        view = self._map
        if view is None:
            self.lost += 1
            return False
        at = self._at
        self._at = end = at + _HEAD_BYTES + length
        # The sum tells a reader that meets half of it.
        view[at:end] = _HEAD.pack(length, crc32(body)) + body
        return True

    def detach(self) -> None:
        """In a forked child: the journal is its parent's, which keeps the lock."""
        self.mutex = threading.Lock()
        self._making = threading.Lock()
        self.close()

    def close(self) -> None:
        """Gives up the lock: readers take the journal as complete."""
        self.begun.close()
        with self.mutex, self._making:
            self._map = self._next = None
            if self._lock is not None:
                os.close(self._lock)
                self._lock = None

    def prepare(self) -> None:
        """Makes the next segment before it is needed. For a thread that may wait for the disk: the first
        touch of each page costs microseconds."""
        with self._making:
            # A writer may have made it meanwhile: made again, it would be truncated under its map.
            if self._next is None and self._lock is not None and self._at > self._segment_bytes // 2:
                self._next = self._create(self._number + 1)

    def _turn(self, length: int) -> bool:
        """Begins the next segment, with room for a record of that length."""
        if length + 16 + len(MAGIC) + _GAP_BYTES > self._segment_bytes or self._lock is None:
            return False
        with self._making:
            fresh = self._next or self._create(self._number + 1)
            self._next = None
            if fresh is None:
                return False
            if self._map is not None:
                self._map[self._at : self._at + 4] = _TURN_BYTES
            self._map, self._at, self._number = fresh, len(MAGIC), self._number + 1
        if self._gap is not None and self.lost != self._lost_reported:
            body = self._gap(self.lost - self._lost_reported)
            self._lost_reported = self.lost
            self.put(body)
        return True

    def _create(self, number: int) -> mmap.mmap | None:
        """A segment, None where the disk has no room. Its blocks are reserved first: a map over a hole would
        end the process on a full disk."""
        path = self.folder / f"{number:08d}.journal"
        try:
            with open_file(path, "w+b") as file:
                os.posix_fallocate(file.fileno(), 0, self._segment_bytes)
                fresh = mmap.mmap(file.fileno(), self._segment_bytes)
        except OSError:
            with contextlib.suppress(OSError):
                path.unlink()
            return None
        _touch(fresh)
        fresh[: len(MAGIC)] = MAGIC
        return fresh


class JournalReader:
    """Reads from a place on, as far as the writer has come."""

    def __init__(self, folder: Path, place: Place | None = None) -> None:
        self.folder = folder
        self.place = Place() if place is None else place
        self._file: int | None = None
        self._data = b""
        self._data_at = 0

    def read(self) -> Iterator[bytes]:
        """The whole records there are by now. A torn one at the end is not one."""
        while True:
            body = self._next()
            if body is None:
                return
            yield body

    def is_foreign(self) -> bool:
        """Whether another version of gpu-probe wrote the journal."""
        for path in _segments(self.folder)[:1]:
            with open(path, "rb") as file:
                magic = file.read(len(MAGIC))
            return magic.startswith(MAGIC[:5]) and len(magic) == len(MAGIC) and magic != MAGIC
        return False

    def writer_is_gone(self) -> bool:
        """Whether nobody writes any more; what is there then is all there will be."""
        lock = lock_file(self.folder / "writer.lock")
        if lock is None:
            return False
        os.close(lock)
        return True

    def forget(self, before: int) -> None:
        """Removes the segments with smaller numbers."""
        for path in _segments(self.folder):
            if int(path.stem) < before:
                path.unlink()

    def close(self) -> None:
        if self._file is not None:
            os.close(self._file)
            self._file = None

    def _next(self) -> bytes | None:
        body = self._parse()
        if body is None:
            self._refill()
            body = self._parse()
        return body

    def _refill(self) -> None:
        segment, offset = self.place
        self._data, self._data_at = b"", offset
        if self._file is None:
            try:
                self._file = os.open(self.folder / f"{segment:08d}.journal", os.O_RDONLY)
            except FileNotFoundError:
                return
        head = os.pread(self._file, 4, offset)
        length = int.from_bytes(head, "little")
        if length == _TURN:
            self.close()
            self.place = Place(segment + 1)
            self._refill()
        elif length:
            self._data = os.pread(self._file, max(_CHUNK_BYTES, _HEAD.size + length), offset)

    def _parse(self) -> bytes | None:
        """The record at the place, where what was read holds it whole. At the tail, what was read may be
        older than what is there by now."""
        at = self.place.offset - self._data_at
        if len(self._data) - at < _HEAD.size:
            return None
        length, crc = _HEAD.unpack_from(self._data, at)
        body = self._data[at + _HEAD.size : at + _HEAD.size + length]
        if length == 0 or length == _TURN or len(body) < length or crc32(body) != crc:
            return None
        self.place = Place(self.place.segment, self.place.offset + _HEAD.size + length)
        return body


def _touch(pages: mmap.mmap) -> None:
    """Maps every page for writing, where the kernel can (Linux 5.14); without, each costs at its first touch.
    Through ctypes, which lets other threads run meanwhile."""
    start = ctypes.c_char.from_buffer(pages)
    try:
        ctypes.CDLL(None).madvise(
            ctypes.c_void_p(ctypes.addressof(start)), ctypes.c_size_t(len(pages)), _POPULATE_WRITE
        )
    except (OSError, AttributeError):
        return


def _segments(folder: Path) -> list[Path]:
    return sorted(folder.glob("*.journal"))
