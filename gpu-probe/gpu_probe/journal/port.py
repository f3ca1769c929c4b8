"""What those who measure need of a journal."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Protocol


class StepNotes(Protocol):
    """Keeps steps that are not yet in the journal, in case the process dies before they are."""

    def note(self, step: int, stream: int, host_begin_ns: int) -> int | None:
        """The slot in which the step is kept; None where there is none left."""
        ...

    def forget(self, slot: int) -> None:
        """The step is in the journal."""
        ...


class EntrySink(Protocol):
    """Takes entries in order, from any thread. Neither blocks on a disk nor raises."""

    @property
    def begun(self) -> StepNotes: ...

    @property
    def mutex(self) -> AbstractContextManager[object]:
        """Held while an entry is written; by whoever writes several with nothing in between."""
        ...

    def append(self, body: bytes) -> bool:
        """Whether there was room for the entry."""
        ...

    def put(self, body: bytes) -> bool:
        """The same, for whoever holds the mutex."""
        ...
