"""The events of a clock: made once, used again and again."""

from __future__ import annotations

import threading

from .backend import Backend
from .live_step import Counts, LiveStep, Mark

# A step takes at most two, and making one while the GPU waits costs a call of the driver.
_SPARE = 2


class MarkPool:
    """Marks that nobody needs. It begins with ``size`` and grows up to ``limit``."""

    def __init__(self, backend: Backend, counts: Counts, size: int, limit: int) -> None:
        self._backend = backend
        self._counts = counts
        self._limit = limit
        self._free = [Mark(backend.event()) for _ in range(size)]
        self._mutex = threading.Lock()
        counts.pool = size

    def take(self) -> Mark | None:
        """A mark with one use; None where all that there may be are in use."""
        try:
            mark = self._free.pop()
        except IndexError:
            grown = self._grow()
            if grown is None:
                return None
            mark = grown
        mark.uses = 1
        return mark

    def share_end(self, step: LiveStep) -> Mark | None:
        """The end of a step with one use more; None once the step is read: the mark may be another's by
        now."""
        with self._mutex:
            if step.end is not None:
                step.end.uses += 1
            return step.end

    def release(self, *marks: Mark) -> None:
        """One use less of each."""
        with self._mutex:
            for mark in marks:
                mark.uses -= 1
                if mark.uses == 0:
                    self._free.append(mark)

    def retire(self, step: LiveStep, spare: Mark) -> None:
        """The step is read: its end is shared no more, and the spare mark has one use less."""
        with self._mutex:
            end, step.end = step.end, None
            for mark in (spare, end):
                if mark is not None:
                    mark.uses -= 1
                    if mark.uses == 0:
                        self._free.append(mark)

    @property
    def is_low(self) -> bool:
        """Whether a step would have to make an event."""
        return len(self._free) < _SPARE

    def replenish(self) -> None:
        """Makes what the next step would have to make: now the GPU has work and does not wait for it. Nothing
        while a graph is captured."""
        while len(self._free) < _SPARE and not self._backend.capturing():
            mark = self._grow()
            if mark is None:
                return
            self._free.append(mark)

    def _grow(self) -> Mark | None:
        if self._counts.pool >= self._limit:
            return None
        self._counts.pool += 1
        return Mark(self._backend.event())
