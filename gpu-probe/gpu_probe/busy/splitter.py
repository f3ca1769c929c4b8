"""Splits each tick's busy time over the steps in it, exactly.

A tick is split two seconds late, so that the classes of its steps are known from what followed. What the
steps explain goes to them in proportion, whole nanoseconds, by largest remainder, and never more than a step
lasted. What is over is *unmetered* where it stands out from what ticks usually differ (judge.py).
"""

from __future__ import annotations

from collections import deque
from typing import Protocol

from ..sharing import share
from .intervals import union_ns
from .judge import Judge
from .lag import LAG_MAX_NS, Lag, find_lag
from .rates import Rates
from .tick import Sight, Tick, Use

DELAY_NS = 2_000_000_000
# A counter that stays silent this long no longer holds events back.
WAIT_NS = 5_000_000_000
_SLOT_NS = 100_000_000
_TOGETHER = 5
_PAST_TICKS = 40
_PLAIN_PART = 0.2


class Listener(Protocol):
    """Takes the ticks that are split, in order of time: ``unmetered_ns`` of each is final."""

    def tick_split(self, tick: Tick) -> None: ...


class BusySplitter:
    """Uses and ticks in, in any order within what ``settle`` has not passed; ``Use.busy_ns`` out.

    Annotated here is what a checkpoint keeps.
    """

    settled: int
    rates: Rates
    judge: Judge
    lag: Lag
    _slots: dict[int, list[Use]]
    _ticks: deque[Tick]
    _past: deque[Tick]
    _last_end: int

    def __init__(self, listener: Listener, start_ns: int) -> None:
        self._listener = listener
        self.settled = start_ns
        self.rates = Rates(kin=Rates())
        self.judge = Judge()
        self.lag = Lag()
        self._slots = {}
        self._ticks = deque()
        self._past = deque()
        self._last_end = start_ns

    def add(self, use: Use) -> None:
        """A stretch of a step; it must end after ``settled``."""
        self.rates.meet(use)
        for slot in range(use.begin // _SLOT_NS, use.end // _SLOT_NS + 1):
            self._slots.setdefault(slot, []).append(use)

    def read(self, tick: Tick) -> None:
        """A reading of the counter; one that begins before the last one ended is dropped."""
        if tick.begin < self._last_end or tick.end <= tick.begin:
            return
        if tick.begin > self._last_end:
            self._ticks.append(self._unknown(self._last_end, tick.begin))
        tick.busy_ns = min(tick.busy_ns, tick.end - tick.begin)
        self._ticks.append(tick)
        self._last_end = tick.end

    def settle(self, until: int) -> None:
        """Splits what is old enough. No use that begins before ``until`` may be added afterwards."""
        if self._last_end < until - WAIT_NS:
            self._silent(until - WAIT_NS)
        ready = sum(tick.end + DELAY_NS <= until for tick in self._ticks)
        if ready >= _TOGETHER:
            self._split(ready, until)

    def stop(self, at: int) -> None:
        """Splits all there is; no reading of the time up to ``at`` will come any more."""
        if self._last_end < at:
            self._silent(at)
        if self._ticks:
            self._split(len(self._ticks), max(at, self._last_end))
        self.settled = at
        self._forget(at)

    def _silent(self, until: int) -> None:
        """The counter says nothing of the time up to ``until``."""
        while self._last_end < until:
            end = min(until, self._last_end + _SLOT_NS)
            self._ticks.append(self._unknown(self._last_end, end))
            self._last_end = end

    def _unknown(self, begin: int, end: int) -> Tick:
        return Tick(begin, end, 0, "learned")

    def _split(self, count: int, until: int) -> None:
        known = [tick for tick in self._ticks if tick.end <= until]
        recent = [*self._past, *known]
        counted = [tick for tick in recent if tick.is_known]
        self.lag = find_lag(counted[-2 * _PAST_TICKS :], self._uses(), self.rates.of, self.lag)
        sights = [self._sight(tick) for tick in recent]
        self.rates.start([(sight, tick.metered_ns) for tick, sight in zip(recent, sights) if tick.is_known])
        excess = [self._excess(tick, sight) for tick, sight in zip(recent, sights)]
        begin = len(self._past)
        for index in range(begin, begin + count):
            tick, sight = self._ticks.popleft(), sights[index]
            if not tick.is_known:
                tick.busy_ns = min(round(self.rates.recall(sight)), tick.end - tick.begin)
            else:
                tick.unmetered_ns = self.judge.unmetered(tick, excess, index)
            self._allot(tick, sight)
            self._listener.tick_split(tick)
            self._past.append(tick)
        done = slice(begin, begin + count)
        self.rates.learn(
            [
                (sight, float(_lesson(tick)))
                for tick, sight in zip(recent[done], sights[done])
                if tick.is_known and sight.steps
            ]
        )
        self._settle_to(self._past[-1].end - LAG_MAX_NS)

    def _settle_to(self, at: int) -> None:
        self.settled = max(self.settled, at)
        while len(self._past) > _PAST_TICKS:
            self._past.popleft()
        self._forget(self._past[0].begin - LAG_MAX_NS if self._past else at)

    def _forget(self, before: int) -> None:
        for slot in [slot for slot in self._slots if (slot + 1) * _SLOT_NS < before]:
            del self._slots[slot]
        self.rates.forget(self._uses())

    def _uses(self) -> list[Use]:
        return list({id(use): use for slot in self._slots.values() for use in slot}.values())

    def _between(self, begin: int, end: int) -> list[Use]:
        found = {
            id(use): use
            for slot in range(begin // _SLOT_NS, end // _SLOT_NS + 1)
            for use in self._slots.get(slot, ())
            if use.begin < end and use.end > begin
        }
        return list(found.values())

    def _sight(self, tick: Tick) -> Sight:
        begin, end = self.lag.window(tick)
        longer = (tick.end - tick.begin) / (end - begin)
        sight = Sight()
        spans: list[tuple[int, int]] = []
        for use in self._between(begin, end):
            span = (max(begin, use.begin), min(end, use.end))
            spans.append(span)
            steps = longer * (span[1] - span[0]) / max(1, use.whole_ns)
            sight.steps[use.cls] = sight.steps.get(use.cls, 0.0) + steps
            sight.kin[use.kin] = sight.kin.get(use.kin, 0.0) + steps
        covered = union_ns(spans)
        if covered:
            sight.overlap = sum(high - low for low, high in spans) / covered
        return sight

    def _excess(self, tick: Tick, sight: Sight) -> float | None:
        """Busy time that the steps do not explain; None where nobody can say."""
        if tick.quality != "counter" or not self.rates.grown(sight):
            return None
        return tick.busy_ns - min(self.rates.explain(sight), tick.end - tick.begin)

    def _allot(self, tick: Tick, sight: Sight) -> None:
        """Gives the tick to its steps; what they cannot have worked goes to steps near it, then to nobody."""
        left = tick.metered_ns
        begin, end = self.lag.window(tick)
        if not tick.is_known:
            self._mark_unknown(begin, end)
        left = self._give(begin, end, left, tick)
        if left:
            left = self._give(tick.begin - LAG_MAX_NS, tick.end, left, tick)
        tick.unmetered_ns += left

    def _mark_unknown(self, begin: int, end: int) -> None:
        """Of these steps' classes no tick has taught anything, and none says anything now."""
        for use in self._between(begin, end):
            if not self.rates.known(use.cls).ticks:
                use.quality = "sampled" if use.busy_ns else "elapsed"

    def _give(self, begin: int, end: int, amount: int, tick: Tick) -> int:
        """Splits an amount by what each step explains; returns what there was no room for."""
        uses = self._between(begin, end) if amount else []
        lengths = [min(end, use.end) - max(begin, use.begin) for use in uses]
        rate_of = self.rates.of if tick.is_known else self.rates.taught
        wanted = [
            round(rate_of(use.cls) * length / max(1, use.whole_ns)) for use, length in zip(uses, lengths)
        ]
        while amount and uses:
            room = [
                max(0, min(length, use.end - use.begin - use.busy_ns)) for use, length in zip(uses, lengths)
            ]
            open_ = [index for index, free in enumerate(room) if free]
            if not open_:
                break
            given = 0
            for index, part in zip(open_, share(amount, [wanted[index] for index in open_])):
                part = min(part, room[index])
                uses[index].busy_ns += part
                lengths[index] -= part
                given += part
                self._mark(uses[index], tick)
            amount -= given
        return amount

    def _mark(self, use: Use, tick: Tick) -> None:
        is_grown = self.rates.known(use.cls).grown
        if tick.quality != "counter" or not is_grown or use.quality == "elapsed":
            use.quality = "sampled"


def _lesson(tick: Tick) -> int:
    """What of a tick is for its steps to explain. A little that was found to be nobody's may be theirs: rates
    that are too low would find it so for ever."""
    is_plain = tick.unmetered_ns > _PLAIN_PART * (tick.end - tick.begin)
    return tick.metered_ns if is_plain else tick.busy_ns
