"""Deterministic UUIDv7 ids, so that a retry or a replay of the same recording carries the same id.

Layout (RFC 9562, big endian)::

    48 bits  ended_at in milliseconds since the Unix epoch
     4 bits  version, 7
    12 bits  hash bits 0..11
     2 bits  variant, 2
    62 bits  hash bits 12..73

where the hash is SHA-256 over the tag, the length-prefixed texts and the fixed-size numbers named below, so
that no two different inputs are the same bytes.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable


def event_id(session_id: str, sequence: int, rank: int, probe_start_ns: int, ended_at_us: int) -> bytes:
    """Id of a gpu_time_event. Hashed: "event", session_id, sequence (u64), rank (u32), probe_start_ns
    (u64)."""
    return _uuid7(
        ended_at_us,
        _digest(
            b"event",
            (session_id,),
            sequence.to_bytes(8, "big"),
            rank.to_bytes(4, "big"),
            _u64(probe_start_ns),
        ),
    )


def totals_id(
    gpu_uuid: str,
    node: str,
    container_id: str,
    rank: int,
    started_at_us: int,
    probe_start_ns: int,
    ended_at_us: int,
) -> bytes:
    """Id of a gpu_totals. Hashed: "totals", gpu_uuid, node, container_id ("" for none), rank (u32),
    started_at (u64), probe_start_ns (u64)."""
    return _uuid7(
        ended_at_us,
        _digest(
            b"totals",
            (gpu_uuid, node, container_id),
            rank.to_bytes(4, "big"),
            _u64(started_at_us),
            _u64(probe_start_ns),
        ),
    )


def _u64(value: int) -> bytes:
    return value.to_bytes(8, "big")


def _digest(tag: bytes, texts: Iterable[str], *numbers: bytes) -> bytes:
    hasher = hashlib.sha256(tag)
    for text in texts:
        data = text.encode("utf-8")
        hasher.update(len(data).to_bytes(2, "big"))
        hasher.update(data)
    for number in numbers:
        hasher.update(number)
    return hasher.digest()


def _uuid7(ended_at_us: int, digest: bytes) -> bytes:
    bits = int.from_bytes(digest[:10], "big") >> 6  # the first 74 bits
    milliseconds = ended_at_us // 1000
    value = (
        (milliseconds << 80) | (0x7 << 76) | ((bits >> 62) << 64) | (0b10 << 62) | (bits & ((1 << 62) - 1))
    )
    return value.to_bytes(16, "big")
