"""What those who measure need of a journal."""

from __future__ import annotations

from typing import Protocol


class EntrySink(Protocol):
    """Takes entries in order, from any thread. Neither blocks on a disk nor raises."""

    def append(self, body: bytes) -> bool:
        """Whether there was room for the entry."""
        ...
