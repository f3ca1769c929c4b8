"""Cumulative counters of a card, and when to believe them."""

from __future__ import annotations

from collections.abc import Callable

# Counters move every 20 to 100 ms, and power passes its limit for some milliseconds.
_PERIOD_NS = 100_000_000
# Events wait no longer for the sensor (accounting/energy.py): a later reading comes too late for them.
SILENCE_NS = 5_000_000_000
_AGREEING = 3
# No counter comes there in a card's life, and journals hold numbers of 63 bits.
_VALUE_MAX = 1 << 62


class BelievedCounter:
    """A cumulative counter of a card, such as energy's, as far as its limit per second explains it.

    Counters jump, fall and begin anew with the driver. A reading is believed where it lies between the last
    one that was and what the limit allows for the time since. Three readings in a row that agree with
    each other are a new beginning; it reads lower than what came before it, by which the accounting knows
    that what lies in between is unknown. What ``take`` gives is therefore not the hardware's own number.
    ``average`` is the rise per second between the last two that were believed.
    """

    def __init__(self, limit: Callable[[], int]) -> None:
        self._limit = limit
        self._known: tuple[int, int] | None = None
        self._suspect: tuple[int, int] | None = None
        self._agreeing = 0
        self._believed = 0
        self.average: int | None = None

    def take(self, at_ns: int, value: int) -> int | None:
        """What the counter says at an instant; None where it is not believed."""
        reading = (at_ns, value)
        if not 0 <= value < _VALUE_MAX:
            return None
        if self._known is None:
            self._believed = value
        elif at_ns - self._known[0] > SILENCE_NS:
            self._begin_anew()
        elif self._is_possible(self._known, reading):
            rise, length = value - self._known[1], at_ns - self._known[0]
            self._believed += rise
            self.average = rise * 1_000_000_000 // length if length else self.average
        elif not self._agrees(reading):
            return None
        else:
            self._begin_anew()
        self._known, self._suspect, self._agreeing = reading, None, 0
        return self._believed

    def _begin_anew(self) -> None:
        self._believed -= 1
        self.average = None

    def _agrees(self, reading: tuple[int, int]) -> bool:
        """Whether it is the last of several that follow each other as they can, though not the known ones."""
        follows = self._suspect is not None and self._is_possible(self._suspect, reading)
        self._agreeing = self._agreeing + 1 if follows else 1
        self._suspect = reading
        return self._agreeing >= _AGREEING

    def _is_possible(self, before: tuple[int, int], after: tuple[int, int]) -> bool:
        rise = after[1] - before[1]
        if rise < 0:
            return False
        # Asked again each time: somebody may have raised it.
        limit = self._limit()
        return rise * 1_000_000_000 * 4 <= limit * (after[0] - before[0] + _PERIOD_NS) * 5
