"""A step while it is on its way, and what happened to steps so far."""

from __future__ import annotations

from typing import Any, List, Optional, Tuple


class LiveStep:
    """A step between its begin and its reading."""

    __slots__ = (
        "begin",
        "blind",
        "busy_ns",
        "communication",
        "compilations",
        "compiled",
        "end",
        "host_begin_ns",
        "host_end_ns",
        "number",
        "stream",
    )

    def __init__(self, number: int, stream: int, host_begin_ns: int, compilations: int) -> None:
        self.number = number
        self.stream = stream
        self.host_begin_ns = host_begin_ns
        self.host_end_ns = 0
        self.compilations = compilations
        self.compiled = False
        self.blind = False
        self.begin: Any = None
        self.end: Any = None
        self.communication: Optional[List[Tuple[Any, Any]]] = None
        self.busy_ns: Optional[int] = None


class Counts:
    """What happened since the start; for doctor, tests and the exporter."""

    __slots__ = ("host_bound", "measured", "missed", "pool", "reanchored", "started")

    def __init__(self) -> None:
        self.started = self.measured = self.missed = self.host_bound = self.reanchored = self.pool = 0
