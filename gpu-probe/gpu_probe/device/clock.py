"""Times steps with pairs of events, without ever waiting for the GPU.

A pair comes from a pool, is recorded before and after the step's work on its stream, and is read when both
have passed: oldest first per stream, by ``query``, where the serving thread ends a step. Where the GPU has
not come to the end of the step before, that end is also the begin: nothing lies between. Nothing here blocks,
and nothing raises: what cannot be measured is journalled as missed.
"""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Callable
from itertools import chain, count
from typing import Any

from ..journal import EntrySink, entries
from ..journal.entries import Manifest
from .anchor import Anchor
from .backend import Backend
from .events import SPARE, EventPool
from .handover import Handover
from .launches import Launches
from .live_step import Counts, LiveStep

_log = logging.getLogger("gpu_probe")
_NS_PER_MS = 1_000_000


class StepClock:
    """The events of one device. ``pool`` events are made up front; it grows up to ``pool_limit``, and beyond
    that steps are missed."""

    def __init__(
        self,
        backend: Backend,
        journal: EntrySink,
        host_ns: Callable[[], int],
        pool: int = 128,
        pool_limit: int = 4096,
    ) -> None:
        self.failed: str | None = None
        self.counts = Counts()
        self._backend = backend
        self._journal = journal
        self._launches = Launches(journal)
        self._host_ns = host_ns
        self._numbers = count()
        self._rings: dict[int, deque[LiveStep]] = {}
        self._reading = threading.Lock()
        self._pool = EventPool(backend, self.counts, pool, pool_limit)
        self._handover = Handover(backend, self._pool, self._launches.under_way)
        self._anchor = Anchor(backend, self.counts, host_ns)

    def begin(self) -> LiveStep | None:
        """A step begins on the current stream; None where the device cannot be touched.

        The GPU waits for what is done here and not for what ``end`` does.
        """
        step = self._open(shares=True)
        if step is not None:
            self._launches.begin(step)
        return step

    def begin_span(self, phase: str, model: str, model_version: str) -> LiveStep | None:
        """The operator's own use begins."""
        step = self._open(shares=False)
        if step is not None:
            fields = {"step": step.number, "stream": step.stream, "at_ns": step.host_begin_ns}
            labels = {"phase": phase, "quality": "measured", "model": model, "model_version": model_version}
            self._journal.append(entries.json_entry(entries.SPAN, {**fields, **labels}))
        return step

    def _open(self, shares: bool) -> LiveStep | None:
        """A step whose begin is on the stream, by itself or with the end of the step before."""
        if self.failed is not None:
            return None
        backend = self._backend
        try:
            is_blind = backend.capturing()
            if is_blind and backend.capturing_here():
                return None
            # The time comes first: no step begins before it was sent.
            host_begin_ns, stream = self._host_ns(), backend.stream()
            step = LiveStep(next(self._numbers), stream, host_begin_ns, backend.compilations())
            self.counts.started += 1
            handover = self._handover
            latest, handover.latest = handover.latest, None
            # While another thread captures, the step runs all the same: without events, so it counts as
            # missed.
            if is_blind:
                return step
            if latest is not None and shares and handover.take(step, latest):
                self.counts.shared += 1
                return step
            begin = step.begin = self._pool.take()
            if begin is not None:
                backend.record(begin, stream)
            return step
        except RuntimeError as error:
            self.fail(error)
            return None

    def end(self, step: LiveStep, rows: Manifest | None) -> None:
        """The step's work is launched. ``rows`` is None for the operator's own."""
        if self.failed is not None:
            self._launches.announce()
            return
        backend = self._backend
        try:
            step.end = None
            if step.begin is not None and not backend.capturing():
                end = step.end = self._pool.take()
                if end is not None:
                    backend.record(end, step.stream)
                    step.owned_end = [end]
            step.host_end_ns = self._host_ns()
            step.compiled = backend.compilations() != step.compilations
            step.waits = backend.waits(step.stream)
            self._read_passed(step, rows)
            # The operator's own is followed by nobody at once.
            self._handover.latest = None if rows is None else step
            if len(self._pool.free) < SPARE:
                self._pool.replenish()
        except RuntimeError as error:
            self.fail(error)

    def announce(self) -> None:
        """Writes down the steps that are being launched: before a session's end, and the time."""
        self._launches.announce()

    def separate(self) -> None:
        """The current stream may have been made to wait: the next step's begin is recorded."""
        self._handover.latest = None

    def detach(self) -> None:
        """In a forked child: its parent measures, and what it was writing is the parent's."""
        self.failed = "forked"
        self._launches.detach()

    def begin_communication(self, step: LiveStep) -> Any:
        """A collective begins in a step."""
        if self.failed is not None or step.begin is None:
            return None
        try:
            begin = None if self._backend.capturing() else self._pool.take()
            if begin is not None:
                self._backend.record(begin, self._backend.stream())
            return begin
        except RuntimeError as error:
            self.fail(error)
            return None

    def end_communication(self, step: LiveStep, begin: Any) -> None:
        if begin is None or self.failed is not None:
            return
        try:
            end = None if self._backend.capturing() else self._pool.take()
            if end is None:
                self._pool.free.append(begin)
                return
            self._backend.record(end, self._backend.stream())
            if step.communication is None:
                step.communication = []
            step.communication.append((begin, end))
        except RuntimeError as error:
            self.fail(error)

    def harvest(self) -> None:
        """Reads the steps that have passed. Skipped while another thread is at it, and while anything is
        captured."""
        if self.failed is not None:
            return
        try:
            self._read_passed()
        except RuntimeError as error:
            self.fail(error)

    @property
    def in_flight(self) -> int:
        return sum(map(len, list(self._rings.values())))

    def oldest_ns(self) -> int | None:
        """When the oldest step in flight was sent; None where there is none."""
        sent = [ring[0].host_begin_ns for ring in tuple(self._rings.values()) if ring]
        return min(sent, default=None)

    def fail(self, error: BaseException) -> None:
        """The context is lost (an illegal access, say): from here on nothing touches CUDA, and what is in
        flight is booked as missed."""
        if self.failed is not None:
            return
        self.failed = str(error).splitlines()[0] if str(error) else type(error).__name__
        _log.error("measuring ends, the device failed: %s", self.failed)
        self.counts.missed += self.in_flight
        self._rings.clear()
        self._launches.announce()
        self._journal.append(entries.instant_entry(entries.FAILED, self._host_ns()))

    def _read_passed(self, launched: LiveStep | None = None, rows: Manifest | None = None) -> None:
        """Reads the steps that have passed, and writes the step that was launched and what was read."""
        if not self._reading.acquire(False):
            self._launches.write(launched, rows, ())
            if launched is not None:
                self._ring(launched.stream).append(launched)
            return
        readings: list[bytes] = []
        try:
            if launched is not None:
                self._ring(launched.stream).append(launched)
            if not self._backend.capturing():
                for ring in tuple(self._rings.values()):
                    if ring:
                        self._drain(ring, readings)
        finally:
            try:
                # Before another thread may read what comes after it.
                self._launches.write(launched, rows, readings)
            finally:
                self._reading.release()

    def _ring(self, stream: int) -> deque[LiveStep]:
        ring = self._rings.get(stream)
        return self._rings.setdefault(stream, deque()) if ring is None else ring

    def _drain(self, ring: deque[LiveStep], readings: list[bytes]) -> None:
        query, free = self._backend.query, self._pool.free
        while ring:
            step = ring[0]
            end, communication = step.end, step.communication
            if end is not None and not step.has_passed and not query(end):
                return
            # A collective's own stream may be behind.
            if communication and not all(query(last) for _, last in communication):
                return
            if end is None:
                self.counts.missed += 1
                readings.append(entries.missed_entry(step.number, step.stream, self._host_ns()))
                spare = step.begin
            else:
                spare = self._read(step, readings)
                end = self._pool.take_over(step)
            ring.popleft()
            if spare is not None:
                free.append(spare)
            if end is not None:
                free.append(end)
            if communication:
                free.extend(chain.from_iterable(communication))

    def _read(self, step: LiveStep, readings: list[bytes]) -> Any:
        """Adds the entry of a step that has passed; an event that is not needed any more."""
        elapsed_ms = self._backend.elapsed_ms
        begin = step.begin
        elapsed_ns = round(elapsed_ms(begin, step.end) * _NS_PER_MS)
        if elapsed_ns < 0:
            # A stream's number was given to another one meanwhile.
            elapsed_ns = 0
        raw_begin, spare = self._anchor.place(begin, step.host_begin_ns)
        submit_ns = step.host_end_ns - step.host_begin_ns
        communication_ns = 0
        if step.communication:
            for first, last in step.communication:
                communication_ns += round(elapsed_ms(first, last) * _NS_PER_MS)
        counts = self.counts
        counts.measured += 1
        # The host took most of the time to launch it: gaps between kernels are inside the step.
        if submit_ns * 5 >= elapsed_ns * 4:
            counts.host_bound += 1
        readings.append(
            entries.measured_entry(
                step.number,
                raw_begin,
                elapsed_ns,
                submit_ns,
                min(communication_ns, elapsed_ns),
                self._host_ns(),
                entries.COMPILED if step.compiled else 0,
                None if step.busy_ns is None else _ppm(step.busy_ns, elapsed_ns),
            )
        )
        return spare


def _ppm(part_ns: int, whole_ns: int) -> int:
    """A step is as busy as one of its shape was when it was looked at, if it is as long."""
    return min(1_000_000, part_ns * 1_000_000 // whole_ns) if whole_ns else 1_000_000
