"""Sessions that were concluded a short while ago: their callers may still ask what they used."""

from __future__ import annotations

from collections.abc import Iterator

from .session import SessionUsage

REMEMBERED_NS = 60_000_000_000
REMEMBERED_MAX = 4096


class PastSessions:
    """At most ``REMEMBERED_MAX`` of them, for ``REMEMBERED_NS``. A checkpoint does not keep them."""

    def __init__(self) -> None:
        self._concluded: dict[int, tuple[int, SessionUsage]] = {}

    def add(self, session: SessionUsage, at_ns: int) -> None:
        """A session was concluded at an instant of the books, which never runs backwards."""
        self._concluded[session.order] = (at_ns, session)
        if len(self._concluded) > REMEMBERED_MAX:
            del self._concluded[next(iter(self._concluded))]

    def since(self, now_ns: int) -> Iterator[SessionUsage]:
        """Those that are remembered now."""
        self._forget(now_ns - REMEMBERED_NS)
        return (session for _, session in self._concluded.values())

    def _forget(self, until_ns: int) -> None:
        for order, (at_ns, _) in list(self._concluded.items()):
            if at_ns >= until_ns:
                return
            del self._concluded[order]
