"""What the journal gets of steps while they are launched: one entry per step, after the launch."""

from __future__ import annotations

import logging
import struct
from collections.abc import Sequence

from ..journal import EntrySink, RowWriter, entries
from ..journal.entries import NO_ROWS, Manifest
from .live_step import LiveStep

_log = logging.getLogger("gpu_probe")


class Launches:
    """Steps from their begin until their rows are written: ``under_way``, by number. For any thread."""

    def __init__(self, journal: EntrySink) -> None:
        self.under_way: dict[int, LiveStep] = {}
        self._journal = journal
        self._note = journal.begun.note
        self._forget = journal.begun.forget
        self._put = journal.put
        self._rows = RowWriter(self._put)
        self._has_refused_rows = False

    def begin(self, step: LiveStep) -> None:
        """Notes a step in case the process dies before it is written."""
        number = step.number
        self.under_way[number] = step
        slot = step.slot = self._note(number, step.stream, step.host_begin_ns)
        if slot is None:
            self.announce()

    def write(self, step: LiveStep | None, rows: Manifest | None, readings: Sequence[bytes]) -> None:
        """A step that was launched with these rows, its only entry unless it was announced; then what was
        read, after the steps that may have begun before its end."""
        if rows is None and not readings:
            return
        with self._journal.mutex:
            if step is not None and rows is not None:
                self.under_way.pop(step.number, None)
                try:
                    self._rows.write(step, rows)
                except struct.error as error:
                    self._refuse(step, error)
                if step.slot is not None:
                    self._forget(step.slot)
            if readings:
                if self.under_way:
                    self._announce()
                for reading in readings:
                    self._put(reading)

    def announce(self) -> None:
        """Writes down the steps that are being launched: before a session's end, and the time."""
        if self.under_way:
            with self._journal.mutex:
                self._announce()

    def detach(self) -> None:
        """In a forked child: what is under way is the parent's."""
        self.under_way.clear()

    def _announce(self) -> None:
        for step in tuple(self.under_way.values()):
            if step.is_announced:
                continue
            step.is_announced = True
            self._put(entries.started_entry(step.number, step.stream, step.host_begin_ns))
            if step.slot is not None:
                self._forget(step.slot)
                step.slot = None

    def _refuse(self, step: LiveStep, error: struct.error) -> None:
        """The step is nobody's, and the engine goes on."""
        if not self._has_refused_rows:
            self._has_refused_rows = True
            _log.error("rows of a step are left out, its time is unattributed; give whole tokens: %s", error)
        self._rows.write(step, NO_ROWS)
