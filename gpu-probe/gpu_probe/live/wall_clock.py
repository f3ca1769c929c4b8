"""The instants of the journals, and how far the wall clock has moved away from them."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable

_log = logging.getLogger("gpu_probe")
# Less is drift, or a correction that needs no new minutes.
_STEP_NS = 1_000_000_000
# Two readings that lie further apart were interrupted.
_APART_NS = 10_000_000


class WallClock:
    """``now`` is Unix time that does not jump: an interval must not be measured by a clock that someone sets.
    The wall clock is ``shift_ns`` ahead of it, as of the last ``was_set``."""

    def __init__(
        self, wall: Callable[[], int] = time.time_ns, steady: Callable[[], int] = time.monotonic_ns
    ) -> None:
        self._wall, self._steady = wall, steady
        self._base = wall() - steady()
        self._suspect: int | None = None
        self.shift_ns = 0

    def now(self) -> int:
        return self._base + self._steady()

    def was_set(self) -> bool:
        """Whether the wall clock stands a second or more from where it was last found, twice in a row: set by
        somebody, or because the machine slept (the steady clock sleeps too)."""
        before = self.now()
        wall = self._wall()
        if self.now() - before > _APART_NS:
            return False
        # Whole microseconds, like the edges of minutes.
        shift = (wall - before) // 1000 * 1000
        suspect, self._suspect = self._suspect, None
        if abs(shift - self.shift_ns) < _STEP_NS:
            return False
        if suspect is None or abs(shift - suspect) >= _STEP_NS:
            self._suspect = shift
            return False
        _log.warning(
            "the wall clock was set by %.3f s, or the machine slept: events follow from the next minute on",
            (shift - self.shift_ns) / 1e9,
        )
        self.shift_ns = shift
        return True
