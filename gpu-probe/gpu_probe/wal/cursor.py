"""Reading a log while it is written."""

from __future__ import annotations

import io
import os
from pathlib import Path
from typing import Any

from .segment import HEAD, MAGIC, Entry, read_record, segments_of


class Cursor:
    """Reads a log's records from a position on, each once and in order, also while they are being appended.

    Takes no lock and holds one record at a time in memory. A damaged stretch is jumped over: the next
    position is then greater than the last one by more than 1.
    """

    def __init__(self, folder: str | Path, position: int) -> None:
        self._folder = Path(folder)
        self._from = position
        self._start = -1
        self._at = 0
        self._offset = len(MAGIC)
        self._file: io.BufferedReader[Any] | None = None

    def next(self) -> Entry | None:
        """The next record, None where there is none yet."""
        while True:
            record = self._record()
            if record is None and self._file is not None:
                # The writer leaves a segment for good before it begins the next one, so what is not there
                # once the next one is, will never be; it may have come since the first look, though.
                if self._following() is None:
                    return None
                record = self._record()
            if record is None:
                if not self._open_following():
                    return None
                continue
            entry = Entry(self._at, *record)
            self._at += 1
            self._offset += HEAD.size + len(entry.key) + len(entry.value)
            if entry.position >= self._from:
                return entry

    def close(self) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None

    def _record(self) -> tuple[bytes, bytes] | None:
        if self._file is None:
            return None
        record = read_record(self._file)
        if record is None:
            # What was read ahead is dropped: the writer may put something else in place of half a record.
            raw = self._file.detach()
            raw.seek(self._offset)
            self._file = io.BufferedReader(raw)
        return record

    def _following(self) -> tuple[int, Path] | None:
        segments = segments_of(self._folder)
        if self._start < 0:
            # The segment that holds the first position wanted is the last that begins at or before it.
            before = [segment for segment in segments if segment[0] <= self._from]
            return before[-1] if before else (segments[0] if segments else None)
        later = [segment for segment in segments if segment[0] > self._start or self._begun_again(*segment)]
        return later[0] if later else None

    def _begun_again(self, start: int, path: Path) -> bool:
        """A segment without a record is removed like any other, and the next one bears its name."""
        if start != self._start or self._at != start or self._file is None:
            return False
        try:
            return path.stat().st_ino != os.fstat(self._file.fileno()).st_ino
        except FileNotFoundError:
            return False

    def _open_following(self) -> bool:
        following = self._following()
        if following is None:
            return False
        start, path = following
        try:
            file = io.BufferedReader(io.FileIO(path))
        except FileNotFoundError:  # acknowledged and removed since
            return False
        whole = file.read(len(MAGIC)) == MAGIC
        if not whole and start == segments_of(self._folder)[-1][0]:
            file.close()  # being begun
            return False
        self.close()
        self._file, self._start, self._at = file, start, start
        self._offset = len(MAGIC) if whole else path.stat().st_size
        file.seek(self._offset)
        return True
