"""What the blocks of a probe share: its devices, its sessions, and what is current in a task or thread."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Sequence
from contextvars import ContextVar

from .device.backends import current_device
from .device.busy import BusySampler
from .device.live_step import LiveStep
from .journal.entries import TEXT_BYTES
from .live.unit import Unit
from .protocol import Row, SessionHandle
from .session import Session

# What a step is measured for: its rows, a function that gives them, or None for the current session.
Rows = Sequence[Row] | Callable[[], Sequence[Row]] | None
# The device and the step that a block's GPU time goes to; no step where the device cannot be touched.
Holder = tuple[Unit, LiveStep | None]
# Closed sessions that an engine may still name by their id.
_REMEMBERED = 10_000


class Registry:
    """``spread``: every step is timed on all devices. ``busy`` looks into some steps, None for none."""

    def __init__(self, units: list[Unit], spread: bool, busy: BusySampler | None) -> None:
        self.holder: ContextVar[Holder | None] = ContextVar("gpu_probe_holder", default=None)
        self.session: ContextVar[SessionHandle | None] = ContextVar("gpu_probe_session", default=None)
        # The session's block that a thread is in, where it is measured as a step.
        self.block: ContextVar[object] = ContextVar("gpu_probe_block", default=None)
        self.spread = spread
        self.busy = busy
        self.closed = False
        self._units = units
        self._only_unit = units[0] if len(units) == 1 else None
        self._by_id: OrderedDict[str, Session] = OrderedDict()
        self._mutex = threading.Lock()

    def add(self, session: Session) -> None:
        """A new session: found by its id from here on, and open on the first device.

        An id that another session has, or had a short while ago, gets the session's number: of two sessions
        with one id the events could be taken for copies, and rows named by it for the other's.
        """
        with self._mutex:
            if session.session_id in self._by_id:
                session.session_id = self._numbered(session)
            self._by_id[session.session_id] = session
            while len(self._by_id) > _REMEMBERED and next(iter(self._by_id.values())).closed:
                self._by_id.popitem(last=False)
        _open_on(self._units[0], session)

    def _numbered(self, session: Session) -> str:
        """The session's id with its number, cut to what the schema takes."""
        suffix = f"-{session.number}"
        while True:
            room = TEXT_BYTES - len(suffix)
            numbered = session.session_id.encode()[:room].decode("utf-8", "ignore") + suffix
            if numbered not in self._by_id:
                return numbered
            # A caller's own id looks the same.
            suffix += "x"

    def unit(self) -> Unit | None:
        """The device that the calling thread uses; None once closed."""
        if self.closed:
            return None
        return self._only_unit or self._units[current_device() % len(self._units)]

    def units(self) -> Sequence[Unit]:
        """All devices; none once closed."""
        return () if self.closed else self._units

    def resolve(self, rows: Rows) -> Sequence[Row]:
        """The rows themselves; None is the current session's, an empty one where there is none."""
        if rows is None:
            current = self.session.get()
            return () if current is None else ((current, 0, 0),)
        return rows() if callable(rows) else rows

    def flatten(self, unit: Unit, rows: Sequence[Row]) -> list[int]:
        """Rows as numbers. A session that the device has not met is opened on it; rows of an unknown id are
        left out."""
        flat: list[int] = []
        single = self._only_unit is not None
        for session, new_tokens, context_tokens in rows:
            if type(session) is not Session:
                found = self._by_id.get(session)  # type: ignore[arg-type]
                if found is None:
                    continue
                session = found
            if not single and not session.closed:
                _open_on(unit, session)
            flat += (session.number, new_tokens, context_tokens)
        return flat


def _open_on(unit: Unit, session: Session) -> None:
    if session.join(unit):
        unit.note_memory()
        unit.journal.append(session.opening_entry(unit.host_ns()))
