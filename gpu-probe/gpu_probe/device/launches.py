"""What the journal gets of steps while they are launched: one entry per step, after the launch."""

from __future__ import annotations

import threading

from ..journal import EntrySink, RowWriter, entries
from ..journal.entries import Manifest
from .live_step import LiveStep


class Launches:
    """Steps from their begin until their rows are written. For any thread."""

    def __init__(self, journal: EntrySink) -> None:
        self._journal = journal
        self._rows = RowWriter(journal.append)
        # Begun and not in the journal yet.
        self._begun: dict[int, LiveStep] = {}
        self._writing = threading.Lock()

    def begin(self, step: LiveStep) -> None:
        """Notes a step in case the process dies before it is written."""
        self._begun[step.number] = step
        step.slot = self._journal.begun.note(step.number, step.stream, step.host_begin_ns)
        if step.slot is None:
            self.announce()

    def write(self, step: LiveStep, rows: Manifest) -> None:
        """A step that was launched: its only entry, unless it was announced."""
        with self._writing:
            is_announced = self._begun.pop(step.number, None) is None
            self._rows.write(
                step.number, step.stream, step.host_begin_ns, is_announced, rows, step.host_end_ns
            )
            self._forget(step)

    def announce(self) -> None:
        """Writes down the steps that are being launched. Before any entry that a reader takes to come after
        them: an end of a session or of a step, the time."""
        if not self._begun:
            return
        with self._writing:
            for step in tuple(self._begun.values()):
                del self._begun[step.number]
                self._journal.append(entries.started_entry(step.number, step.stream, step.host_begin_ns))
                self._forget(step)

    def detach(self) -> None:
        """In a forked child: what is under way is the parent's, and so may the lock be."""
        self._begun = {}
        self._writing = threading.Lock()

    def _forget(self, step: LiveStep) -> None:
        slot, step.slot = step.slot, None
        if slot is not None:
            self._journal.begun.forget(slot)
