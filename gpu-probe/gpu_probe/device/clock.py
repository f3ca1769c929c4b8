"""Times steps with pairs of events, without ever waiting for the GPU.

A pair comes from a pool, is recorded before and after the step's work on its stream, and is read when both
have passed: oldest first per stream, by ``query``, where the serving thread begins or ends a step. Nothing
here blocks, and nothing raises: what cannot be measured is journalled as missed.
"""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Callable
from itertools import count
from typing import Any

from ..journal import EntrySink, entries
from ..journal.entries import started_entry
from .backend import Backend
from .live_step import Counts, LiveStep

_log = logging.getLogger("gpu_probe")
# Elapsed times are float32 milliseconds: up to 4 s two neighbours are at most 0.25 us apart.
REANCHOR_MS = 2000.0
SILENCE_MS = 60_000.0
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
        self._append = journal.append
        self._host_ns = host_ns
        self._limit = pool_limit
        self._numbers = count()
        self._rings: dict[int, deque[LiveStep]] = {}
        self._reading = threading.Lock()
        self._pool: list[Any] = [backend.event() for _ in range(pool)]
        self.counts.pool = pool
        # The one wait: where the GPU's axis lies on the host's.
        self._anchor = backend.event()
        backend.record(self._anchor, backend.stream())
        backend.synchronize(self._anchor)
        self._anchor_ns = host_ns()

    def begin(self) -> LiveStep | None:
        """A step begins on the current stream; None where the device cannot be touched.

        The GPU waits for what is done here and not for what ``end`` does.
        """
        step = self._prepare()
        if step is not None:
            self._launch(step)
            if self.failed is not None:
                return None
            self._append(started_entry(step.number, step.stream, step.host_begin_ns))
        return step

    def begin_span(self, phase: str, model: str, model_version: str) -> LiveStep | None:
        """The operator's own use begins."""
        step = self._prepare()
        if step is not None:
            fields = {"step": step.number, "stream": step.stream, "at_ns": step.host_begin_ns}
            labels = {"phase": phase, "quality": "measured", "model": model, "model_version": model_version}
            self._append(entries.json_entry(entries.SPAN, {**fields, **labels}))
            self._launch(step)
        return step

    def _prepare(self) -> LiveStep | None:
        if self.failed is not None:
            return None
        backend = self._backend
        try:
            capturing = backend.capturing()
            if capturing and backend.capturing_here():
                return None
            step = LiveStep(next(self._numbers), backend.stream(), self._host_ns(), backend.compilations())
            # While another thread captures, the step runs all the same: without events, so it counts as
            # missed.
            step.blind = capturing
            return step
        except RuntimeError as error:
            self.fail(error)
            return None

    def _launch(self, step: LiveStep) -> None:
        self.counts.started += 1
        try:
            begin = None if step.blind else self._take()
            if begin is not None:
                step.begin = begin
                self._backend.record(begin, step.stream)
        except RuntimeError as error:
            self.fail(error)

    def end(self, step: LiveStep, rows: list[int] | None) -> None:
        """The step's work is launched. ``rows`` are session, new tokens and context, one after the other;
        None for the operator's own."""
        if self.failed is not None:
            if rows is not None:
                self._append(entries.rows_entry(step.number, rows))
            return
        backend = self._backend
        try:
            if step.begin is not None:
                end = None if backend.capturing() else self._take()
                if end is None:
                    self._pool.append(step.begin)
                    step.begin = None
                else:
                    step.end = end
                    backend.record(end, step.stream)
            step.host_end_ns = self._host_ns()
            step.compiled = backend.compilations() != step.compilations
            if rows is not None:
                self._append(entries.rows_entry(step.number, rows))
            ring = self._rings.get(step.stream)
            if ring is None:
                ring = self._rings.setdefault(step.stream, deque())
            ring.append(step)
            self.harvest()
        except RuntimeError as error:
            self.fail(error)

    def begin_communication(self, step: LiveStep) -> Any:
        """A collective begins in a step."""
        if self.failed is not None or step.begin is None:
            return None
        try:
            event = None if self._backend.capturing() else self._take()
            if event is not None:
                self._backend.record(event, self._backend.stream())
            return event
        except RuntimeError as error:
            self.fail(error)
            return None

    def end_communication(self, step: LiveStep, begin: Any) -> None:
        if begin is None or self.failed is not None:
            return
        try:
            end = None if self._backend.capturing() else self._take()
            if end is None:
                self._pool.append(begin)
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
        if self.failed is not None or not self._reading.acquire(False):
            return
        try:
            if not self._backend.capturing():
                for ring in tuple(self._rings.values()):
                    if ring:
                        self._drain(ring)
        except RuntimeError as error:
            self.fail(error)
        finally:
            self._reading.release()

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
        self._journal.append(entries.instant_entry(entries.FAILED, self._host_ns()))

    def _take(self) -> Any:
        try:
            return self._pool.pop()
        except IndexError:
            return self._grow()

    def _grow(self) -> Any:
        if self.counts.pool >= self._limit:
            return None
        self.counts.pool += 1
        return self._backend.event()

    def _drain(self, ring: deque[LiveStep]) -> None:
        query = self._backend.query
        while ring:
            step = ring[0]
            if step.end is not None:
                if not query(step.end):
                    return
                # A collective's own stream may be behind.
                if step.communication and not all(query(end) for _, end in step.communication):
                    return
            ring.popleft()
            if step.end is None:
                self.counts.missed += 1
                self._journal.append(entries.missed_entry(step.number, step.stream, self._host_ns()))
            else:
                self._read(step)

    def _read(self, step: LiveStep) -> None:
        backend, pool = self._backend, self._pool
        begin, end = step.begin, step.end
        elapsed_ns = round(backend.elapsed_ms(begin, end) * _NS_PER_MS)
        distance = backend.elapsed_ms(self._anchor, begin)
        spare = begin
        if distance > SILENCE_MS:
            # Too far for float32. Nothing ran for long, so the step began as it was sent.
            raw_begin = step.host_begin_ns
            spare = self._reanchor(begin, raw_begin)
        else:
            raw_begin = self._anchor_ns + round(distance * _NS_PER_MS)
            if distance > REANCHOR_MS:
                spare = self._reanchor(begin, raw_begin)
        submit_ns = step.host_end_ns - step.host_begin_ns
        communication_ns = 0
        if step.communication is not None:
            for first, last in step.communication:
                communication_ns += round(backend.elapsed_ms(first, last) * _NS_PER_MS)
                pool.append(first)
                pool.append(last)
        counts = self.counts
        counts.measured += 1
        # The host took most of the time to launch it: gaps between kernels are inside the step.
        if submit_ns * 5 >= elapsed_ns * 4:
            counts.host_bound += 1
        flags = entries.COMPILED if step.compiled else 0
        self._journal.append(
            entries.measured_entry(
                step.number,
                raw_begin,
                elapsed_ns,
                submit_ns,
                min(communication_ns, elapsed_ns),
                self._host_ns(),
                flags,
                _ppm(step.busy_ns, elapsed_ns),
            )
        )
        pool.append(spare)
        pool.append(end)

    def _reanchor(self, event: Any, at_ns: int) -> Any:
        """Takes over an event as the anchor; the old one for the pool."""
        self.counts.reanchored += 1
        old, self._anchor, self._anchor_ns = self._anchor, event, at_ns
        return old


def _ppm(part_ns: int | None, whole_ns: int) -> int | None:
    """A step is as busy as one of its shape was when it was looked at, if it is as long."""
    if part_ns is None:
        return None
    return min(1_000_000, part_ns * 1_000_000 // whole_ns) if whole_ns else 1_000_000
