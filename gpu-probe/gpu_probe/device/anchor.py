"""Where the GPU's axis of time lies on the host's."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .backend import Backend
from .live_step import Counts

# Elapsed times are float32 milliseconds: up to 4 s two neighbours are at most 0.25 us apart.
REANCHOR_MS = 2000.0
SILENCE_MS = 60_000.0
_NS_PER_MS = 1_000_000


class Anchor:
    """An event whose instant is known. Making it is the one wait of a clock; a later event takes its place
    before float32 grows coarse."""

    def __init__(self, backend: Backend, counts: Counts, host_ns: Callable[[], int]) -> None:
        self.event = backend.event()
        self._backend = backend
        self._counts = counts
        backend.record(self.event, backend.stream())
        backend.synchronize(self.event)
        self._at_ns = host_ns()

    def place(self, begin: Any, host_begin_ns: int) -> tuple[int, Any]:
        """Where a step begins on the GPU's axis, nanoseconds, and the event that is not needed any more:
        the given one, or the anchor's own, whose place it takes."""
        distance = self._backend.elapsed_ms(self.event, begin)
        at_ns = self._at_ns + round(distance * _NS_PER_MS)
        if distance > SILENCE_MS:
            # Too far for float32. Nothing ran for long, so the step began as it was sent.
            at_ns = host_begin_ns
        if distance <= REANCHOR_MS:
            return at_ns, begin
        self._counts.reanchored += 1
        spare, self.event, self._at_ns = self.event, begin, at_ns
        return at_ns, spare
