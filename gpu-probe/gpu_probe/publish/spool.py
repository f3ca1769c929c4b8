"""Between the accounting and the world: encodes records and keeps them in the write-ahead log until they
are received."""

from __future__ import annotations

from typing import Any

from ..records import GPU_TIME_EVENT, GPU_TOTALS, SIGNED_GPU_TIME_EVENT, Schema, encode_single_object
from ..wal import Wal

Record = dict[str, Any]


class Spool:
    """The accounting's Output.

    A record that finds no room is lost and counted, and the loss is reported in the next totals that do.
    Without a log (the disk cannot even hold a folder) every event is such a loss.
    """

    def __init__(self, wal: Wal | None = None) -> None:
        self.wal = wal
        self._unreported = 0
        self.lost = 0
        self.errors = 0

    @property
    def backlog(self) -> int:
        """Records that no receiver has acknowledged."""
        return 0 if self.wal is None else self.wal.end - self.wal.acknowledged

    def event(self, record: Record) -> None:
        schema = SIGNED_GPU_TIME_EVENT if "session_token" in record else GPU_TIME_EVENT
        if not self._keep(schema, record):
            self.lost += 1
            self._unreported += 1

    def totals(self, record: Record) -> None:
        if self._keep(GPU_TOTALS, {**record, "lost_events": self._unreported}):
            self._unreported = 0

    def _keep(self, schema: Schema, record: Record) -> bool:
        if self.wal is None:
            return False
        return self.wal.append(record[schema.id_field], encode_single_object(schema, record)) is not None
