"""A step while it is on its way, and what happened to steps so far."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(slots=True, eq=False)
class LiveStep:
    """A step between its begin and its reading. ``blind``: it runs without events."""

    number: int
    stream: int
    host_begin_ns: int
    compilations: int
    host_end_ns: int = 0
    compiled: bool = False
    blind: bool = False
    begin: Any = None
    end: Any = None
    communication: list[tuple[Any, Any]] | None = None
    busy_ns: int | None = None


@dataclass(slots=True)
class Counts:
    """What happened since the start; for doctor, tests and the exporter."""

    host_bound: int = 0
    measured: int = 0
    missed: int = 0
    pool: int = 0
    reanchored: int = 0
    started: int = 0
