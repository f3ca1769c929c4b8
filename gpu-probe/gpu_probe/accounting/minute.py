"""A minute of one GPU: the cell in which time and energy are booked. No event and no totals record crosses
its edges, so an hour's end is an edge too and every sum holds by minute as well as by hour."""

from __future__ import annotations

from typing import TYPE_CHECKING, List

if TYPE_CHECKING:
    from .session import Draft

MINUTE_NS = 60_000_000_000


def next_edge(at_ns: int) -> int:
    """The first edge after an instant."""
    return (at_ns // MINUTE_NS + 1) * MINUTE_NS


class Minute:
    """The part of a clock minute in which the probe watched. Times in nanoseconds, energies in
    microjoules."""

    __slots__ = (
        "attributed_ns",
        "drafts",
        "end",
        "energy_attributed_uj",
        "energy_idle_uj",
        "energy_operator_uj",
        "energy_read",
        "idle_ns",
        "operator_ns",
        "start",
        "steps",
        "steps_missed",
        "unattributed_ns",
    )

    def __init__(self, start: int) -> None:
        self.start = start
        self.end = next_edge(start)
        self.attributed_ns = self.operator_ns = self.idle_ns = self.unattributed_ns = 0
        self.energy_attributed_uj = self.energy_operator_uj = self.energy_idle_uj = 0
        self.energy_read = False
        self.steps = self.steps_missed = 0
        self.drafts: List[Draft] = []

    @property
    def wall_time_ns(self) -> int:
        return self.end - self.start
