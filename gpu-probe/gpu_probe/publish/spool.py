"""Between the accounting and the world: encodes records and keeps them in the write-ahead log until they are
received."""

from __future__ import annotations

from itertools import islice
from typing import Any, Callable, Dict, Optional, Protocol, Set

from ..records import GPU_TIME_EVENT, GPU_TOTALS, Schema, encode_single_object
from ..wal import Wal

Record = Dict[str, Any]


class Publisher(Protocol):
    """Sends messages. ``received`` is called once the receiver has the message for good, from ``poll`` or
    ``flush``."""

    def send(self, key: bytes, value: bytes, received: Callable[[], None]) -> None:
        """Hands a message over. May wait while too much is under way."""
        ...

    def poll(self) -> None:
        """Lets ``received`` be called for what has arrived."""
        ...

    def flush(self, timeout_s: float) -> int:
        """Waits until all is received, at most so long; how many messages are still under way."""
        ...

    def close(self) -> None: ...


class Spool:
    """The accounting's Output. A record that finds no room is lost, counted, and the loss told in the next
    totals."""

    def __init__(self, wal: Wal) -> None:
        self._wal = wal
        self._untold = 0
        self.lost = 0

    def event(self, record: Record) -> None:
        if not self._keep(GPU_TIME_EVENT, record):
            self.lost += 1
            self._untold += 1

    def totals(self, record: Record) -> None:
        if self._keep(GPU_TOTALS, {**record, "lost_events": self._untold}):
            self._untold = 0

    def _keep(self, schema: Schema, record: Record) -> bool:
        return self._wal.append(record[schema.id_field], encode_single_object(schema, record)) is not None


class Delivery:
    """Sends what a log holds, oldest first, and moves its watermark behind what was received.

    Messages may be received out of order; the watermark stops before the first that is not. After a crash
    what lies behind it is sent again: copies carry the same id.
    """

    # Each move of the watermark is a file written.
    _ACKNOWLEDGE_EVERY = 500

    def __init__(self, wal: Wal, publisher: Publisher) -> None:
        self._wal = wal
        self._publisher = publisher
        self._next = wal.acknowledged
        self._watermark = wal.acknowledged
        self._received: Set[int] = set()
        self.sent = 0

    def send(self, limit: Optional[int] = None) -> int:
        """Hands over at most ``limit`` records that were not handed over yet; how many."""
        fresh = (entry for entry in self._wal.pending() if entry.position >= self._next)
        count = 0
        for entry in islice(fresh, limit):
            # Positions that the log could not read back (a damaged segment) must not hold the watermark up
            # for ever.
            for missing in range(self._next, entry.position):
                self.received(missing)
            self._publisher.send(entry.key, entry.value, _Receipt(self, entry.position))
            self._next = entry.position + 1
            count += 1
        self.sent += count
        self._publisher.poll()
        return count

    def finish(self, timeout_s: float) -> int:
        """Waits until all that was handed over is received; how many messages are not."""
        left = self._publisher.flush(timeout_s)
        self._wal.acknowledge(self._watermark)
        return left

    def received(self, position: int) -> None:
        self._received.add(position)
        while self._watermark in self._received:
            self._received.remove(self._watermark)
            self._watermark += 1
        if self._watermark - self._wal.acknowledged >= self._ACKNOWLEDGE_EVERY:
            self._wal.acknowledge(self._watermark)


class _Receipt:
    __slots__ = ("_delivery", "_position")

    def __init__(self, delivery: Delivery, position: int) -> None:
        self._delivery = delivery
        self._position = position

    def __call__(self) -> None:
        self._delivery.received(self._position)
