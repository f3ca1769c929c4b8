"""Sending what a log holds."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from ..wal import Wal

# Records under way at once: what bounds the memory while the receiver is away, some 10 MB.
IN_FLIGHT_MAX = 10_000


class PublishError(RuntimeError):
    """The receiver refused a message for good, or cannot be used at all; the message stays in the log."""


class Publisher(Protocol):
    """Sends messages.

    ``received`` is called once the receiver has the message for good, from ``poll`` or ``flush``.
    """

    def send(self, key: bytes, value: bytes, received: Callable[[], None]) -> None:
        """Hands a message over.

        May wait while too much is under way.
        """
        ...

    def poll(self) -> None:
        """Lets ``received`` be called for what has arrived."""
        ...

    def flush(self, timeout_s: float) -> int:
        """Waits until all is received, at most so long; how many messages are still under way."""
        ...

    def close(self) -> None: ...


class Delivery:
    """Sends what a log holds, oldest first, and moves its watermark behind what was received.

    Messages may be received out of order; the watermark stops before the first that is not. After a crash
    what lies behind it is sent again: copies carry the same id. Not for several threads.
    """

    # Each move of the watermark is a file written.
    _ACKNOWLEDGE_EVERY = 500

    def __init__(self, wal: Wal, publisher: Publisher, in_flight_max: int = IN_FLIGHT_MAX) -> None:
        self._wal = wal
        self._publisher = publisher
        self._cursor = wal.cursor()
        self._next = wal.acknowledged
        self._watermark = wal.acknowledged
        self._received: set[int] = set()
        self._in_flight_max = in_flight_max
        self.sent = 0

    def send(self, limit: int | None = None) -> int:
        """Hands over at most ``limit`` records that were not handed over yet, and no more than may be under
        way; how many."""
        count = 0
        while (limit is None or count < limit) and self._next - self._watermark < self._in_flight_max:
            entry = self._cursor.next()
            if entry is None:
                break
            # Positions that the log could not read back (a damaged segment) must not hold the watermark up
            # for ever.
            for missing in range(self._next, entry.position):
                self.received(missing)
            self._next = entry.position + 1
            self._publisher.send(entry.key, entry.value, _Receipt(self, entry.position))
            count += 1
        self.sent += count
        self._publisher.poll()
        return count

    def send_all(self, limit: int | None, timeout_s: float) -> int:
        """Sends ``limit`` records, or all, and waits until they are received, at most so long after the
        last sign of life; how many of those sent are not."""
        until = time.monotonic() + timeout_s
        sent, watermark = self.send(limit), self._watermark
        while limit is None or sent < limit:
            self._publisher.flush(min(1.0, timeout_s))
            more = self.send(None if limit is None else limit - sent)
            sent += more
            if more == 0 and self._next - self._watermark < self._in_flight_max:
                break
            if self._watermark > watermark:
                until, watermark = time.monotonic() + timeout_s, self._watermark
            elif time.monotonic() >= until:
                break
        return self.finish(timeout_s)

    def acknowledge(self) -> None:
        """Lets the log forget what was received."""
        self._wal.acknowledge(self._watermark)

    def finish(self, timeout_s: float) -> int:
        """Waits until all that was handed over is received; how many messages are not."""
        left = self._publisher.flush(timeout_s)
        self.acknowledge()
        return left

    def close(self) -> None:
        """Frees the reading side of the log; the publisher and the log stay the caller's."""
        self._cursor.close()

    def received(self, position: int) -> None:
        self._received.add(position)
        while self._watermark in self._received:
            self._received.remove(self._watermark)
            self._watermark += 1
        if self._watermark - self._wal.acknowledged >= self._ACKNOWLEDGE_EVERY:
            self.acknowledge()


@dataclass(slots=True, eq=False)
class _Receipt:
    _delivery: Delivery
    _position: int

    def __call__(self) -> None:
        self._delivery.received(self._position)
