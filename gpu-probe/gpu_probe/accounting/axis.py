"""The device's axis of time: which steps held the GPU when, cut at minute edges.

Steps of several streams may overlap. The axis walks from edge to edge (a step's begin or end, a minute's
end); a stretch with k steps in it is shared equally by them, so what the steps get adds up to the union of
their intervals, and union plus idle to the wall::

    minutes    |            first             |           second             |
    steps           [================== A ===================)
                                 [======== B ========)
    pieces          [========= A1 ===========)[==== A2 ======)
                                 [=== B1 ====)[ B2 ==)
    segments        |    A1      |   A1 B1    |A2 B2 |  A2   |
    drafts     [      shares of A1, B1       )[      shares of A2, B2       )

A **step** is what the engine launched. A **piece** is its part inside one minute, with the time and energy
that fall to it. A **segment** is a stretch in which the same pieces held the GPU: the energy counter's ticks
are split over segments. A **draft** (session.py) is the event in the making that each session has for each
minute: its shares of the pieces in that minute.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol

from ..sharing import Work, share
from .minute import Calendar, Minute
from .session import Draft, SessionUsage


@dataclass(slots=True, eq=False)
class Step:
    """A use of the GPU over [begin, end): an engine step, or the operator's own span.

    ``works`` are its rows and ``sessions`` whose they are, in order of opening; none of both if it was not
    measured. ``holders`` are the sessions, each once, that wait for it.
    ``communication_ns`` of it are not booked yet. ``piece`` is its part in the minute at hand.
    """

    begin: int
    end: int
    holders: Sequence[SessionUsage]
    sessions: Sequence[SessionUsage] = ()
    works: Sequence[Work] = ()
    measured: bool = True
    communication_ns: int = 0
    busy_ppm: int | None = None
    piece: Piece | None = None


@dataclass(slots=True, eq=False)
class Piece:
    """The part of a step inside one minute: ``device_ns`` of [begin, end), and the energy that fell to
    it. ``drafts`` have the ``shares`` of it."""

    step: Step
    minute: Minute
    begin: int
    end: int
    device_ns: int = 0
    drafts: list[Draft] = field(default_factory=list)
    shares: list[int] = field(default_factory=list)
    energy_uj: int = 0
    covered_ns: int = 0
    power_time: int = 0  # milliwatt nanoseconds of the whole device
    power_peak_mw: int = 0
    nvlink_tx: int | None = None
    nvlink_rx: int | None = None


class Segment(NamedTuple):
    """A stretch in which the same pieces held the GPU."""

    begin: int
    end: int
    pieces: tuple[Piece, ...]


class Listener(Protocol):
    """Takes what the axis settles, in order of time."""

    def segment_settled(self, segment: Segment) -> None: ...

    def piece_done(self, piece: Piece) -> None: ...

    def step_done(self, step: Step, last: Piece) -> None: ...

    def minute_done(self, minute: Minute) -> None: ...


class Axis:
    """Settled up to ``at``; ``minute`` holds that instant. ``minutes`` are those not yet reported, by their
    clock edge.

    Annotated here is what a checkpoint keeps.
    """

    at: int
    calendar: Calendar
    minutes: dict[int, Minute]
    minute: Minute
    _steps: list[Step]

    def __init__(self, start: int, listener: Listener) -> None:
        self.at = start
        self.calendar = Calendar()
        self.minutes = {}
        self.minute = self._begin_minute()
        self._listener = listener
        self._steps = []

    def add(self, step: Step) -> None:
        """A step's place on the axis. What lies before ``at`` is settled and cannot be given again: it is cut
        off."""
        step.begin = max(step.begin, self.at)
        step.end = max(step.end, step.begin)
        self._steps.append(step)

    def minute_at(self, at: int) -> Minute:
        """The minute of an instant; the oldest there is if its totals have gone out already."""
        found = self.minutes.get(self.next_edge(at))
        return found if found is not None else next(iter(self.minutes.values()))

    def next_edge(self, at: int) -> int:
        """The first edge of a minute after an instant."""
        return self.calendar.next_edge(at)

    def set_clock(self, shift_ns: int) -> None:
        """The wall clock is so far ahead of the axis, from the end of the minute at hand on."""
        self.calendar.set_shift(self.minute.end, shift_ns)

    def settle(self, until: int) -> None:
        """Books everything before ``until``. No step that begins before it may be added afterwards."""
        while self.at < until:
            if self.at == self.minute.end:
                self._turn_minute()
            self._walk(until)
        # Steps without length (and those cut off whole) still took place.
        for step in [step for step in self._steps if step.end <= self.at]:
            self._finish(step)

    def drain(self, at: int) -> None:
        """Settles up to the end of watching; steps that reach past it are cut off there."""
        self.settle(at)
        for step in list(self._steps):
            self._finish(step)

    def stop(self) -> None:
        """Closes the last minute where the axis stands."""
        self.minute.end = self.at
        self._listener.minute_done(self.minute)

    def _walk(self, until: int) -> None:
        """To the next edge."""
        at = self.at
        edge = min(until, self.minute.end)
        active: list[Step] = []
        for step in self._steps:
            if step.begin > at:
                edge = min(edge, step.begin)
            elif step.end > at:
                active.append(step)
                edge = min(edge, step.end)
        if active:
            self._occupy(active, edge)
        else:
            self.minute.idle_ns += edge - at
        self.at = edge
        for step in active:
            if step.end <= edge:
                self._finish(step)

    def _occupy(self, active: list[Step], edge: int) -> None:
        pieces = tuple(self._piece(step) for step in active)
        for piece, part in zip(pieces, share(edge - self.at, [1] * len(pieces))):
            piece.device_ns += part
            piece.end = edge
        self._listener.segment_settled(Segment(self.at, edge, pieces))

    def _piece(self, step: Step) -> Piece:
        if step.piece is None:
            step.piece = Piece(step, self.minute, self.at, self.at)
        return step.piece

    def _finish(self, step: Step) -> None:
        self._steps.remove(step)
        last = self._piece(step)
        self._listener.piece_done(last)
        self._listener.step_done(step, last)

    def _turn_minute(self) -> None:
        for step in self._steps:
            if step.piece is not None:
                self._listener.piece_done(step.piece)
                step.piece = None
        done, self.minute = self.minute, self._begin_minute()
        self._listener.minute_done(done)

    def _begin_minute(self) -> Minute:
        shift = self.calendar.shift_at(self.at)
        step = shift - self.calendar.shift_at(self.at - 1)
        minute = Minute(self.at, self.next_edge(self.at), shift, step)
        self.minutes[minute.end] = minute
        return minute
