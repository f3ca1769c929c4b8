"""Which busy time is nobody's.

Two kinds of foreign work stand out. A burst is over by far more than ticks usually differ. A background is
over a little, in most ticks: there, the median of the ticks around counts. A counter that is late, or steps
that differ, are over in one tick and under in the next: the one is taken off the other.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from .tick import Tick

_AROUND = 10
_KEPT = 200
_PART = 0.02
_FLOOR_NS = 200_000.0
_BURST_SPREADS = 5.0
_BURST_PART = 0.05
# A burst begins and ends inside a tick.
_EDGE_PART = 0.4
_ENOUGH = 20


@dataclass(slots=True, eq=False)
class Judge:
    """``usual`` holds what ticks without bursts were over or under lately, ``owed_ns`` what ticks in a
    row with foreign work in the background were under."""

    usual: deque[float] = field(default_factory=deque)
    owed_ns: float = 0.0

    def unmetered(self, tick: Tick, excess: Sequence[float | None], index: int) -> int:
        """Of a tick's busy time, what is foreign. ``excess`` is what ticks in a row are over or under, None
        where nobody can say."""
        own = excess[index]
        if own is None:
            return 0
        near = excess[max(0, index - _AROUND) : index + _AROUND + 1]
        around = [value for value in near if value is not None]
        spread = _spread(self.usual if len(self.usual) >= _ENOUGH else [*self.usual, *around])
        burst = max(_BURST_PART * (tick.end - tick.begin), _BURST_SPREADS * spread)
        beside = _beside(excess, index)
        if own > burst or (own > burst * _EDGE_PART and _is_in_burst(own, beside, burst)):
            return _whole(tick, own + sum(under for under in beside if under < -burst))
        self.usual.append(own)
        if len(self.usual) > _KEPT:
            self.usual.popleft()
        return _whole(
            tick, self._background(tick, own, [value for value in around if value <= burst], spread)
        )

    def _background(self, tick: Tick, own: float, around: Sequence[float], spread: float) -> float:
        limit = max(_FLOOR_NS, _PART * tick.busy_ns, 3 * spread / len(around) ** 0.5)
        # The median: bursts too small to stand out must not make what lies around them foreign.
        if sorted(around)[len(around) // 2] <= limit:
            self.owed_ns = 0.0
            return 0.0
        foreign = own + self.owed_ns
        self.owed_ns = min(0.0, foreign)
        return foreign


def _whole(tick: Tick, foreign: float) -> int:
    return min(tick.busy_ns, max(0, round(foreign)))


def _is_in_burst(own: float, beside: Sequence[float], burst: float) -> bool:
    """Beside a tick that stands out, or one of three that stand out together."""
    three = len(beside) == 2 and (own + sum(beside)) / 3**0.5 > burst
    return three or max(beside, default=0.0) > burst


def _beside(excess: Sequence[float | None], index: int) -> list[float]:
    pair = (*excess[max(0, index - 1) : index], *excess[index + 1 : index + 2])
    return [value for value in pair if value is not None]


def _spread(values: Iterable[float]) -> float:
    """Standard deviation by the median absolute deviation, nanoseconds."""
    ordered = sorted(values)
    middle = ordered[len(ordered) // 2]
    return 1.4826 * sorted(abs(value - middle) for value in ordered)[len(ordered) // 2]
