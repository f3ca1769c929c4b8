"""The steps of a session that are not booked yet."""

from __future__ import annotations

from typing import NamedTuple


class UnderWay(NamedTuple):
    """Steps that were sent and not read: those whose rows are not known, and those that name a session."""

    rowless: list[int]
    named: list[int]

    def holds(self, in_flight: int, until: int) -> bool:
        """Whether one up to ``until`` is not booked yet, for a session with so many steps in flight: some may
        be read already, and wait for another stream's."""
        return in_flight > len(self.named) or any(step <= until for step in (*self.rowless, *self.named))
