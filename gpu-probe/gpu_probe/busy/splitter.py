"""Splits each tick's busy time over the steps in it, exactly.

A tick is split two seconds late, so that the classes of its steps are known from what followed. What the
steps explain goes to them in proportion, whole nanoseconds, by largest remainder, and never more than a step
lasted. What is over is *unmetered* where the ticks around it are over too: a counter that is late, or steps
that differ, are over in one tick and under in the next.
"""

from __future__ import annotations

from collections import deque
from typing import Protocol

from ..sharing import share
from .intervals import union_ns
from .judge import Judge
from .lag import LAG_MAX_NS, LAG_START_NS, find_lag
from .rates import Rates
from .tick import Sight, Tick, Use

DELAY_NS = 2_000_000_000
# A counter that stays silent this long no longer holds events back.
WAIT_NS = 5_000_000_000
_SLOT_NS = 100_000_000
_TOGETHER = 5
_PAST_TICKS = 40


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
    lag_ns: int
    _slots: dict[int, list[Use]]
    _ticks: deque[Tick]
    _past: deque[Tick]
    _last_end: int

    def __init__(self, listener: Listener, start_ns: int) -> None:
        self._listener = listener
        self.settled = start_ns
        self.rates = Rates()
        self.judge = Judge()
        self.lag_ns = LAG_START_NS
        self._slots = {}
        self._ticks = deque()
        self._past = deque()
        self._last_end = start_ns

    def add(self, use: Use) -> None:
        """A stretch of a step; it must end after ``settled``."""
        self.rates.meet(use.cls, use.whole_ns)
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
            self._split(len(self._ticks), at)
        self.settled = at
        self._forget(at)

    def _silent(self, until: int) -> None:
        """The counter says nothing of the time up to ``until``."""
        while self._last_end < until:
            end = min(until, self._last_end + _SLOT_NS)
            self._ticks.append(self._unknown(self._last_end, end))
            self._last_end = end

    def _unknown(self, begin: int, end: int) -> Tick:
        return Tick(begin, end, -1, "sampled")

    def _split(self, count: int, until: int) -> None:
        known = [tick for tick in self._ticks if tick.end <= until]
        recent = [*self._past, *known]
        counted = [tick for tick in recent if tick.busy_ns >= 0]
        uses = {id(use): use for slot in self._slots.values() for use in slot}.values()
        self.lag_ns = find_lag(counted[-2 * _PAST_TICKS :], uses, self.rates, self.lag_ns)
        sights = [self._sight(tick) for tick in recent]
        self.rates.start(
            [(sight, tick.metered_ns) for tick, sight in zip(recent, sights) if tick.busy_ns >= 0]
        )
        excess = [self._excess(tick, sight) for tick, sight in zip(recent, sights)]
        begin = len(self._past)
        for index in range(begin, begin + count):
            tick, sight = self._ticks.popleft(), sights[index]
            if tick.busy_ns < 0:
                # What is not measured is what the steps of these classes take.
                tick.busy_ns = min(round(self.rates.explain(sight)), tick.end - tick.begin)
            elif self.rates.grown(sight):
                tick.unmetered_ns = self.judge.unmetered(tick, excess, index)
            self._allot(tick, sight)
            self._listener.tick_split(tick)
            self._past.append(tick)
        done = slice(begin, begin + count)
        self.rates.learn(
            (sight, tick.metered_ns)
            for tick, sight in zip(recent[done], sights[done])
            if tick.quality == "counter" and sight.steps
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

    def _between(self, begin: int, end: int) -> list[Use]:
        found = {
            id(use): use
            for slot in range(begin // _SLOT_NS, end // _SLOT_NS + 1)
            for use in self._slots.get(slot, ())
            if use.begin < end and use.end > begin
        }
        return list(found.values())

    def _sight(self, tick: Tick) -> Sight:
        begin, end = tick.begin - self.lag_ns, tick.end - self.lag_ns
        steps: dict[str, float] = {}
        spans: list[tuple[int, int]] = []
        for use in self._between(begin, end):
            span = (max(begin, use.begin), min(end, use.end))
            spans.append(span)
            steps[use.cls] = steps.get(use.cls, 0.0) + (span[1] - span[0]) / max(1, use.whole_ns)
        covered = union_ns(spans)
        total = sum(high - low for low, high in spans)
        return Sight(steps, total / covered if covered else 1.0)

    def _excess(self, tick: Tick, sight: Sight) -> float:
        if tick.busy_ns < 0 or tick.quality != "counter":
            return 0.0
        return tick.busy_ns - min(self.rates.explain(sight), tick.end - tick.begin)

    def _allot(self, tick: Tick, sight: Sight) -> None:
        """Gives the tick to its steps; what they cannot have worked goes to steps near it, then to nobody."""
        left = tick.metered_ns
        begin, end = tick.begin - self.lag_ns, tick.end - self.lag_ns
        left = self._give(begin, end, left, tick.quality)
        if left:
            left = self._give(tick.begin - LAG_MAX_NS, tick.end, left, tick.quality)
        tick.unmetered_ns += left

    def _give(self, begin: int, end: int, amount: int, quality: str) -> int:
        """Splits an amount by what each step explains; returns what there was no room for."""
        uses = self._between(begin, end) if amount else []
        lengths = [min(end, use.end) - max(begin, use.begin) for use in uses]
        wanted = [
            round(self.rates.of(use.cls) * length / max(1, use.whole_ns))
            for use, length in zip(uses, lengths)
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
                if quality != "counter" or not self.rates.by_class[uses[index].cls].grown:
                    uses[index].quality = "sampled"
            amount -= given
        return amount
