"""A step while it is on its way, and what happened to steps so far."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


@dataclass(slots=True, eq=False)
class LiveStep:
    """A step between its begin and its reading; one without an end is missed. Made while the GPU waits, so
    what its end says is not there before.

    ``owned_end`` holds the end for whoever takes it first: the next step, as its begin, or the reader.
    ``has_passed``: the GPU was seen to have come to the end.
    ``slot`` keeps the step in case the process dies before it is in the journal; ``is_announced``: it is,
    without its rows. ``waits`` is how often its stream had been made to wait by its end.
    """

    number: int
    stream: int
    host_begin_ns: int
    compilations: int
    begin: Any = None
    communication: list[tuple[Any, Any]] | None = None
    busy_ns: int | None = None
    has_passed: bool = False
    slot: int | None = None
    is_announced: bool = False
    host_end_ns: int = field(init=False)
    compiled: bool = field(init=False)
    end: Any = field(init=False)
    owned_end: list[Any] = field(init=False)
    waits: int = field(init=False)


@dataclass(slots=True)
class Counts:
    """What happened since the start; for doctor, tests and the exporter."""

    host_bound: int = 0
    measured: int = 0
    missed: int = 0
    pool: int = 0
    reanchored: int = 0
    shared: int = 0
    started: int = 0
