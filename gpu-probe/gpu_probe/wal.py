"""Write-ahead log of finished events: on disk before anything is sent, kept until the receiver acknowledged.

A folder of segments, each named by the number of its first record, and a file with the watermark (how many
records are acknowledged). A segment is a magic of 8 bytes, then records::

    u32 length of key and value | u32 CRC-32 of the length, key and value | 16 bytes key | value

both numbers little endian.

A process that dies while writing leaves a torn record at the end of its segment; reading stops there and the
next writer begins a new segment. Deleting is by whole segments. One process writes at a time (a lock
says so).
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import struct
import zlib
from pathlib import Path
from typing import IO, Iterator, List, NamedTuple, Optional, Tuple, Union

MAGIC = b"GPWAL01\n"
KEY_BYTES = 16
SEGMENT_BYTES = 16 * 1024 * 1024
MAX_BYTES = 1024 * 1024 * 1024
_HEAD = struct.Struct("<II")
_MARK = struct.Struct("<QI")
# No message of a probe comes near this; a length beyond it is damage.
_RECORD_BYTES_MAX = 1024 * 1024


class WalError(RuntimeError):
    """The folder cannot be used; the text says why."""


class Entry(NamedTuple):
    """``position`` counts from 0 over the log's whole life. ``key`` is 16 bytes, ``value`` the message."""

    position: int
    key: bytes
    value: bytes


def read_log(folder: Union[str, Path]) -> Iterator[Entry]:
    """All records that the segments of a folder still hold, acknowledged or not; takes no lock."""
    for start, path in _segments(Path(folder)):
        for position, (key, value) in enumerate(read_segment(path), start):
            yield Entry(position, key, value)


def read_segment(path: Union[str, Path]) -> Iterator[Tuple[bytes, bytes]]:
    """Key and value of each whole record, up to the first that is torn or damaged."""
    with open(path, "rb") as file:
        if file.read(len(MAGIC)) != MAGIC:
            return
        while True:
            head = file.read(_HEAD.size)
            if len(head) < _HEAD.size:
                return
            length, crc = _HEAD.unpack(head)
            if not KEY_BYTES <= length <= _RECORD_BYTES_MAX:
                return
            body = file.read(length)
            if len(body) < length or zlib.crc32(body, zlib.crc32(head[:4])) != crc:
                return
            yield body[:KEY_BYTES], body[KEY_BYTES:]


class Wal:
    """``max_bytes`` bounds the folder: what would exceed it is refused, as is what a full disk cannot take.

    ``sync`` also survives power loss, at the price of a disk flush a record; without it a record survives the
    death of the process.
    """

    def __init__(
        self,
        folder: Union[str, Path],
        max_bytes: int = MAX_BYTES,
        segment_bytes: int = SEGMENT_BYTES,
        sync: bool = False,
    ) -> None:
        self._folder = Path(folder)
        self._max_bytes = max_bytes
        self._segment_bytes = segment_bytes
        self._sync = sync
        self._file: Optional[IO[bytes]] = None
        self._file_bytes = 0
        self.damaged_segments = 0
        self._folder.mkdir(parents=True, exist_ok=True)
        self._lock = self._take_lock()
        self._acked = self._read_mark()
        self._next = self._acked
        self._bytes = 0
        for start, path in _segments(self._folder):
            records, damaged = _scan(path)
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

    def append(self, key: bytes, value: bytes) -> Optional[int]:
        """Writes a record; its position, or None where the bound or the disk leaves no room."""
        if len(key) != KEY_BYTES:
            raise ValueError(f"a key has {KEY_BYTES} bytes, not {len(key)}")
        length = _HEAD.pack(KEY_BYTES + len(value), 0)[:4]
        body = key + value
        record = length + struct.pack("<I", zlib.crc32(body, zlib.crc32(length))) + body
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
        """Everything before this position was received. Never goes back; removes segments that are done
        with."""
        if upto <= self._acked:
            return
        self._acked = min(upto, self._next)
        body = _MARK.pack(self._acked, zlib.crc32(struct.pack("<Q", self._acked)))
        temporary = self._folder / "acknowledged.new"
        # On a full disk the old mark stays: some records would be sent again after a restart, none is lost.
        with contextlib.suppress(OSError):
            temporary.write_bytes(body)
            os.replace(temporary, self._folder / "acknowledged")
        segments = _segments(self._folder)
        for (_, path), following in zip(segments, [start for start, _ in segments[1:]] + [self._next]):
            if following > self._acked:
                break
            if self._file is not None and path.samefile(self._file.name):
                self._close_segment()
            self._bytes -= path.stat().st_size
            path.unlink()

    def close(self) -> None:
        self._close_segment()
        os.close(self._lock)

    def __enter__(self) -> Wal:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _take_lock(self) -> int:
        lock = os.open(self._folder / "lock", os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(lock)
            raise WalError(f"{self._folder} is in use by another process") from None
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
            self._file = open(path, "wb", buffering=0)  # noqa: SIM115 - it stays open
            self._file.write(MAGIC)
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


def _segments(folder: Path) -> List[Tuple[int, Path]]:
    return sorted((int(path.stem), path) for path in folder.glob("*.wal"))


def _scan(path: Path) -> Tuple[int, bool]:
    """Number of whole records, and whether anything follows them."""
    records, whole = 0, len(MAGIC)
    for key, value in read_segment(path):
        records += 1
        whole += _HEAD.size + len(key) + len(value)
    return records, whole != path.stat().st_size
