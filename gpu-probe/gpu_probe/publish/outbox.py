"""The output of a live process: records go to a write-ahead log, a thread of its own sends them.

The folder holds one log for each process that writes at the same time, ``0``, ``1`` and so on. A process
takes the first that no living process holds, and with it what a dead one has left there; logs left by
others are emptied by the way. After a fork the child lets go of its parent's log, thread and publisher and
takes its own with its first record.
"""

from __future__ import annotations

import logging
import os
import threading
import time
import weakref
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from ..wal import MAX_BYTES, Wal, WalError
from .delivery import Delivery, Publisher, PublishError
from .spool import Spool

log = logging.getLogger(__name__)
Record = dict[str, Any]
_EVERY_S = 0.5
_AFTER_ERROR_S = 30.0
_LEFT_BEHIND_EVERY_S = 60.0
_outboxes: weakref.WeakSet[Outbox] = weakref.WeakSet()
# The parent's publishers, in a child: librdkafka waits for ever for its threads when it is destroyed there.
_inherited: list[Any] = []
_held: list[Outbox] = []


class Outbox:
    """``make_publisher`` is called in the sending thread, after any fork.

    ``max_bytes`` bounds each log, and what it cannot take is counted in ``lost`` and reported in the next
    totals. Callable from any thread; never waits for the receiver.
    """

    def __init__(
        self,
        folder: str | Path,
        make_publisher: Callable[[], Publisher],
        max_bytes: int = MAX_BYTES,
        sync: bool = False,
    ) -> None:
        self._folder = Path(folder)
        self._make_publisher = make_publisher
        self._max_bytes = max_bytes
        self._sync = sync
        self.errors = 0
        self._begin()
        _outboxes.add(self)

    def _begin(self) -> None:
        self._lock = threading.Lock()
        self._spool = Spool()
        self._publisher: Publisher | None = None
        self._thread: threading.Thread | None = None
        self._stop = threading.Event()

    def event(self, record: Record) -> None:
        with self._lock:
            self._ready()
            self._spool.event(record)

    def totals(self, record: Record) -> None:
        with self._lock:
            self._ready()
            self._spool.totals(record)

    @property
    def lost(self) -> int:
        """Events that found no room, since this process began."""
        return self._spool.lost

    @property
    def backlog(self) -> int:
        """Records that the receiver has not acknowledged."""
        return self._spool.backlog

    def close(self, timeout_s: float = 10.0) -> int:
        """Sends what it can in that time; how many records are left in the log, for the next start to
        send."""
        thread = self._thread
        self._deadline = time.monotonic() + timeout_s
        self._stop.set()
        if thread is not None:
            thread.join(timeout_s + 2)
        left = self.backlog
        with self._lock:
            if self._spool.wal is not None and (thread is None or not thread.is_alive()):
                self._spool.wal.close()
                self._spool.wal = None
        return left

    def _ready(self) -> None:
        if self._thread is not None or self._stop.is_set():
            return
        if self._spool.wal is None:
            try:
                self._spool.wal = take_log(self._folder, self._max_bytes, self._sync)
            except OSError as error:  # the disk has no room for a folder; the spool counts the loss
                log.error("no write-ahead log in %s: %s", self._folder, error)
                return
        self._thread = threading.Thread(
            target=self._run, args=(self._spool.wal,), name="gpu-probe-outbox", daemon=True
        )
        self._thread.start()

    def _run(self, wal: Wal) -> None:
        look_again = time.monotonic()
        while True:
            last = self._stop.is_set()
            try:
                self._deliver(wal, look_again)
                return
            except Exception as error:
                # The records stay where they are; billing must not end with one bad answer.
                self.errors += 1
                log.error("publishing failed, the records are kept: %s", error, exc_info=not _expected(error))
                self._drop_publisher()
                look_again = time.monotonic() + _LEFT_BEHIND_EVERY_S
                if last:
                    return
                self._stop.wait(_AFTER_ERROR_S)

    def _deliver(self, wal: Wal, look_again: float) -> None:
        publisher = self._publisher = self._make_publisher()
        delivery = Delivery(wal, publisher)
        try:
            while not self._stop.is_set():
                delivery.send()
                delivery.acknowledge()
                if time.monotonic() >= look_again and self.backlog == 0:
                    self._empty_left_behind(publisher)
                    look_again = time.monotonic() + _LEFT_BEHIND_EVERY_S
                self._stop.wait(_EVERY_S)
            delivery.send_all(None, max(0.0, self._deadline - time.monotonic()))
        finally:
            delivery.acknowledge()
            delivery.close()
            self._drop_publisher()

    def _empty_left_behind(self, publisher: Publisher) -> None:
        """Logs of processes that are gone."""
        for folder in _logs(self._folder):
            if self._stop.is_set():
                return
            try:
                wal = Wal(folder, self._max_bytes)
            except WalError:
                continue
            with wal:
                delivery = Delivery(wal, publisher)
                try:
                    delivery.send_all(None, 10.0)
                finally:
                    delivery.close()

    def _drop_publisher(self) -> None:
        publisher, self._publisher = self._publisher, None
        if publisher is not None:
            publisher.close()

    def _forked(self) -> None:
        if self._publisher is not None:
            _inherited.append(self._publisher)
        if self._spool.wal is not None:
            self._spool.wal.close()
        self.errors = 0
        self._begin()


def take_log(folder: Path, max_bytes: int = MAX_BYTES, sync: bool = False) -> Wal:
    """The first log of the folder that no living process holds.

    Raises OSError where there is no room for one.
    """
    number = 0
    while True:
        try:
            return Wal(folder / str(number), max_bytes=max_bytes, sync=sync)
        except WalError:
            number += 1


def _logs(folder: Path) -> Iterator[Path]:
    yield from sorted(
        (path for path in folder.iterdir() if path.name.isdigit()), key=lambda path: int(path.name)
    )


def _expected(error: Exception) -> bool:
    return isinstance(error, (PublishError, OSError))


def _before_fork() -> None:
    # No thread may be in the middle of a record when the child's copy is made.
    for outbox in list(_outboxes):
        outbox._lock.acquire()
        _held.append(outbox)


def _in_parent() -> None:
    while _held:
        _held.pop()._lock.release()


def _in_child() -> None:
    _held.clear()
    for outbox in list(_outboxes):
        outbox._forked()


os.register_at_fork(before=_before_fork, after_in_parent=_in_parent, after_in_child=_in_child)
