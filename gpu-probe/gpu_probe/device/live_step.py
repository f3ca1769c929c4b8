"""A step while it is on its way, and what happened to steps so far."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(slots=True, eq=False)
class Mark:
    """A point on a stream: an event, and how many steps still need it. The end of a step may be the begin of
    the next one."""

    event: Any
    uses: int = 0


@dataclass(slots=True, eq=False)
class LiveStep:
    """A step between its begin and its reading; one without events is missed. ``slot`` keeps it in case
    the process dies, until it is in the journal. ``waits`` is how often a stream was made to wait by its
    end."""

    number: int
    stream: int
    host_begin_ns: int
    compilations: int
    host_end_ns: int = 0
    compiled: bool = False
    begin: Mark | None = None
    end: Mark | None = None
    communication: list[tuple[Mark, Mark]] | None = None
    busy_ns: int | None = None
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
