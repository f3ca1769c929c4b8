"""Splits the energy counter tick by tick.

Between two readings the counter rose by dE. What exceeds idle power belongs to the steps that ran in the
tick, in proportion to their time in it, and so does idle power while they held the GPU; idle power of the
rest of the tick is the idle bucket. Ticks are cut at minute edges in proportion to time. Whole microjoules,
nothing lost: what steps and bucket get is dE.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from ..device.interface import PowerSample
from ..sharing import share
from .axis import Piece, Segment
from .minute import Minute

# A sensor that stays silent this long no longer holds events back.
WAIT_NS = 5_000_000_000
_UJ_PER_MJ = 1000
_PJ_PER_UJ = 1_000_000  # 1 mW x 1 ns = 1 pJ


@dataclass(slots=True, eq=False)
class Tick:
    """A tick inside one minute. ``parts`` are the segments in it with the time they share."""

    minute: Minute
    end: int
    parts: list[tuple[Segment, int]]
    busy_uj: int = 0
    idle_uj: int = 0
    power_avg_mw: int = 0
    power_peak_mw: int = 0
    nvlink_tx: int | None = None
    nvlink_rx: int | None = None


class Listener(Protocol):
    """Takes the pieces whose energy is final, in order of time."""

    def piece_settled(self, piece: Piece) -> None: ...


class EnergySplit:
    """Takes readings and settled segments; tells the listener when a piece's energy is final.

    ``minute_at`` gives the minute that an instant's energy is booked to, ``next_edge`` the first edge of a
    minute after an instant. Annotated here is what a checkpoint
    keeps.
    """

    settled: int
    _readings: deque[PowerSample]
    _last: PowerSample | None
    _segments: deque[Segment]
    _pieces: deque[Piece]
    _held: Tick | None
    _idle_mw: int | None

    def __init__(
        self, listener: Listener, minute_at: Callable[[int], Minute], next_edge: Callable[[int], int]
    ) -> None:
        self._listener = listener
        self._minute_at = minute_at
        self._next_edge = next_edge
        self.settled = 0
        self._readings = deque()
        self._last = None
        self._segments = deque()
        self._pieces = deque()
        self._held = None
        self._idle_mw = None

    def read(self, reading: PowerSample) -> None:
        self._readings.append(reading)

    def add_segment(self, segment: Segment) -> None:
        self._segments.append(segment)

    def add_piece(self, piece: Piece) -> None:
        self._pieces.append(piece)

    def settle(self, until: int) -> None:
        """Closes the ticks that end by ``until``, before which all segments are known."""
        while self._readings and self._readings[0].at_ns <= until:
            self._close(self._readings.popleft())
        late = until - WAIT_NS
        if late > self.settled:
            # What the held tick says must be booked before its pieces are given up on.
            self._release()
        self._settle_pieces(max(self.settled, late))

    def stop(self, at: int) -> None:
        """No more readings: what is not covered by a tick stays without energy."""
        self.settle(at)
        self._release()
        self._settle_pieces(at)

    def _settle_pieces(self, until: int) -> None:
        self.settled = max(self.settled, until)
        while self._segments and self._segments[0].end <= self.settled:
            self._segments.popleft()
        while self._pieces and self._pieces[0].end <= self.settled:
            self._listener.piece_settled(self._pieces.popleft())

    def _close(self, reading: PowerSample) -> None:
        last = self._last
        if last is not None and reading.at_ns <= last.at_ns:
            return
        self._last = reading
        if last is None or reading.energy_mj < last.energy_mj:
            # The first reading, or a counter that began anew with the driver: nothing is known of the time
            # before.
            self._release()
            self.settled = max(self.settled, reading.at_ns)
        else:
            self._split(last, reading)
        if not any(segment.begin <= reading.at_ns < segment.end for segment in self._segments):
            self._learn_idle(reading.power_mw)

    def _split(self, last: PowerSample, reading: PowerSample) -> None:
        total = (reading.energy_mj - last.energy_mj) * _UJ_PER_MJ
        length = reading.at_ns - last.at_ns
        power = total * _PJ_PER_UJ // length
        sent = _rise(last.nvlink_tx_bytes, reading.nvlink_tx_bytes)
        received = _rise(last.nvlink_rx_bytes, reading.nvlink_rx_bytes)
        at, given, idle = last.at_ns, 0, True
        while at < reading.at_ns:
            end = min(reading.at_ns, self._next_edge(at))
            upto = total * (end - last.at_ns) // length
            tick = self._tick(at, end, upto - given)
            idle = idle and not tick.parts
            tick.power_avg_mw, tick.power_peak_mw = power, reading.power_mw
            tick.nvlink_tx = _part(sent, last.at_ns, at, end, length)
            tick.nvlink_rx = _part(received, last.at_ns, at, end, length)
            self._hold(tick)
            at, given = end, upto
        if idle:
            self._learn_idle(power)

    def _tick(self, begin: int, end: int, energy_uj: int) -> Tick:
        parts: list[tuple[Segment, int]] = []
        for segment in self._segments:
            if segment.begin >= end:
                break
            overlap = min(segment.end, end) - max(segment.begin, begin)
            if overlap > 0:
                parts.append((segment, overlap))
        tick = Tick(self._minute_at(begin), end, parts)
        busy = sum(overlap for _, overlap in parts)
        length = end - begin
        # Idle power that would exceed what was measured is capped by it, so that nothing goes negative.
        idle_uj = min(
            energy_uj * (length - busy) // length, (self._idle_mw or 0) * (length - busy) // _PJ_PER_UJ
        )
        tick.idle_uj, tick.busy_uj = idle_uj, energy_uj - idle_uj
        if not parts:
            self._carry_back(tick)
        return tick

    def _carry_back(self, tick: Tick) -> None:
        """The sensor lags by up to a tick: energy above idle in an idle tick belongs to the steps just before
        it."""
        held = self._held
        if held is not None and held.parts and held.minute is tick.minute and self._idle_mw is not None:
            held.busy_uj += tick.busy_uj
        else:
            tick.idle_uj += tick.busy_uj
        tick.busy_uj = 0

    def _hold(self, tick: Tick) -> None:
        self._release()
        self._held = tick

    def _release(self) -> None:
        """Books the held tick, now that the one after it is known."""
        tick, self._held = self._held, None
        if tick is None:
            return
        minute = tick.minute
        minute.energy_read = True
        minute.energy_idle_uj += tick.idle_uj
        for (segment, overlap), energy in zip(
            tick.parts, share(tick.busy_uj, [part[1] for part in tick.parts])
        ):
            for piece, part in zip(segment.pieces, share(energy, [1] * len(segment.pieces))):
                piece.energy_uj += part
                piece.covered_ns += overlap
                piece.power_time += tick.power_avg_mw * overlap
                piece.power_peak_mw = max(piece.power_peak_mw, tick.power_peak_mw)
        _share_nvlink(tick)
        self.settled = max(self.settled, tick.end)

    def _learn_idle(self, power_mw: int) -> None:
        self._idle_mw = power_mw if self._idle_mw is None else min(self._idle_mw, power_mw)


def _rise(before: int | None, after: int | None) -> int | None:
    """How far a cumulative counter rose; None where it is not known or began anew."""
    if before is None or after is None or after < before:
        return None
    return after - before


def _part(total: int | None, start: int, begin: int, end: int, length: int) -> int | None:
    """The part of [begin, end) of what rose over ``length`` from ``start``; parts add up to it."""
    if total is None:
        return None
    return total * (end - start) // length - total * (begin - start) // length


def _share_nvlink(tick: Tick) -> None:
    """Traffic goes to the steps of the tick; what ran over the links while no step did is nobody's."""
    weights = [overlap for _, overlap in tick.parts]
    for name in ("nvlink_tx", "nvlink_rx"):
        total = getattr(tick, name)
        if total is None or not weights:
            continue
        for (segment, _), amount in zip(tick.parts, share(total, weights)):
            for piece, part in zip(segment.pieces, share(amount, [1] * len(segment.pieces))):
                setattr(piece, name, (getattr(piece, name) or 0) + part)
