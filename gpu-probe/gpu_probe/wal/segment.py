"""The files of a write-ahead log.

A folder of segments, each named by the number of its first record, and a file with the watermark (how many
records are acknowledged). A segment is a magic of 8 bytes, then records::

    u32 length of key and value | u32 CRC-32 of the length, key and value | 16 bytes key | value

both numbers little endian.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import IO, NamedTuple

MAGIC = b"GPWAL01\n"
KEY_BYTES = 16
HEAD = struct.Struct("<II")
# No message of a probe comes near this; a length beyond it is damage.
_RECORD_BYTES_MAX = 1024 * 1024


class Entry(NamedTuple):
    """``position`` counts from 0 over the log's whole life.

    ``key`` is 16 bytes, ``value`` the message.
    """

    position: int
    key: bytes
    value: bytes


def read_log(folder: str | Path) -> Iterator[Entry]:
    """All records that the segments of a folder still hold, acknowledged or not; takes no lock."""
    for start, path in segments_of(Path(folder)):
        for position, (key, value) in enumerate(read_segment(path), start):
            yield Entry(position, key, value)


def read_segment(path: str | Path) -> Iterator[tuple[bytes, bytes]]:
    """Key and value of each whole record, up to the first that is torn or damaged."""
    with open(path, "rb") as file:
        if file.read(len(MAGIC)) != MAGIC:
            return
        record = read_record(file)
        while record is not None:
            yield record
            record = read_record(file)


def read_record(file: IO[bytes]) -> tuple[bytes, bytes] | None:
    """The record at the file's place, None where no whole one is."""
    head = file.read(HEAD.size)
    if len(head) < HEAD.size:
        return None
    length, crc = HEAD.unpack(head)
    if not KEY_BYTES <= length <= _RECORD_BYTES_MAX:
        return None
    body = file.read(length)
    if len(body) < length or zlib.crc32(body, zlib.crc32(head[:4])) != crc:
        return None
    return body[:KEY_BYTES], body[KEY_BYTES:]


def record_bytes(key: bytes, value: bytes) -> bytes:
    """A record as it lies in a segment."""
    length = HEAD.pack(KEY_BYTES + len(value), 0)[:4]
    body = key + value
    return length + struct.pack("<I", zlib.crc32(body, zlib.crc32(length))) + body


def segments_of(folder: Path) -> list[tuple[int, Path]]:
    """Number of the first record, and path, of each segment, in order."""
    return sorted((int(path.stem), path) for path in folder.glob("*.wal"))


def scan(path: Path) -> tuple[int, bool]:
    """Number of whole records, and whether anything follows them."""
    records, whole = 0, len(MAGIC)
    for key, value in read_segment(path):
        records += 1
        whole += HEAD.size + len(key) + len(value)
    return records, whole != path.stat().st_size
