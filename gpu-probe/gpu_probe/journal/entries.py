"""What a journal holds: raw readings, before they are put on the accounting's axis of time.

The first byte of a body is its kind. What is written at every step is packed, the rest is JSON.
"""

from __future__ import annotations

import json
import struct
from functools import cache
from typing import Any, NamedTuple, Protocol

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
    REPEAT,
    ACTIVITY,
    NEIGHBOURS,
) = range(18)

ACTIVITY_QUALITIES = ("counter", "sampled")
OUTCOMES = ("ok", "error", "timeout", "cancelled", "interrupted")

encode_json = json.JSONEncoder(separators=(",", ":"), ensure_ascii=False).encode

# Flags of a measured step.
COMPILED = 1

# In place of a manifest's number: no later step names it.
UNNAMED = -1

_CLOSED = struct.Struct("<BqqBq")
_STARTED = struct.Struct("<Bqqq")
_ROWS = struct.Struct("<BBqqqq")
_REPEAT = struct.Struct("<BBqqqqq")
_MEASURED = struct.Struct("<BqqqqqqBq")
_MISSED = struct.Struct("<Bqqq")
_POWER = struct.Struct("<Bqqqqq")
_MEMORY = struct.Struct("<Bqqq")
_ACTIVITY = struct.Struct("<BqqqB")
_PAIR = struct.Struct("<Bqq")


class StepStart(NamedTuple):
    """A step is about to go to a stream, at an instant of the host."""

    step: int
    stream: int
    host_begin_ns: int


class Manifest(NamedTuple):
    """The rows of a step, column by column: a session's number, the tokens computed for it, and the tokens in
    its context after the step."""

    sessions: tuple[int, ...]
    new_tokens: tuple[int, ...]
    context_tokens: tuple[int, ...]


NO_ROWS = Manifest((), (), ())


class Launch(Protocol):
    """A step that was launched, as whoever writes it has it."""

    @property
    def number(self) -> int: ...

    @property
    def stream(self) -> int: ...

    @property
    def host_begin_ns(self) -> int: ...

    @property
    def host_end_ns(self) -> int: ...

    @property
    def is_announced(self) -> bool: ...


class StepRows(NamedTuple):
    """A step was launched with these rows, which later steps name by ``manifest``. Written after the launch,
    while the GPU works; ``is_announced`` where a StepStart was written before."""

    start: StepStart
    is_announced: bool
    manifest: int
    rows: Manifest


class StepRepeat(NamedTuple):
    """A step was launched with the rows of a manifest, each context longer by ``shift`` tokens."""

    start: StepStart
    is_announced: bool
    manifest: int
    shift: int


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
    """An entry of META, OPENED, SPAN or NEIGHBOURS, whose body is JSON."""
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


def rows_entry(step: Launch, manifest: int, rows: Manifest) -> bytes:
    """A step was launched with these rows: StepRows. Raises struct.error for what is not a whole number of 64
    bits."""
    sessions, new_tokens, context_tokens = rows
    return _whole(len(sessions)).pack(
        ROWS,
        step.is_announced,
        step.number,
        step.stream,
        step.host_begin_ns,
        manifest,
        *sessions,
        *new_tokens,
        *context_tokens,
    )


def repeat_entry(step: Launch, manifest: int, shift: int) -> bytes:
    """A step was launched with the rows of a manifest: StepRepeat."""
    return _REPEAT.pack(
        REPEAT, step.is_announced, step.number, step.stream, step.host_begin_ns, manifest, shift
    )


@cache
def _whole(rows: int) -> struct.Struct:
    """An entry of so many rows."""
    return struct.Struct(f"{_ROWS.format}{3 * rows}q")


@cache
def column(rows: int) -> struct.Struct:
    """A column of a manifest with so many rows."""
    return struct.Struct(f"<{rows}q")


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


def activity_entry(begin_ns: int, end_ns: int, busy_ns: int, quality: str) -> bytes:
    """The card worked so much of a stretch."""
    return _ACTIVITY.pack(ACTIVITY, begin_ns, end_ns, busy_ns, ACTIVITY_QUALITIES.index(quality))


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
    if kind in (META, OPENED, SPAN, NEIGHBOURS):
        return Entry(kind, json.loads(body[1:]))
    if kind == STARTED:
        return Entry(kind, StepStart(*_STARTED.unpack(body)[1:]))
    if kind == REPEAT:
        _, is_announced, step, stream, at, manifest, shift = _REPEAT.unpack(body)
        return Entry(kind, StepRepeat(StepStart(step, stream, at), bool(is_announced), manifest, shift))
    if kind == ROWS:
        return Entry(kind, _decode_rows(body))
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
    if kind == ACTIVITY:
        *fields, quality = _ACTIVITY.unpack(body)[1:]
        return Entry(kind, (*fields, ACTIVITY_QUALITIES[quality]))
    if kind == MEMORY:
        return Entry(kind, _MEMORY.unpack(body)[1:])
    return Entry(kind, _PAIR.unpack(body)[1:])


def _decode_rows(body: bytes) -> StepRows:
    _, is_announced, step, stream, at, manifest = _ROWS.unpack_from(body)
    size = (len(body) - _ROWS.size) // 3
    columns = (column(size // 8).unpack_from(body, _ROWS.size + part * size) for part in range(3))
    return StepRows(StepStart(step, stream, at), bool(is_announced), manifest, Manifest(*columns))
