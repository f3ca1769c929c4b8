"""A session as the serving code holds it."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any, Dict, List, Optional

if TYPE_CHECKING:
    from .live.unit import Unit
    from .probe import Probe


class Session:
    """One inference request or stream. ``tokens_out`` may be set before it closes: the tokens that its caller
    got, where the engine knows better than a count of steps."""

    __slots__ = ("_lock", "_probe", "_units", "closed", "labels", "number", "outcome", "tokens_out")

    def __init__(self, probe: Probe, number: int, labels: Dict[str, Any]) -> None:
        self.number = number
        self.labels = labels
        self.closed = False
        self.outcome: Optional[str] = None
        self.tokens_out: Optional[int] = None
        self._probe = probe
        self._units: List[Unit] = []
        self._lock = threading.Lock()

    @property
    def session_id(self) -> str:
        return str(self.labels["session_id"])

    def close(self, outcome: str = "ok", tokens_out: Optional[int] = None) -> None:
        """The session is over for its caller: ok, error, timeout, cancelled or interrupted. Its steps in flight
        still count for it.

        From any thread, does not wait. The first call counts, later ones do nothing. Raises ValueError for
        another outcome.
        """
        self._probe.close_session(self, outcome, self.tokens_out if tokens_out is None else tokens_out)

    def opened_on(self, unit: Unit) -> bool:
        """Whether this is the first time the session meets a device."""
        if unit in self._units:
            return False
        with self._lock:
            if unit in self._units:
                return False
            self._units.append(unit)
            return True

    def close_once(self) -> List[Unit]:
        """The devices it must be closed on; empty the second time."""
        with self._lock:
            if self.closed:
                return []
            self.closed = True
            return self._units
