"""The accounting of one GPU: takes a device's records, gives out events and totals.

Promises, each of them checked by a property test: per GPU and minute, sessions + operator + idle +
unattributed = wall, to the nanosecond; over the readings, sessions + operator + idle = the energy counter's
difference, to the microjoule; a session that was opened always ends in an event; the same records give the
same events.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from itertools import chain, pairwise

from ..device.interface import (
    ActivitySample,
    ClockSet,
    Device,
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
from ..sharing import Policy, Work
from ..usage import Usage
from .axis import Step
from .booking import Booking, Refit
from .output import Output
from .session import SessionUsage
from .usage import usage_of

OPERATOR_PROJECT = "cold-start"


class AccountingError(RuntimeError):
    """A device broke the order of its records, such as a step of a session that it never opened."""


class GpuMeter:
    """``policy`` shares the steps; ``operator`` is the tenant that cold starts are booked to. With ``refit``
    the policy is its, and may change from minute to minute.

    Annotated here is what a checkpoint keeps.
    """

    _booking: Booking
    _submitted: dict[int, list[SessionUsage]]
    _spans: int

    def __init__(
        self,
        info: DeviceInfo,
        policy: Policy,
        output: Output,
        operator: str = "operator",
        refit: Refit | None = None,
    ) -> None:
        self._info = info
        self._operator = operator
        self._refit = refit
        self._booking = Booking(info, policy, output, refit)
        self._submitted = {}
        self._spans = 0
        self._handlers: dict[type, Callable[..., None]] = {
            SessionOpened: self._opened,
            StepSubmitted: self._step_submitted,
            StepMeasured: self._measured,
            StepMissed: self._missed,
            SessionClosed: self._closed,
            OperatorSpan: self._span,
            PowerSample: self._power,
            ActivitySample: self._activity,
            Neighbours: self._neighbours,
            MemorySample: self._memory,
            TimeAdvanced: self._advanced,
            ClockSet: self._clock_set,
            WatchEnded: self._ended,
        }

    def take(self, record: Record) -> None:
        """Books one record. Raises AccountingError where the device broke the order."""
        self._handlers[type(record)](record)

    def sessions(self) -> Iterable[SessionUsage]:
        """The open ones, and those concluded a short while ago."""
        booking = self._booking
        return chain(booking.sessions.values(), booking.past.since(booking.axis.at))

    def usage(self, session: SessionUsage, pending: bool) -> Usage:
        """What one of them has used so far; ``pending`` where one of its steps is not booked yet."""
        return usage_of(self._info, session, pending, self._booking.expected_busy_ns)

    def _opened(self, record: SessionOpened) -> None:
        known = self._booking.sessions.get(record.session)
        if known is not None and not known.prompt_tokens and record.prompt_tokens:
            # Its prompt was counted after it was opened.
            known.prompt_tokens = record.prompt_tokens
            return
        if record.session < 0 or known is not None:
            raise AccountingError(f"session {record.session} was opened twice, or is negative")
        self._follow(
            SessionUsage(
                record.session,
                record.session_id,
                record.tenant_id,
                record.project_id,
                record.user_id,
                record.model,
                record.model_version,
                record.prompt_tokens,
                ticket=record.ticket,
                session_token=record.session_token,
            )
        )

    def _follow(self, session: SessionUsage) -> None:
        self._booking.sessions[session.order] = session
        self._booking.models.setdefault(session.model)
        self._booking.memory.add(session)

    def _step_submitted(self, record: StepSubmitted) -> None:
        if record.step in self._submitted:
            raise AccountingError(f"step {record.step} was submitted twice")
        holders = self._sessions_of(dict.fromkeys(record.sessions))
        for session in holders:
            session.in_flight += 1
        self._submitted[record.step] = holders

    def _measured(self, record: StepMeasured) -> None:
        holders = self._pop_submitted(record.step)
        # A tie between shares goes to the session that was opened first, whatever the engine's order.
        rows = sorted(record.rows) if _unordered(record.rows) else record.rows
        sessions = self._sessions_of(row.session for row in rows)
        works = [
            Work(new, context, context - new < session.prompt_tokens)
            for (_, new, context), session in zip(rows, sessions)
        ]
        if record.cold:
            model = sessions[0] if sessions else None
            operator = self._operator_session(
                "warmup",
                record.begin_ns,
                record.begin_ns + record.elapsed_ns,
                "unknown" if model is None else model.model,
                "unknown" if model is None else model.model_version,
            )
            holders, sessions = [operator, *holders], [operator, *sessions]
            works.insert(0, Work(0, 0, False))
        elif self._refit is not None:
            self._refit.note(works, record.elapsed_ns)
        step = Step(
            record.begin_ns,
            record.begin_ns + record.elapsed_ns,
            holders,
            sessions,
            works,
            communication_ns=record.communication_ns,
            busy_ppm=record.busy_ppm,
        )
        self._book(step, record.settled_ns, record.memory_peak_bytes)

    def _missed(self, record: StepMissed) -> None:
        holders = self._pop_submitted(record.step)
        for session in holders:
            session.quality = "bounded"
        self._book(Step(record.begin_ns, record.end_ns, holders, measured=False), record.settled_ns)

    def _closed(self, record: SessionClosed) -> None:
        (session,) = self._sessions_of((record.session,))
        session.closed = record
        if self._booking.memory.exact:
            self._booking.memory.leave(session)
        if session.in_flight == 0:
            self._booking.conclude(session)

    def _span(self, record: OperatorSpan) -> None:
        end = record.begin_ns + record.elapsed_ns
        session = self._operator_session(
            record.phase, record.begin_ns, end, record.model, record.model_version
        )
        session.quality = record.quality
        step = Step(record.begin_ns, end, (session,), (session,), (Work(0, 0, False),))
        self._book(step, record.settled_ns, record.memory_peak_bytes)

    def _operator_session(
        self, phase: str, begin_ns: int, end_ns: int, model: str, model_version: str
    ) -> SessionUsage:
        """The operator's own use is a session of one step."""
        self._spans += 1
        session = SessionUsage(
            -self._spans,
            # Numbered: two streams may begin at the same instant.
            f"{phase}-{self._info.gpu_uuid}-{begin_ns}-{self._spans}",
            self._operator,
            OPERATOR_PROJECT,
            None,
            model,
            model_version,
            phase=phase,
        )
        session.in_flight = 1
        session.closed = SessionClosed(session.order, end_ns, "ok", None)
        self._follow(session)
        return session

    def _memory(self, record: MemorySample) -> None:
        self._booking.memory.note_exactly(record.peak_bytes, record.allocated_bytes)

    def _power(self, record: PowerSample) -> None:
        if self._info.power:
            self._booking.energy.read(record)

    def _activity(self, record: ActivitySample) -> None:
        if self._info.activity is not None:
            self._booking.busy.read(record)

    def _neighbours(self, record: Neighbours) -> None:
        names = self._booking.axis.minute_at(record.at_ns).neighbours
        names += [name for name in record.names if name not in names]

    def _advanced(self, record: TimeAdvanced) -> None:
        self._booking.settle(record.settled_ns)

    def _clock_set(self, record: ClockSet) -> None:
        self._booking.axis.set_clock(record.shift_ns)

    def _ended(self, record: WatchEnded) -> None:
        """Steps that were never measured count as missed, and their sessions' time as a lower bound."""
        booking = self._booking
        booking.axis.drain(record.at_ns)
        booking.axis.minute.steps_missed += len(self._submitted)
        for session in list(booking.sessions.values()):
            if session.in_flight:
                session.quality = "bounded"
            if session.closed is None:
                session.closed = SessionClosed(session.order, record.at_ns, "interrupted", None)
            booking.conclude(session)
        booking.stop()

    def _book(self, step: Step, settled_ns: int, memory_peak_bytes: int | None = None) -> None:
        self._booking.axis.add(step)
        if memory_peak_bytes is None:
            self._booking.settle(settled_ns)
            return
        # The peak belongs to both sides of a minute's edge inside the step, so it is noted before and after.
        self._booking.memory.note(memory_peak_bytes)
        self._booking.settle(settled_ns)
        self._booking.memory.note(memory_peak_bytes)

    def _pop_submitted(self, step: int) -> list[SessionUsage]:
        if step not in self._submitted:
            raise AccountingError(f"step {step} was not submitted")
        return self._submitted.pop(step)

    def _sessions_of(self, orders: Iterable[int]) -> list[SessionUsage]:
        try:
            return [self._booking.sessions[order] for order in orders]
        except KeyError as error:
            raise AccountingError(f"session {error.args[0]} is not open") from None


def run(device: Device, meter: GpuMeter) -> None:
    """Plays a device through a meter, to its end."""
    for record in device.records():
        meter.take(record)


def _unordered(rows: tuple[Row, ...]) -> bool:
    return any(before.session > after.session for before, after in pairwise(rows))
