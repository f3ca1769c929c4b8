"""The events of a clock: made once, used again and again."""

from __future__ import annotations

from typing import Any

from .backend import Backend
from .live_step import Counts, LiveStep

# A step takes at most two, and making one while the GPU waits costs a call of the driver.
SPARE = 2


class EventPool:
    """Events that nobody needs, in ``free``. It begins with ``size`` and grows up to ``limit``.

    An event that two steps need has one owner: the end of a step is the reader's, unless the next step takes
    it over as its begin. Steps of a stream are read in order, so the first is done with it by then. For any
    thread: a list's ``pop`` says who was first.
    """

    def __init__(self, backend: Backend, counts: Counts, size: int, limit: int) -> None:
        self._backend = backend
        self._counts = counts
        self._limit = limit
        self.free = [backend.event() for _ in range(size)]
        counts.pool = size

    def take(self) -> Any:
        """An event; None where all that there may be are in use."""
        try:
            return self.free.pop()
        except IndexError:
            return self._grow()

    def take_over(self, step: LiveStep) -> Any:
        """The end of a step, whose owner is now who asks; None where somebody was first."""
        if not step.owned_end:
            return None
        try:
            return step.owned_end.pop()
        except IndexError:
            return None

    def replenish(self) -> None:
        """Makes what the next step would have to make: now the GPU has work and does not wait for it. Nothing
        while a graph is captured."""
        while len(self.free) < SPARE and not self._backend.capturing():
            event = self._grow()
            if event is None:
                return
            self.free.append(event)

    def _grow(self) -> Any:
        if self._counts.pool >= self._limit:
            return None
        self._counts.pool += 1
        return self._backend.event()
