"""Memory peaks of sessions that overlap.

The allocator has one peak for the whole process, and resetting it for one session would erase another's. So
one arbiter folds the peak into all open sessions whenever the set of open sessions changes, and starts a new
epoch there.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from .session import INFERENCE, SessionUsage


@dataclass(slots=True, eq=False)
class MemoryArbiter:
    """Folds the device's peak, bytes, into the open sessions."""

    exact: bool = False
    _open: dict[int, SessionUsage] = field(default_factory=dict)
    _epoch_peak: int = 0
    _last: int = 0

    def note(self, peak_bytes: int) -> None:
        """The allocator's peak since its last report."""
        self._last = peak_bytes
        self._epoch_peak = max(self._epoch_peak, peak_bytes)

    def note_exactly(self, peak_bytes: int, allocated_bytes: int) -> None:
        """The same, where it is read at each opening and closing, with what is allocated now."""
        self.exact = True
        self.note(peak_bytes)
        self._last = allocated_bytes

    def add(self, session: SessionUsage) -> None:
        self._fold()
        self._open[session.order] = session
        if self.exact:
            session.memory_peak = self._last
        # The operator's part in a cold step is nobody beside them.
        if len(self._open) > 1 and session.phase == INFERENCE:
            for other in self._open.values():
                other.memory_shared = True

    def remove(self, session: SessionUsage) -> tuple[int, bool]:
        """The session's peak and whether others were open beside it; it is no longer followed."""
        result = self.take(session)
        self._open.pop(session.order, None)
        return result

    def leave(self, session: SessionUsage) -> None:
        """The session's caller is gone and the peak was noted just now: what others allocate from here on is
        not its, though steps of it may still run."""
        self._fold()
        del self._open[session.order]

    def take(self, session: SessionUsage) -> tuple[int, bool]:
        """Peak and sharing since the last take; the session stays open and starts anew."""
        self._fold()
        # Without any report in its time, what was last seen allocated is what was there.
        result = (session.memory_peak or self._last, session.memory_shared)
        if session.order not in self._open:
            return result
        session.memory_peak = 0
        session.memory_shared = len(self._open) > 1
        return result

    def _fold(self) -> None:
        peak, self._epoch_peak = self._epoch_peak, 0
        if peak:
            for session in self._open.values():
                if session.memory_peak < peak:
                    session.memory_peak = peak
