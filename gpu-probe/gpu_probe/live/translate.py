"""From a journal's raw entries to the records that the accounting takes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from ..device.interface import (
    ActivitySample,
    ClockSet,
    DeviceInfo,
    MemorySample,
    Neighbours,
    OperatorSpan,
    PowerSample,
    Record,
    Row,
    SessionClosed,
    SessionOpened,
    StepMeasured,
    StepMissed,
    StepSubmitted,
    TimeAdvanced,
    WatchEnded,
)
from ..journal import entries
from ..journal.entries import (
    Entry,
    Manifest,
    SpanStart,
    StepReading,
    StepRows,
)
from .cold import ColdSteps
from .launches import Manifests, RowlessSteps
from .session_table import SessionTable
from .timeline import Timeline
from .under_way import UnderWay

# A thread may have taken the time and not yet written it down.
_MARGIN_NS = 5_000_000
# Ids of the stretches in which a full disk left gaps.
_GAP = 1 << 60


class Flight(NamedTuple):
    """A step that was sent."""

    rows: tuple[Row, ...]
    cold: bool


class Translator:
    """Entries in, records out, in an order that the accounting accepts whatever was lost in between.

    Annotated here is what a checkpoint keeps.
    """

    ended: bool
    _timeline: Timeline
    _cold: ColdSteps
    _last_ns: int
    _sessions: SessionTable
    _flights: dict[int, Flight]
    _spans: dict[int, SpanStart]
    _rowless: RowlessSteps
    _unread: dict[int, list[int]]
    _stream_of: dict[int, int]
    _next_gap: int
    _gap_end: int
    _manifests: Manifests

    def __init__(self, info: DeviceInfo, cold_start: bool = True) -> None:
        self.ended = False
        self._timeline = Timeline(info.probe_start_ns)
        self._cold = ColdSteps(cold_start)
        self._last_ns = info.probe_start_ns
        self._sessions = SessionTable()
        self._flights = {}
        self._spans = {}
        self._rowless = RowlessSteps()
        self._unread = {}
        self._stream_of = {}
        self._next_gap = _GAP
        self._gap_end = 0
        self._manifests = Manifests()
        self._handlers: dict[int, Callable[[Any], list[Record]]] = {
            entries.OPENED: self._opened,
            entries.CLOSED: self._closed,
            entries.STARTED: self._started,
            entries.ROWS: lambda launch: self._launched(launch, self._manifests.keep(launch)),
            entries.REPEAT: lambda launch: self._launched(launch, self._manifests.find(launch)),
            entries.MEASURED: self._measured,
            entries.MISSED: self._missed,
            entries.SPAN: self._span,
            entries.POWER: self._reading(lambda fields: PowerSample(*fields)),
            entries.MEMORY: self._reading(lambda fields: MemorySample(*fields[1:])),
            entries.ACTIVITY: self._reading(lambda fields: ActivitySample(*fields)),
            entries.NEIGHBOURS: lambda fields: [Neighbours(fields["at_ns"], tuple(fields["names"]))],
            entries.TICK: self._tick,
            entries.FAILED: self._failed,
            entries.ENDED: self._ended,
            entries.LOST: self._lost,
            entries.CLOCK_SET: lambda fields: [ClockSet(fields[1])],
        }

    def take(self, entry: Entry) -> list[Record]:
        # A thread may still launch while the probe closes.
        return [] if self.ended else self._handlers[entry.kind](entry.value)

    def interrupt(self) -> list[Record]:
        """The writer is gone without a word: everything that is open ends where it was last heard of."""
        return [] if self.ended else self._ended((self._last_ns, 0))

    def under_way(self, session: int) -> UnderWay:
        """The steps that may be a session's and were not read yet."""
        flights = self._flights.items()
        named = [step for step, flight in flights if any(row.session == session for row in flight.rows)]
        return UnderWay(self._rowless.steps(), named)

    # Sessions

    def _opened(self, fields: dict[str, Any]) -> list[Record]:
        opened = SessionOpened(**fields)
        self._heard(opened.at_ns)
        self._sessions.open(opened)
        return [opened]

    def _closed(self, fields: tuple[int, int, str, int | None]) -> list[Record]:
        self._heard(fields[1])
        closed = SessionClosed(*fields)
        return [] if self._rowless.hold(closed) else self._sessions.close(closed)

    # Steps

    def _started(self, started: entries.StepStart) -> list[Record]:
        self._heard(started.host_begin_ns)
        # A step that began in a gap is in it. One in flight is found once more after a crash.
        if started.host_begin_ns >= self._gap_end - _MARGIN_NS and started.step not in self._stream_of:
            self._timeline.started(started.step, started.stream, started.host_begin_ns)
            self._stream_of[started.step] = started.stream
            self._rowless.add(started.step)
        return []

    def _launched(self, launch: StepRows | entries.StepRepeat, manifest: Manifest) -> list[Record]:
        step = launch.start.step
        if not launch.is_announced:
            self._started(launch.start)
        if step not in self._rowless:
            return []
        records: list[Record] = []
        rows: list[Row] = []
        late: list[SessionClosed] = []
        for session, new_tokens, context_tokens in zip(*manifest):
            if session not in self._sessions:
                reopened = self._sessions.reopen(session, self._last_ns)
                if reopened is None:
                    continue
                opened, closed = reopened
                session = opened.session
                records.append(opened)
                late.append(closed)
            rows.append(Row(session, new_tokens, context_tokens))
        records.append(self._submit(step, tuple(rows), self._cold.take(rows, self._sessions)))
        return [*records, *late, *self._release(step)]

    def _submit(self, step: int, rows: tuple[Row, ...], cold: bool) -> Record:
        members = tuple(dict.fromkeys(row.session for row in rows))
        self._sessions.join(members)
        self._flights[step] = Flight(rows, cold)
        return StepSubmitted(step, members)

    def _release(self, step: int) -> list[Record]:
        """Closes what waited for a step's rows."""
        return [record for closed in self._rowless.release(step) for record in self._sessions.close(closed)]

    def _measured(self, reading: StepReading) -> list[Record]:
        self._heard(reading.read_ns)
        stream = self._stream_of.get(reading.step)
        if stream is None:
            return []
        records = self._resolve(stream, reading.raw_begin_ns + self._timeline.offset)
        del self._stream_of[reading.step]
        begin = self._timeline.measured(
            reading.step, reading.raw_begin_ns, reading.elapsed_ns, reading.host_submit_ns, reading.read_ns
        )
        span = self._spans.pop(reading.step, None)
        if span is not None:
            self._cold.warm_up(span.model)
            return [*records, self._operators(span, begin, reading.elapsed_ns, span.quality)]
        rows, cold = self._land(reading.step)
        records.append(
            StepMeasured(
                step=reading.step,
                begin_ns=begin,
                elapsed_ns=reading.elapsed_ns,
                rows=rows,
                settled_ns=self._timeline.settled,
                host_submit_ns=reading.host_submit_ns,
                communication_ns=reading.communication_ns,
                busy_ppm=reading.busy_ppm,
                cold=cold or bool(reading.flags & entries.COMPILED),
            )
        )
        return records

    def _land(self, step: int) -> Flight:
        """The step is over for its sessions."""
        flight = self._flights.pop(step)
        self._sessions.leave(dict.fromkeys(row.session for row in flight.rows))
        return flight

    def _missed(self, unread: entries.StepMiss) -> list[Record]:
        """Where the step ran is known when the next one on its stream is measured."""
        self._heard(unread.at_ns)
        if unread.step in self._stream_of:
            self._unread.setdefault(unread.stream, []).append(unread.step)
        return []

    def _resolve(self, stream: int, until_ns: int) -> list[Record]:
        """Books the steps without events that ran on a stream before an instant."""
        return [self._miss(step, until_ns) for step in self._unread.pop(stream, ())]

    def _miss(self, step: int, until_ns: int) -> Record:
        del self._stream_of[step]
        begin, end = self._timeline.missed(step, until_ns)
        span = self._spans.pop(step, None)
        if span is not None:
            # The operator's own: what is not known exactly is estimated.
            return self._operators(span, begin, end - begin, "estimated")
        self._land(step)
        return StepMissed(step, begin, end, self._timeline.settled)

    def _operators(self, span: SpanStart, begin_ns: int, elapsed_ns: int, quality: str) -> Record:
        place = (span.phase, begin_ns, elapsed_ns, quality)
        return OperatorSpan(*place, span.model, span.model_version, self._timeline.settled)

    def _span(self, fields: dict[str, Any]) -> list[Record]:
        span = SpanStart(*(fields[name] for name in SpanStart._fields))
        self._heard(span.at_ns)
        self._spans[span.step] = span
        self._timeline.started(span.step, span.stream, span.at_ns)
        self._stream_of[span.step] = span.stream
        return []

    # The rest

    def _reading(self, record: Callable[[Any], Record]) -> Callable[[Any], list[Record]]:
        """Takes what a sensor said at its first field's instant."""

        def take(fields: tuple[Any, ...]) -> list[Record]:
            self._heard(fields[0])
            return [record(fields)]

        return take

    def _tick(self, fields: tuple[int, int]) -> list[Record]:
        """Time passes without steps."""
        self._heard(fields[0])
        now = fields[0] - _MARGIN_NS
        records: list[Record] = []
        for stream, steps in list(self._unread.items()):
            alone = sum(other == stream for other in self._stream_of.values()) == len(steps)
            if alone:
                records += self._resolve(stream, now)
        self._timeline.advance(now)
        return [*records, TimeAdvanced(self._timeline.settled)]

    def _failed(self, fields: tuple[int, int]) -> list[Record]:
        """The GPU's context is lost: what was in flight ended by then, unmeasured."""
        self._heard(fields[0])
        self._unread.clear()
        records: list[Record] = []
        for step in self._rowless.steps():
            # Whoever was open may have been in it.
            rows = tuple(Row(session, 0, 0) for session in self._sessions)
            records.append(self._submit(step, rows, False))
            records += self._release(step)
        return records + [self._miss(step, fields[0]) for step in list(self._stream_of)]

    def _ended(self, fields: tuple[int, int]) -> list[Record]:
        records = self._failed(fields)
        self.ended = True
        return [*records, WatchEnded(max(fields[0], self._timeline.settled, self._last_ns))]

    def _lost(self, fields: tuple[int, int]) -> list[Record]:
        """The disk was full: what happened since the last entry is not known, and not idle either."""
        step, self._next_gap = self._next_gap, self._next_gap + 1
        records = self._failed((max(self._last_ns, self._timeline.settled), 0))
        begin = max(self._last_ns, self._timeline.settled)
        end = max(fields[0], begin)
        self._heard(end)
        self._gap_end = fields[0]
        self._timeline.advance(end)
        return [*records, StepSubmitted(step, ()), StepMissed(step, begin, end, self._timeline.settled)]

    def _heard(self, at_ns: int) -> None:
        if at_ns > self._last_ns:
            self._last_ns = at_ns
