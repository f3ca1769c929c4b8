"""Reads a journal and keeps the books. Runs in a thread of the serving process, in a process beside it, or
after its death: the same entries give the same events, ids included."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Any

from ..accounting import Output
from ..fitting.refit import Refit
from ..folders import lock_file, make_folder, write_file
from ..journal import JournalReader, entries, read_begun
from ..usage import Figures
from .books import Books, terms_of
from .checkpoint import CheckpointError, read_checkpoint, write_checkpoint
from .questions import Answer, Question
from .recording import TraceWriter


class MeteringError(RuntimeError):
    """The journal cannot be read on; the text says why."""


class UnreadableJournal(MeteringError):
    """The journal is of another version, or its checkpoint is damaged, of another version or of another user;
    it is left as it is."""


class Metering:
    """The books of one journal.

    Once a segment is read, the state of the books is kept beside it (``checkpoint``) and the segment removed;
    after a crash reading goes on from there, and what is given out twice carries the same ids.

    Raises MeteringError where another process reads the journal, UnreadableJournal where its state cannot
    be taken up.
    """

    def __init__(self, folder: Path, output: Output) -> None:
        self.folder = folder
        self.done = False
        self._output = output
        lock = lock_file(folder / "reader.lock")
        if lock is None:
            raise MeteringError(f"{folder} is read by another process")
        self._lock = lock
        self._reader = JournalReader(folder)
        self._books: Books | None = None
        self._trace: TraceWriter | None = None
        self._kept = 0
        try:
            if self._reader.is_foreign():
                raise UnreadableJournal(f"{folder}: the journal is of another version of gpu-probe")
            self._restore()
        except BaseException:
            os.close(self._lock)
            raise

    def poll(self) -> int:
        """Books what the journal holds by now; how many entries."""
        gone = self._reader.writer_is_gone()
        count = 0
        for body in self._reader.read():
            count += 1
            self._book(entries.decode(body))
        books = self._books
        if books is not None and books.refit is not None:
            self._keep_coefficients(books.refit)
        if books is not None and books.ended:
            self.done = True
        elif gone:
            if books is not None:
                for step in read_begun(self.folder):
                    books.take(entries.Entry(entries.STARTED, step))
                books.interrupt()
            self.done = True
        elif self._reader.place.segment > self._kept and self._trace is None:
            self._checkpoint()
        return count

    def answer(self, question: Question) -> Answer:
        """What sessions have used so far, by what was read by now."""
        if self._books is None:
            return Answer(0, Figures().usage(False), -1, False)
        return self._books.answer(question)

    def writer_is_gone(self) -> bool:
        return self._reader.writer_is_gone()

    def close(self, remove: bool = False) -> None:
        """Stops reading. ``remove`` when all of it is given out and kept elsewhere."""
        if self._trace is not None:
            self._trace.close()
        self._reader.close()
        os.close(self._lock)
        if remove:
            shutil.rmtree(self.folder, ignore_errors=True)

    def _book(self, entry: entries.Entry) -> None:
        if entry.kind == entries.META:
            self._begin(entry.value)
        elif self._books is not None:
            self._books.take(entry)

    def _begin(self, meta: dict[str, Any]) -> None:
        terms = terms_of(meta)
        self._books = Books(terms, self._output)
        if meta["record"]:
            self._trace = TraceWriter(Path(meta["record"]), terms.info)
            self._books.listener = self._trace.write

    def _keep_coefficients(self, refit: Refit) -> None:
        """By their label, as it is on the events, so that a bill can be worked out again."""
        for coefficients in refit.adopted:
            path = self.folder.parents[1] / "coefficients" / f"{coefficients.label}.json"
            try:
                make_folder(path.parent)
                write_file(path, coefficients.to_json({"sources": ["refit"]}).encode("utf-8"))
            except OSError:
                # The disk is full: they are still in the refit's state, and tried again.
                return
        refit.adopted.clear()

    def _checkpoint(self) -> None:
        place = self._reader.place
        try:
            write_checkpoint(self.folder, place, self._books)
        except OSError:
            # The segments stay: reading begins further back after a crash.
            return
        self._kept = place.segment
        self._reader.forget(place.segment)

    def _restore(self) -> None:
        try:
            found = read_checkpoint(self.folder, self._output)
        except CheckpointError as error:
            raise UnreadableJournal(str(error)) from error
        if found is not None:
            self._reader.place, self._books = found
            self._kept = self._reader.place.segment
