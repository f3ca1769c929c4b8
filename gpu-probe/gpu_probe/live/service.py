"""Keeps the books of all journals in a folder: those being written, and those that a process left behind."""

from __future__ import annotations

import logging
import os
from pathlib import Path

from ..accounting import AccountingError, Output
from .answers import Answers
from .metering import Metering, MeteringError, UnreadableJournal

_log = logging.getLogger("gpu_probe")


class Service:
    """``poll`` books what is new, ``wait`` answers questions until it is time for the next. ``only_dead``
    leaves alone what a living process writes, so nobody asks."""

    def __init__(self, folder: Path, output: Output, only_dead: bool = False) -> None:
        self._folder = folder
        self._output = output
        self._only_dead = only_dead
        self._open: dict[Path, Metering] = {}
        self._unreadable: set[Path] = set()
        self._answers = Answers()
        self.finished = 0
        self.damaged = 0

    @property
    def open(self) -> int:
        """Journals that are not at their end."""
        return len(self._open)

    def poll(self) -> int:
        """How many entries were booked."""
        self._find()
        count = 0
        for folder, metering in list(self._open.items()):
            try:
                count += metering.poll()
            except (AccountingError, MeteringError, ValueError, KeyError, AssertionError) as error:
                self._set_aside(folder, metering, error)
                continue
            if metering.done:
                self._answers.forget(folder)
                metering.close(remove=True)
                del self._open[folder]
                self.finished += 1
        return count

    def wait(self, pause_s: float) -> None:
        """Returns after so long, or once what was asked meanwhile is answered."""
        asked = self._answers.wait(pause_s)
        if asked:
            self.poll()
        for each in asked:
            self._answers.reply(each)

    def detach(self) -> None:
        """In a forked child: questions are for its parent."""
        self._answers.detach()

    def close(self) -> None:
        self._answers.close()
        for metering in self._open.values():
            metering.close()
        self._open.clear()

    def _find(self) -> None:
        for path in sorted(self._folder.glob("*-*")):
            if path in self._open or path.suffix == ".damaged" or not (path / "writer.lock").exists():
                continue
            try:
                metering = Metering(path, self._output)
            except UnreadableJournal as error:
                # Not ours to take: the version or the user that wrote it can.
                if path not in self._unreadable:
                    self._unreadable.add(path)
                    _log.error("not booked: %s", error)
                continue
            except MeteringError as error:
                _log.debug("%s", error)
                continue
            except FileNotFoundError:
                continue
            if self._only_dead and not metering.writer_is_gone():
                metering.close()
                continue
            self._open[path] = metering
            if not self._only_dead:
                self._answers.listen(path, metering.answer)

    def _set_aside(self, folder: Path, metering: Metering, error: Exception) -> None:
        """What cannot be booked is kept for people to look at."""
        _log.error("%s is set aside, it cannot be booked: %s", folder, error)
        self._answers.forget(folder)
        metering.close()
        del self._open[folder]
        self.damaged += 1
        os.replace(folder, folder.with_suffix(".damaged"))
