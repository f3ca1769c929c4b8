"""The device's axis of time: which steps held the GPU when, cut at minute edges.

Steps of several streams may overlap. The axis walks from edge to edge (a step's begin or end, a minute's
end); a stretch with k steps in it is shared equally by them, so what the steps get adds up to the union of
their intervals, and union plus idle to the wall.
"""

from __future__ import annotations

from typing import Dict, List, NamedTuple, Optional, Protocol, Sequence, Tuple

from ..sharing import Work, share
from .minute import Minute
from .session import Draft, Session


class Step:
    """A use of the GPU over [begin, end): an engine step, or the operator's own span.

    ``works`` are its rows and ``sessions`` whose they are, in order of opening; none of both if it was not
    measured. ``holders`` are the sessions, each once, that wait for it.
    ``communication_ns`` of it are not booked yet.
    """

    __slots__ = (
        "begin",
        "busy_ppm",
        "communication_ns",
        "end",
        "holders",
        "measured",
        "piece",
        "sessions",
        "works",
    )

    def __init__(
        self,
        begin: int,
        end: int,
        holders: Sequence[Session],
        sessions: Sequence[Session] = (),
        works: Sequence[Work] = (),
        measured: bool = True,
        communication_ns: int = 0,
        busy_ppm: Optional[int] = None,
    ) -> None:
        self.begin = begin
        self.end = end
        self.holders = holders
        self.sessions = sessions
        self.works = works
        self.measured = measured
        self.communication_ns = communication_ns
        self.busy_ppm = busy_ppm
        self.piece: Optional[Piece] = None


class Piece:
    """The part of a step inside one minute: ``device_ns`` of [begin, end), and what the energy counter said
    of it."""

    __slots__ = (
        "begin",
        "covered_ns",
        "device_ns",
        "drafts",
        "end",
        "energy_uj",
        "minute",
        "nvlink_rx",
        "nvlink_tx",
        "power_peak_mw",
        "power_time",
        "shares",
        "step",
    )

    def __init__(self, step: Step, minute: Minute, begin: int) -> None:
        self.step = step
        self.minute = minute
        self.begin = self.end = begin
        self.device_ns = 0
        self.drafts: List[Draft] = []
        self.shares: List[int] = []
        self.energy_uj = 0
        self.covered_ns = 0
        self.power_time = 0  # milliwatt nanoseconds of the whole device
        self.power_peak_mw = 0
        self.nvlink_tx: Optional[int] = None
        self.nvlink_rx: Optional[int] = None


class Segment(NamedTuple):
    """A stretch in which the same pieces held the GPU."""

    begin: int
    end: int
    pieces: Tuple[Piece, ...]


class Listener(Protocol):
    """Who is told what the axis settles, in order of time."""

    def segment_settled(self, segment: Segment) -> None: ...

    def piece_done(self, piece: Piece) -> None: ...

    def step_done(self, step: Step, last: Piece) -> None: ...

    def minute_done(self, minute: Minute) -> None: ...


class Axis:
    """Settled up to ``at``; ``minute`` holds that instant. ``minutes`` are those not yet reported, by their
    clock edge."""

    def __init__(self, start: int, listener: Listener) -> None:
        self.at = start
        self.minutes: Dict[int, Minute] = {}
        self.minute = self._begin_minute()
        self._listener = listener
        self._steps: List[Step] = []

    def add(self, step: Step) -> None:
        """A step's place on the axis. What lies before ``at`` is settled and cannot be given again: it is cut
        off."""
        step.begin = max(step.begin, self.at)
        step.end = max(step.end, step.begin)
        self._steps.append(step)

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
        active: List[Step] = []
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

    def _occupy(self, active: List[Step], edge: int) -> None:
        pieces = tuple(self._piece(step) for step in active)
        for piece, part in zip(pieces, share(edge - self.at, [1] * len(pieces))):
            piece.device_ns += part
            piece.end = edge
        self._listener.segment_settled(Segment(self.at, edge, pieces))

    def _piece(self, step: Step) -> Piece:
        if step.piece is None:
            step.piece = Piece(step, self.minute, self.at)
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
        minute = Minute(self.at)
        self.minutes[minute.end] = minute
        return minute
