"""What a journal holds: raw readings, before they are put on the accounting's axis of time.

The first byte of a body is its kind. What is written at every step is packed, the rest is JSON.
"""

from __future__ import annotations

import json
import struct
from array import array
from collections.abc import Sequence
from typing import Any, NamedTuple

(
    META,
    OPENED,
    CLOSED,
    STARTED,
    ROWS,
    MEASURED,
    MISSED,
    SPAN,
    POWER,
    MEMORY,
    TICK,
    FAILED,
    ENDED,
    LOST,
    CLOCK_SET,
) = range(15)

# The most that the schema takes of a label.
TEXT_BYTES = 128
OUTCOMES = ("ok", "error", "timeout", "cancelled", "interrupted")

encode_json = json.JSONEncoder(separators=(",", ":"), ensure_ascii=False).encode

# Flags of a measured step.
COMPILED = 1

_CLOSED = struct.Struct("<BqqBq")
_STARTED = struct.Struct("<Bqqq")
_ROWS = struct.Struct("<Bq")
_MEASURED = struct.Struct("<BqqqqqqBq")
_MISSED = struct.Struct("<Bqqq")
_POWER = struct.Struct("<Bqqqqq")
_MEMORY = struct.Struct("<Bqqq")
_PAIR = struct.Struct("<Bqq")


class StepStart(NamedTuple):
    """A step is about to go to a stream, at an instant of the host."""

    step: int
    stream: int
    host_begin_ns: int


class StepRows(NamedTuple):
    """A step was launched with these rows: session, new tokens and context, one after the other. Written
    after the launch, while the GPU works."""

    step: int
    rows: Sequence[int]


class StepReading(NamedTuple):
    """A step's events were read at ``read_ns``. ``raw_begin_ns`` is on the GPU's own axis."""

    step: int
    raw_begin_ns: int
    elapsed_ns: int
    host_submit_ns: int
    communication_ns: int
    read_ns: int
    flags: int
    busy_ppm: int | None


class StepMiss(NamedTuple):
    """A step had no events; all before it on its stream are read."""

    step: int
    stream: int
    at_ns: int


class SpanStart(NamedTuple):
    """The operator's own use is about to go to a stream, as a step of that number."""

    step: int
    stream: int
    at_ns: int
    phase: str
    quality: str
    model: str
    model_version: str


class Entry(NamedTuple):
    """What ``decode`` makes of a body: its kind, and what it says."""

    kind: int
    value: Any


def json_entry(kind: int, fields: dict[str, Any]) -> bytes:
    """An entry of META, OPENED or SPAN, whose body is JSON."""
    return text_entry(kind, encode_json(fields))


def text_entry(kind: int, document: str) -> bytes:
    """The same, where the JSON is there already."""
    return bytes((kind,)) + document.encode("utf-8")


def closed_entry(session: int, at_ns: int, outcome: str, tokens_out: int | None) -> bytes:
    """A session is over for its caller."""
    tokens = -1 if tokens_out is None else tokens_out
    return _CLOSED.pack(CLOSED, session, at_ns, OUTCOMES.index(outcome), tokens)


def started_entry(step: int, stream: int, host_begin_ns: int) -> bytes:
    """A step is about to go to a stream: StepStart."""
    return _STARTED.pack(STARTED, step, stream, host_begin_ns)


def rows_entry(step: int, rows: list[int]) -> bytes:
    """Rows of a step, three numbers each: StepRows."""
    return _ROWS.pack(ROWS, step) + array("q", rows).tobytes()


def measured_entry(
    step: int,
    raw_begin_ns: int,
    elapsed_ns: int,
    host_submit_ns: int,
    communication_ns: int,
    read_ns: int,
    flags: int,
    busy_ppm: int | None,
) -> bytes:
    """A step's events were read: StepReading."""
    busy = -1 if busy_ppm is None else busy_ppm
    return _MEASURED.pack(
        MEASURED, step, raw_begin_ns, elapsed_ns, host_submit_ns, communication_ns, read_ns, flags, busy
    )


def missed_entry(step: int, stream: int, at_ns: int) -> bytes:
    """A step had no events: StepMiss."""
    return _MISSED.pack(MISSED, step, stream, at_ns)


def power_entry(at_ns: int, power_mw: int, energy_mj: int, sent: int | None, received: int | None) -> bytes:
    """A reading of the sensor; None where the hardware has no such counter."""
    links = (-1 if value is None else value for value in (sent, received))
    return _POWER.pack(POWER, at_ns, power_mw, energy_mj, *links)


def memory_entry(at_ns: int, peak_bytes: int, allocated_bytes: int) -> bytes:
    """The allocator's peak, and what is allocated."""
    return _MEMORY.pack(MEMORY, at_ns, peak_bytes, allocated_bytes)


def instant_entry(kind: int, at_ns: int, value: int = 0) -> bytes:
    """Kinds with an instant and at most one number: TICK, FAILED, ENDED, LOST (count), CLOCK_SET (nanoseconds
    that the wall clock is ahead)."""
    return _PAIR.pack(kind, at_ns, value)


def decode(body: bytes) -> Entry:
    """The entry that a body holds. For bodies that the functions above made."""
    kind = body[0]
    if kind in (META, OPENED, SPAN):
        return Entry(kind, json.loads(body[1:]))
    if kind == STARTED:
        return Entry(kind, StepStart(*_STARTED.unpack(body)[1:]))
    if kind == ROWS:
        rows = array("q")
        rows.frombytes(body[_ROWS.size :])
        return Entry(kind, StepRows(_ROWS.unpack_from(body)[1], rows))
    if kind == MEASURED:
        *fields, busy = _MEASURED.unpack(body)[1:]
        return Entry(kind, StepReading(*fields, None if busy < 0 else busy))  # type: ignore[call-arg]
    if kind == MISSED:
        return Entry(kind, StepMiss(*_MISSED.unpack(body)[1:]))
    if kind == CLOSED:
        _, session, at, outcome, tokens = _CLOSED.unpack(body)
        return Entry(kind, (session, at, OUTCOMES[outcome], None if tokens < 0 else tokens))
    if kind == POWER:
        _, at, milliwatts, millijoules, *links = _POWER.unpack(body)
        return Entry(kind, (at, milliwatts, millijoules, *(None if link < 0 else link for link in links)))
    if kind == MEMORY:
        return Entry(kind, _MEMORY.unpack(body)[1:])
    return Entry(kind, _PAIR.unpack(body)[1:])
