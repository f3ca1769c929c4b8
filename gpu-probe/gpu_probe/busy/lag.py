"""Which stretch of time a reading of the counter speaks of.

An H100's counter has a new value every 100 ms, of what the card did up to some 20 ms before; whoever reads
in between gets the last value. A tick read from 0 to 115 ms may so speak of 100 ms or of 200, and of time
that is 20 to 120 ms gone. Read in step with the counter, it looks late by one lag that stays.

Found by trying: the lag at which what the steps explain lies closest to what the counter says.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from .tick import Tick, Use

PERIOD_NS = 100_000_000
LAG_MAX_NS = 250_000_000
LAG_START_NS = 50_000_000
_BIN_NS = 5_000_000
_STEP_NS = 10_000_000
_BEHIND_MAX_NS = 60_000_000
_TICKS_MIN = 10
# Where the steps explain all but this part of the busy time, there is nothing to look for.
_CLOSE = 0.05
# Another lag is believed where it explains this much better than the one in force, and where lags differ.
_BETTER = 0.8
_BETTER_NEXT = 0.95
_CONTRAST = 1.3


@dataclass(slots=True, eq=False)
class Lag:
    """A reading is of what the card did up to ``behind_ns`` before it; before the counter's last value, where
    ``phase_ns`` is known: values come whenever the clock is so far into a period."""

    behind_ns: int = LAG_START_NS
    phase_ns: int | None = None

    def edge(self, at: int) -> int:
        """Up to when a reading speaks of the past."""
        if self.phase_ns is not None:
            at -= (at - self.phase_ns) % PERIOD_NS
        return at - self.behind_ns

    def window(self, tick: Tick) -> tuple[int, int]:
        """The stretch that a tick speaks of, not empty."""
        begin, end = self.edge(tick.begin), self.edge(tick.end)
        if begin < end:
            return begin, end
        late = self.behind_ns + PERIOD_NS // 2
        return tick.begin - late, tick.end - late

    def is_next_to(self, other: Lag) -> bool:
        if self.phase_ns is None or other.phase_ns is None:
            return False
        apart = abs(self.phase_ns - other.phase_ns)
        near = abs(self.behind_ns - other.behind_ns) <= _STEP_NS
        return near and min(apart, PERIOD_NS - apart) <= _STEP_NS


_LAGS = (
    *(Lag(behind) for behind in range(0, LAG_MAX_NS + 1, _STEP_NS)),
    *(
        Lag(behind, phase)
        for behind in range(0, _BEHIND_MAX_NS + 1, _STEP_NS)
        for phase in range(0, PERIOD_NS, _BIN_NS)
    ),
)


def find_lag(ticks: Sequence[Tick], uses: Iterable[Use], busy_of: Callable[[str], float], lag: Lag) -> Lag:
    """The lag by a few seconds of ticks; the one in force where they do not tell. ``busy_of`` is the busy
    time of a step of a class."""
    if len(ticks) < _TICKS_MIN:
        return lag
    explained = _Explained(ticks, uses, busy_of)
    now = explained.error(ticks, lag)
    if now <= _CLOSE * sum(tick.busy_ns for tick in ticks):
        return lag
    errors = [explained.error(ticks, each) for each in _LAGS]
    at = min(range(len(errors)), key=errors.__getitem__)
    best = _LAGS[at]
    ordinary = sorted(errors)[len(errors) // 2]
    better = _BETTER_NEXT if best.is_next_to(lag) else _BETTER
    return best if errors[at] < better * now and errors[at] * _CONTRAST < ordinary else lag


class _Explained:
    """Busy time that steps explain, up to the end of each bin; never more than the bin is long."""

    def __init__(self, ticks: Sequence[Tick], uses: Iterable[Use], busy_of: Callable[[str], float]) -> None:
        self._first = (ticks[0].begin - 2 * LAG_MAX_NS) // _BIN_NS
        last = ticks[-1].end // _BIN_NS + 2
        bins = [0.0] * (last - self._first + 1)
        for use in uses:
            density = busy_of(use.cls) / max(1, use.whole_ns)
            begin, end = use.begin // _BIN_NS, use.end // _BIN_NS
            for index in range(max(begin, self._first), min(end, last) + 1):
                low, high = max(use.begin, index * _BIN_NS), min(use.end, (index + 1) * _BIN_NS)
                bins[index - self._first] += density * max(0, high - low)
        self._until = [0.0]
        for value in bins:
            self._until.append(self._until[-1] + min(value, _BIN_NS))

    def error(self, ticks: Sequence[Tick], lag: Lag) -> float:
        """Busy nanoseconds of which the counter and the steps differ."""
        total, edge, begin, before = 0.0, lag.edge, 0, 0.0
        last: int | None = None
        for tick in ticks:
            if tick.begin != last:
                begin = edge(tick.begin)
                before = self._at(begin)
            last = tick.end
            end = edge(last)
            after = self._at(end)
            length = last - tick.begin
            part = (after - before) / (end - begin) if end > begin else 0.0
            total += abs(tick.busy_ns - part * length)
            begin, before = end, after
        return total

    def _at(self, instant: int) -> float:
        index, rest = divmod(instant, _BIN_NS)
        index -= self._first
        before = self._until[index]
        return before + (self._until[index + 1] - before) * rest / _BIN_NS if rest else before
