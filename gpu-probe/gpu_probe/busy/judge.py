"""Which busy time is nobody's."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field

from .tick import Tick

_AROUND = 10
_KEPT = 200
_PART = 0.02
_FLOOR_NS = 200_000.0


@dataclass(slots=True, eq=False)
class Judge:
    """``usual`` holds what ticks were over or under lately, ``owed_ns`` what ticks in a row of foreign work
    were under."""

    usual: deque[float] = field(default_factory=deque)
    owed_ns: float = 0.0

    def unmetered(self, tick: Tick, excess: Sequence[float], index: int) -> int:
        """Of a tick's busy time, what is foreign: its excess, where the ticks around it are over by more than
        they usually differ."""
        own = excess[index]
        around = excess[max(0, index - _AROUND) : index + _AROUND + 1]
        mean = sum(around) / len(around)
        limit = max(_FLOOR_NS, _PART * tick.busy_ns, 3 * self._spread() / len(around) ** 0.5)
        self.usual.append(own)
        if len(self.usual) > _KEPT:
            self.usual.popleft()
        if mean <= limit:
            self.owed_ns = 0.0
            return 0
        foreign = own + self.owed_ns
        self.owed_ns = min(0.0, foreign)
        return min(tick.busy_ns, max(0, round(foreign)))

    def _spread(self) -> float:
        """Standard deviation by the median absolute deviation, nanoseconds."""
        if len(self.usual) < 10:
            return 0.0
        ordered = sorted(self.usual)
        middle = ordered[len(ordered) // 2]
        return 1.4826 * sorted(abs(value - middle) for value in ordered)[len(ordered) // 2]
