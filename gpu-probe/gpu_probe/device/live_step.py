"""A step while it is on its way, and what happened to steps so far."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


@dataclass(eq=False)
class LiveStep:
    """A step between its begin and its reading; one without an end is missed. Made while the GPU waits, so
    what it gets later is the class's until then.

    ``owned_end`` holds the end for whoever takes it first: the next step, as its begin, or the reader.
    ``has_passed``: the GPU was seen to have come to the end.
    ``slot`` keeps the step in case the process dies before it is in the journal; ``is_announced``: it is,
    without its rows. ``waits`` is how often its stream had been made to wait by its end.
    """

    number: int
    stream: int
    host_begin_ns: int
    compilations: int
    host_end_ns: int = field(default=0, init=False)
    compiled: bool = field(default=False, init=False)
    begin: Any = field(default=None, init=False)
    end: Any = field(default=None, init=False)
    owned_end: list[Any] | None = field(default=None, init=False)
    communication: list[tuple[Any, Any]] | None = field(default=None, init=False)
    busy_ns: int | None = field(default=None, init=False)
    has_passed: bool = field(default=False, init=False)
    slot: int | None = field(default=None, init=False)
    is_announced: bool = field(default=False, init=False)
    waits: int = field(default=0, init=False)


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
