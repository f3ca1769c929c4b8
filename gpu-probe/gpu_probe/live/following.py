"""The sessions that a journal tells of, for as long as a step may name them."""

from __future__ import annotations

from collections import OrderedDict
from typing import Dict, Iterable, Iterator, List, Optional, Tuple

from ..device.interface import Closed, Opened, Record
from .entries import TEXT_BYTES

# Closed sessions that an engine may still name in a step.
_REMEMBERED = 10_000
_LATE = 1 << 40


class _Followed:
    __slots__ = ("closed", "in_flight", "opened")

    def __init__(self, opened: Opened) -> None:
        self.opened = opened
        self.in_flight = 0
        self.closed: Optional[Closed] = None


class Sessions:
    """A session is followed until it is closed and none of its steps is in flight, then remembered for a
    while."""

    def __init__(self) -> None:
        self._followed: Dict[int, _Followed] = {}
        self._gone: OrderedDict[int, _Followed] = OrderedDict()
        self._next_late = _LATE

    def __contains__(self, session: int) -> bool:
        return session in self._followed

    def __iter__(self) -> Iterator[int]:
        return iter(self._followed)

    def of(self, session: int) -> Opened:
        """How a session that is followed was opened."""
        return self._followed[session].opened

    def open(self, opened: Opened) -> None:
        self._followed[opened.session] = _Followed(opened)

    def close(self, closed: Closed) -> List[Record]:
        """The record where it is the first that closes the session."""
        followed = self._followed.get(closed.session)
        if followed is None or followed.closed is not None:
            return []
        followed.closed = closed
        if followed.in_flight == 0:
            self._forget(closed.session)
        return [closed]

    def reopen(self, session: int, at_ns: int) -> Optional[Tuple[Opened, Closed]]:
        """An engine runs a row of a session that is over: the work is its tenant's all the same, in a session
        that follows the first and closes with the step. None where the session was never seen."""
        gone = self._gone.get(session)
        if gone is None or gone.closed is None:
            return None
        number, self._next_late = self._next_late, self._next_late + 1
        opened = gone.opened._replace(
            session=number, at_ns=at_ns, session_id=_late_id(gone.opened.session_id, number - _LATE)
        )
        followed = self._followed[number] = _Followed(opened)
        followed.closed = gone.closed._replace(session=number, at_ns=at_ns, tokens_out=0)
        return opened, followed.closed

    def join(self, sessions: Iterable[int]) -> None:
        """A step with these sessions was sent."""
        for session in sessions:
            self._followed[session].in_flight += 1

    def leave(self, sessions: Iterable[int]) -> None:
        """It is over."""
        for session in sessions:
            followed = self._followed[session]
            followed.in_flight -= 1
            if followed.in_flight == 0 and followed.closed is not None:
                self._forget(session)

    def _forget(self, session: int) -> None:
        self._gone[session] = self._followed.pop(session)
        if len(self._gone) > _REMEMBERED:
            self._gone.popitem(last=False)


def _late_id(session_id: str, number: int) -> str:
    """A new id, however long the first was: two sessions of one id would be taken for copies."""
    suffix = f"-late-{number}"
    return session_id.encode("utf-8")[: TEXT_BYTES - len(suffix)].decode("utf-8", "ignore") + suffix
