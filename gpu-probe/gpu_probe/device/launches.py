"""What the journal gets of steps while they are launched: one entry per step, after the launch."""

from __future__ import annotations

from collections.abc import Sequence

from ..journal import EntrySink, RowWriter, entries
from ..journal.entries import Manifest
from .live_step import LiveStep


class Launches:
    """Steps from their begin until their rows are written. For any thread."""

    def __init__(self, journal: EntrySink) -> None:
        self._journal = journal
        self._note = journal.begun.note
        self._forget = journal.begun.forget
        self._put = journal.put
        self._rows = RowWriter(self._put)
        # Begun and not in the journal yet.
        self._begun: dict[int, LiveStep] = {}

    def begin(self, step: LiveStep) -> None:
        """Notes a step in case the process dies before it is written."""
        self._begun[step.number] = step
        step.slot = self._note(step.number, step.stream, step.host_begin_ns)
        if step.slot is None:
            self.announce()

    def write(self, step: LiveStep | None, rows: Manifest | None, readings: Sequence[bytes]) -> None:
        """A step that was launched with these rows, its only entry unless it was announced; then what was
        read, after the steps that may have begun before its end."""
        if rows is None and not readings:
            return
        with self._journal.mutex:
            if step is not None and rows is not None:
                is_announced = self._begun.pop(step.number, None) is None
                self._rows.write(
                    step.number, step.stream, step.host_begin_ns, is_announced, rows, step.host_end_ns
                )
                if step.slot is not None:
                    self._forget(step.slot)
            if readings:
                if self._begun:
                    self._announce()
                for reading in readings:
                    self._put(reading)

    def announce(self) -> None:
        """Writes down the steps that are being launched: before a session's end, and the time."""
        if self._begun:
            with self._journal.mutex:
                self._announce()

    def detach(self) -> None:
        """In a forked child: what is under way is the parent's."""
        self._begun = {}

    def _announce(self) -> None:
        for step in tuple(self._begun.values()):
            del self._begun[step.number]
            self._put(entries.started_entry(step.number, step.stream, step.host_begin_ns))
            if step.slot is not None:
                self._forget(step.slot)
                step.slot = None
