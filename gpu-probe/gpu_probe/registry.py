"""What the blocks of a probe share: its devices, its sessions, and what is current in a task or thread."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Sequence
from contextvars import ContextVar
from typing import NamedTuple

from .device.backends import current_device
from .device.busy import BusySampler
from .device.live_step import LiveStep
from .journal.entries import NO_ROWS, Manifest
from .labels import TEXT_BYTES, clean_label
from .live.unit import Unit
from .protocol import Row, SessionHandle
from .session import Session

# What a step is measured for: its rows, a function that gives them, or None for the current session.
Rows = Sequence[Row] | Callable[[], Sequence[Row]] | None
# The device and the step that a block's GPU time goes to; no step where the device cannot be touched.
Holder = tuple[Unit, LiveStep | None]
# Closed sessions that an engine may still name by their id.
_REMEMBERED = 10_000
_BATCHES_MAX = 64


class _Batch(NamedTuple):
    """The sessions of a batch as an engine names them, and their numbers. An id may come to mean another
    session: then the registry's generation is another."""

    generation: int
    keys: tuple[str | SessionHandle, ...]
    numbers: tuple[int, ...]


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
        # An engine runs the same batch again and again: by device, number of rows and first session.
        self._batches: dict[tuple[Unit, int, str | SessionHandle], _Batch] = {}
        self._generation = 0

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
                # Its id may come again. Afterwards: who looked it up meanwhile has the older generation.
                self._generation += 1
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

    def manifest(self, unit: Unit, rows: Sequence[Row]) -> Manifest:
        """Rows as numbers. A session that the device has not met is opened on it; rows of an unknown id are
        left out."""
        if not rows:
            return NO_ROWS
        if len(rows) == 1 and self._only_unit is not None:
            key, new, context = rows[0]
            if type(key) is Session:
                return Manifest((key.number,), (new,), (context,))
        keys, new_tokens, context_tokens = zip(*rows)
        batch = self._batches.get((unit, len(keys), keys[0]))
        if batch is not None and batch.generation == self._generation and batch.keys == keys:
            return Manifest(batch.numbers, new_tokens, context_tokens)
        return self._look_up(unit, rows)

    def _look_up(self, unit: Unit, rows: Sequence[Row]) -> Manifest:
        """The same for a batch that was not there a moment ago, which is remembered."""
        generation = self._generation
        single = self._only_unit is not None
        found: list[tuple[int, int, int]] = []
        for key, new_tokens, context_tokens in rows:
            session = key if type(key) is Session else self._named(key)
            if session is None:
                continue
            if not single and not session.closed:
                _open_on(unit, session)
            found.append((session.number, new_tokens, context_tokens))
        if not found:
            return NO_ROWS
        columns = Manifest(*zip(*found))
        if len(found) == len(rows):
            if len(self._batches) >= _BATCHES_MAX:
                self._batches.clear()
            keys = tuple(row[0] for row in rows)
            self._batches[(unit, len(keys), keys[0])] = _Batch(generation, keys, columns.sessions)
        return columns

    def _named(self, key: object) -> Session | None:
        """The session of an id, also of the caller's own where that was not clean text."""
        if not isinstance(key, str):
            return None
        return self._by_id.get(key) or self._by_id.get(clean_label(key) or "")


def _open_on(unit: Unit, session: Session) -> None:
    if session.join(unit):
        unit.note_memory()
        unit.journal.append(session.opening_entry(unit.host_ns()))
