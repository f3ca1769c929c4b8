"""A minute of one GPU: the cell in which time and energy are booked. No event and no totals record crosses
its edges, so an hour's end is an edge too and every sum holds by minute as well as by hour."""

from __future__ import annotations

from dataclasses import dataclass, field

from .session import Draft

MINUTE_NS = 60_000_000_000


@dataclass(slots=True, eq=False)
class Calendar:
    """Where the wall clock's minutes lie on the books' axis, which never jumps.

    ``shifts`` are instants of the axis and what the wall clock is ahead of it from there on, in nanoseconds;
    each begins at an edge of the ones before.
    """

    shifts: list[tuple[int, int]] = field(default_factory=list)

    def shift_at(self, at_ns: int) -> int:
        """What the wall clock is ahead at an instant of the axis."""
        return next((shift for begin, shift in reversed(self.shifts) if begin <= at_ns), 0)

    def next_edge(self, at_ns: int) -> int:
        """The first edge after an instant."""
        shift = self.shift_at(at_ns)
        edge = ((at_ns + shift) // MINUTE_NS + 1) * MINUTE_NS - shift
        return min([edge, *(begin for begin, _ in self.shifts if begin > at_ns)])

    def set_shift(self, from_ns: int, shift_ns: int) -> None:
        """The wall clock was set: it is so far ahead from an edge on that is still to come."""
        self.shifts = [(begin, shift) for begin, shift in self.shifts if begin < from_ns]
        self.shifts.append((from_ns, shift_ns))


@dataclass(slots=True, eq=False)
class Minute:
    """The part of a clock minute in which the probe watched. Times in nanoseconds, energies in
    microjoules. ``shift_ns`` is what the wall clock is ahead of ``start`` and ``end``; ``step_ns`` what it
    was set by at the start."""

    start: int
    end: int
    shift_ns: int = 0
    step_ns: int = 0
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
