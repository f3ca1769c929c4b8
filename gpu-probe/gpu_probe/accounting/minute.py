"""A minute of one GPU: the cell in which time and energy are booked. No event and no totals record crosses
its edges, so an hour's end is an edge too and every sum holds by minute as well as by hour."""

from __future__ import annotations

from dataclasses import dataclass, field

from .session import Draft

MINUTE_NS = 60_000_000_000


def next_edge(at_ns: int) -> int:
    """The first edge after an instant."""
    return (at_ns // MINUTE_NS + 1) * MINUTE_NS


@dataclass(slots=True, eq=False)
class Minute:
    """The part of a clock minute in which the probe watched. Times in nanoseconds, energies in
    microjoules."""

    start: int
    end: int
    attributed_ns: int = 0
    operator_ns: int = 0
    idle_ns: int = 0
    unattributed_ns: int = 0
    energy_attributed_uj: int = 0
    energy_operator_uj: int = 0
    energy_idle_uj: int = 0
    energy_read: bool = False
    steps: int = 0
    steps_missed: int = 0
    drafts: list[Draft] = field(default_factory=list)

    @property
    def wall_time_ns(self) -> int:
        return self.end - self.start
