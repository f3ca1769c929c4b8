"""Steps that are being launched, for whoever finds the journal after a crash.

A page beside the segments, mapped into memory: noting a step there costs a fraction of an entry, and the GPU
waits for it. The entry follows when the step is launched, or before anything that must come after it. A slot
is four numbers::

    step + 1 | stream | host_begin_ns | step + 1

The process that dies while it writes one leaves the first and the last unequal: nothing was launched yet.
"""

from __future__ import annotations

import mmap
import os
import struct
from pathlib import Path

from ..folders import open_file
from .entries import StepStart

NAME = "begun"
_SLOT = struct.Struct("<qqqq")
_FIRST = struct.Struct("<q")
_BYTES = 4096


class BegunSteps:
    """The writer's side. Raises OSError where the disk has no room for a page."""

    def __init__(self, folder: Path) -> None:
        with open_file(folder / NAME, "w+b") as file:
            os.posix_fallocate(file.fileno(), 0, _BYTES)
            self._page: mmap.mmap | None = mmap.mmap(file.fileno(), _BYTES)
        self._free = list(range(0, _BYTES, _SLOT.size))

    def note(self, step: int, stream: int, host_begin_ns: int) -> int | None:
        """The step's slot; None where all are taken, or the journal is closed."""
        # Another thread may close the journal meanwhile.
        page = self._page
        if page is None:
            return None
        try:
            slot = self._free.pop()
        except IndexError:
            return None
        _SLOT.pack_into(page, slot, step + 1, stream, host_begin_ns, step + 1)
        return slot

    def forget(self, slot: int) -> None:
        """The step is in the journal."""
        page = self._page
        if page is not None:
            _FIRST.pack_into(page, slot, 0)
            self._free.append(slot)

    def close(self) -> None:
        """In a forked child the page stays its parent's."""
        self._page = None


def read_begun(folder: Path) -> list[StepStart]:
    """Steps that a dead writer was launching, oldest first. Some may be in the journal as well."""
    try:
        page = (folder / NAME).read_bytes()
    except FileNotFoundError:
        return []
    whole = page[: len(page) // _SLOT.size * _SLOT.size]
    slots = [slot for slot in _SLOT.iter_unpack(whole) if slot[0] == slot[3] and slot[0] > 0]
    return sorted(StepStart(first - 1, stream, at) for first, stream, at, _ in slots)
