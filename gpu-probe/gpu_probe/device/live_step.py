"""A step while it is on its way, and what happened to steps so far."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(slots=True, eq=False)
class LiveStep:
    """A step between its begin and its reading; one without an end is missed.

    ``owned_end`` holds the end for whoever takes it first: the next step, as its begin, or the reader.
    ``has_passed``: the GPU was seen to have come to the end.
    ``slot`` keeps the step in case the process dies before it is in the journal. ``waits`` is how often
    streams had been made to wait by its end.
    """

    number: int
    stream: int
    host_begin_ns: int
    compilations: int
    host_end_ns: int = 0
    compiled: bool = False
    begin: Any = None
    end: Any = None
    owned_end: list[Any] | None = None
    communication: list[tuple[Any, Any]] | None = None
    busy_ns: int | None = None
    has_passed: bool = False
    slot: int | None = None
    waits: int = 0


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
