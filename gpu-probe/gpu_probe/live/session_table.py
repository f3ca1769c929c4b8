"""The sessions of a journal, for as long as a step may name them."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from ..device.interface import Record, SessionClosed, SessionOpened
from ..labels import TEXT_BYTES

# Closed sessions that an engine may still name in a step.
_REMEMBERED = 10_000
_LATE = 1 << 40


@dataclass(slots=True, eq=False)
class SessionState:
    """How a session was opened and closed, and how many of its steps are in flight."""

    opened: SessionOpened
    in_flight: int = 0
    closed: SessionClosed | None = None


@dataclass(slots=True, eq=False)
class SessionTable:
    """A session is current until it is closed and none of its steps is in flight; after that it is remembered
    for a while."""

    _current: dict[int, SessionState] = field(default_factory=dict)
    _past: OrderedDict[int, SessionState] = field(default_factory=OrderedDict)
    _next_late: int = _LATE

    def __contains__(self, session: int) -> bool:
        return session in self._current

    def __iter__(self) -> Iterator[int]:
        return iter(self._current)

    def of(self, session: int) -> SessionOpened:
        """How a current session was opened."""
        return self._current[session].opened

    def open(self, opened: SessionOpened) -> None:
        state = self._current.get(opened.session)
        if state is None:
            self._current[opened.session] = SessionState(opened)
        else:
            # Its prompt was counted after it was opened.
            state.opened = opened

    def close(self, closed: SessionClosed) -> list[Record]:
        """The record where it is the first that closes the session."""
        state = self._current.get(closed.session)
        if state is None or state.closed is not None:
            return []
        state.closed = closed
        if state.in_flight == 0:
            self._retire(closed.session)
        return [closed]

    def reopen(self, session: int, at_ns: int) -> tuple[SessionOpened, SessionClosed] | None:
        """An engine runs a row of a session that is over: the work is its tenant's all the same, in a session
        that follows the first and closes with the step. None where the session was never seen."""
        past = self._past.get(session)
        if past is None or past.closed is None:
            return None
        number, self._next_late = self._next_late, self._next_late + 1
        opened = past.opened._replace(
            session=number, at_ns=at_ns, session_id=_late_id(past.opened.session_id, number - _LATE)
        )
        closed = past.closed._replace(session=number, at_ns=at_ns, tokens_out=0)
        self._current[number] = SessionState(opened, closed=closed)
        return opened, closed

    def join(self, sessions: Iterable[int]) -> None:
        """A step with these sessions was sent."""
        for session in sessions:
            self._current[session].in_flight += 1

    def leave(self, sessions: Iterable[int]) -> None:
        """It is over."""
        for session in sessions:
            state = self._current[session]
            state.in_flight -= 1
            if state.in_flight == 0 and state.closed is not None:
                self._retire(session)

    def _retire(self, session: int) -> None:
        self._past[session] = self._current.pop(session)
        if len(self._past) > _REMEMBERED:
            self._past.popitem(last=False)


def _late_id(session_id: str, number: int) -> str:
    """A new id, however long the first was: two sessions of one id would be taken for copies."""
    suffix = f"-late-{number}"
    return session_id.encode("utf-8")[: TEXT_BYTES - len(suffix)].decode("utf-8", "ignore") + suffix
