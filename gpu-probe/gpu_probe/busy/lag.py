"""How late the counter is: the busy time of a tick is that of steps some 50 to 160 ms before it (measured on
an H100, where it jumped by the counter's own period of 100 ms).

Found by trying: the lag at which what the steps explain lies closest to what the counter says.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from .rates import Rates
from .tick import Tick, Use

LAG_MAX_NS = 250_000_000
LAG_START_NS = 50_000_000
_BIN_NS = 10_000_000
# Another lag is believed where it explains this much better than the one in force, and where lags differ.
_BETTER = 0.8
_CONTRAST = 1.3


def find_lag(ticks: Sequence[Tick], uses: Iterable[Use], rates: Rates, lag_ns: int) -> int:
    """The lag by a few seconds of ticks, nanoseconds; ``lag_ns`` where they do not tell."""
    if len(ticks) < 10:
        return lag_ns
    first = (ticks[0].begin - LAG_MAX_NS) // _BIN_NS - 1
    explained = _explained_until(first, ticks[-1].end // _BIN_NS + 2, uses, rates)
    errors = {
        lag: sum(_error(tick, lag, first, explained) for tick in ticks)
        for lag in range(0, LAG_MAX_NS + 1, _BIN_NS)
    }
    best = min(errors, key=errors.__getitem__)
    ordinary = sorted(errors.values())[len(errors) // 2]
    now = errors[min(lag_ns // _BIN_NS * _BIN_NS, LAG_MAX_NS)]
    return best if errors[best] < _BETTER * now and errors[best] * _CONTRAST < ordinary else lag_ns


def _explained_until(first: int, last: int, uses: Iterable[Use], rates: Rates) -> list[float]:
    """Busy nanoseconds that the steps explain up to the end of each bin."""
    bins = [0.0] * (last - first + 1)
    for use in uses:
        length = max(1, use.end - use.begin)
        busy = rates.of(use.cls) * length / max(1, use.whole_ns)
        begin, end = use.begin // _BIN_NS, use.end // _BIN_NS
        for index in range(max(begin, first), min(end, last) + 1):
            low, high = max(use.begin, index * _BIN_NS), min(use.end, (index + 1) * _BIN_NS)
            bins[index - first] += busy * max(0, high - low) / length
    total = 0.0
    for index, value in enumerate(bins):
        total += value
        bins[index] = total
    return bins


def _error(tick: Tick, lag: int, first: int, explained: list[float]) -> float:
    def until(at: int) -> float:
        place = at / _BIN_NS - first - 1
        index = min(max(int(place), 0), len(explained) - 2)
        return explained[index] + (explained[index + 1] - explained[index]) * (place - index)

    expected = min(until(tick.end - lag) - until(tick.begin - lag), float(tick.end - tick.begin))
    return abs(tick.busy_ns - expected)
