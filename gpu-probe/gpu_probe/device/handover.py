"""The end of a step as the begin of the next one."""

from __future__ import annotations

from .backend import Backend
from .events import EventPool
from .live_step import LiveStep

# An engine that waited for so many steps in a row: the GPU is asked again after so many more.
_WAITS_LEARNED = 8


class Handover:
    """``latest`` is the step that ended last, until another begins. ``under_way`` are the steps that are
    being launched."""

    def __init__(self, backend: Backend, pool: EventPool, under_way: dict[int, LiveStep]) -> None:
        self.latest: LiveStep | None = None
        self._backend = backend
        self._pool = pool
        self._under_way = under_way
        # So many steps in a row began after the GPU had ended the one before.
        self._waited = 0

    def take(self, step: LiveStep, latest: LiveStep) -> bool:
        """Makes the end of the latest step the begin of this one, where the GPU has not come to it and
        nothing made the stream wait in between; whether it did."""
        end, stream, backend = latest.end, step.stream, self._backend
        if end is None or latest.stream != stream:
            return False
        if self._waited >= _WAITS_LEARNED:
            # The engine waits for each step: the GPU would wait for an answer that is known.
            self._waited += 1
            if self._waited % _WAITS_LEARNED:
                return False
        if latest.waits != backend.waits(stream) or (self._under_way and self._is_used(stream)):
            return False
        if backend.query(end):
            latest.has_passed = True
            self._waited += self._waited < _WAITS_LEARNED
            return False
        self._waited = 0
        step.begin = self._pool.take_over(latest)
        return step.begin is not None

    def _is_used(self, stream: int) -> bool:
        """Whether another thread is launching a step on the stream: what it launches is its own."""
        return any(step.stream == stream for step in tuple(self._under_way.values()))
