"""Busy time on a simulated card, whose counter has a new value every 100 ms and is read in between."""

import random
from itertools import accumulate

import pytest
from test_busy_splitter import MS, Sum

from gpu_probe.busy import BusySplitter, Tick, Use

S = 1_000 * MS
PERIOD = 100 * MS


class Card:
    """Works a share of each millisecond; ``behind`` ms late, values at ``phase`` of a period, or at once."""

    def __init__(self, seed, seconds, behind=17, phase=65):
        self.random = random.Random(seed)
        self.behind, self.phase = behind * MS, None if phase is None else phase * MS
        self.length = seconds * S
        self.work = [0.0] * (seconds * 1_000)
        self.uses, self.foreign = [], [0.0] * (seconds * 1_000)

    def step(self, cls, begin, length, busy, kin=""):
        """A step of so many ms that works the card evenly for some of them."""
        self.uses.append(Use(cls, int(begin * MS), int((begin + length) * MS), int(length * MS), kin))
        for at in range(int(begin), min(int(begin + length), len(self.work))):
            self.work[at] += busy / length

    def burst(self, begin, length, part=1.0):
        for at in range(int(begin), int(begin + length)):
            self.foreign[at] = part

    def thread(self, begin, end, kinds):
        """Host-bound steps one after the other: (class, kin, mean elapsed, busy), by turns in calls."""
        at = begin
        while at < end:
            cls, kin, elapsed, busy, count = self.random.choice(kinds)
            for _ in range(count):
                length = elapsed * self.random.uniform(0.7, 1.6)
                if at + length >= end:
                    return
                self.step(cls, at, length, busy * self.random.uniform(0.95, 1.05), kin)
                at += length + 1

    def ticks(self):
        """As the probe reads it: every 110 to 125 ms, per cent of the counter's periods in between."""
        both = [min(1.0, work + foreign) for work, foreign in zip(self.work, self.foreign)]
        until = [0.0, *accumulate(both)]

        def value(at):
            if self.phase is not None:
                at -= (at - self.phase) % PERIOD
            at = max(0, at - self.behind)
            return at, until[min(at // MS, len(both))]

        at = 0
        while at < self.length:
            begin, at = at, at + int(self.random.uniform(110, 125) * MS)
            (since, before), (to, after) = value(begin), value(at)
            busy = (after - before) * MS / max(1, to - since) * (at - begin)
            yield Tick(begin, at, int(min(1.0, busy / (at - begin)) * (at - begin)))

    def own_ns(self):
        """What the foreign work adds."""
        mine = sum(min(1.0, work) for work in self.work)
        return int((sum(min(1.0, w + f) for w, f in zip(self.work, self.foreign)) - mine) * MS)


def split(card):
    total = Sum()
    splitter = BusySplitter(total, 0)
    waiting = sorted(card.uses, key=lambda use: use.end)
    for tick in card.ticks():
        while waiting and waiting[0].end <= tick.end:
            splitter.add(waiting.pop(0))
        splitter.read(tick)
        splitter.settle(tick.end - 600 * MS)
    splitter.stop(card.length)
    counter = sum(tick.busy_ns for tick in total.ticks)
    return counter, sum(tick.unmetered_ns for tick in total.ticks)


EAGER = [("short", "", 25, 1.5, 20), ("batch", "", 30, 5.0, 20), ("prefill", "", 40, 12.0, 1)]
# Sizes of prompts that hardly ever come twice, each of a kin of four.
PREFILLS = [(f"prefill {size}", f"prefill {size // 4}", 20, 6 + size / 8, 1) for size in range(24)]
SERVED = [("decode", "decode", 4, 3.6, 40), *PREFILLS]


@pytest.mark.parametrize("seed", range(2))
@pytest.mark.parametrize("kinds", [EAGER, SERVED], ids=["eager", "served"])
@pytest.mark.parametrize("phase", [65, None])
def test_without_foreign_work_almost_none_is_found(kinds, phase, seed):
    card = Card(seed, 25, phase=phase, behind=50 if phase is None else 17)
    card.thread(500, 8_000, kinds)
    card.thread(9_000, 24_000, kinds)
    card.thread(12_000, 24_000, EAGER)
    counter, unmetered = split(card)
    assert unmetered <= 0.02 * counter


@pytest.mark.parametrize("kinds", [EAGER, SERVED], ids=["eager", "served"])
def test_bursts_are_found_whatever_else_runs(kinds):
    found = expected = 0
    for seed in range(4):
        card = Card(seed, 30)
        card.thread(500, 29_000, kinds)
        card.thread(3_000, 29_000, EAGER)
        for at in range(8_000, 28_000, 2_000):
            card.burst(at + card.random.uniform(0, 500), 400)
        found += split(card)[1]
        expected += card.own_ns()
    assert found == pytest.approx(expected, rel=0.10)


def test_the_phase_of_the_counter_is_found():
    card = Card(0, 20)
    for at in range(500, 19_000, 700):
        for number in range(10):
            card.step("c", at + 35 * number, 34, 30)
    splitter = BusySplitter(Sum(), 0)
    for use in card.uses:
        splitter.add(use)
    for tick in card.ticks():
        splitter.read(tick)
        splitter.settle(tick.end)
    assert splitter.lag.phase_ns is not None
    apart = abs((splitter.lag.phase_ns - splitter.lag.behind_ns) // MS - (65 - 17))
    assert min(apart, 100 - apart) <= 15
