"""Books settled time and energy to drafts and minutes, and gives out what is finished."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain
from typing import Protocol

from ..device.interface import DeviceInfo
from ..sharing import Policy, Work, share
from .axis import Axis, Piece, Segment, Step
from .busy_time import BusyTime
from .energy import EnergySplit
from .memory import MemoryArbiter
from .minute import Minute
from .output import Output, event_record, totals_record
from .past import PastSessions
from .piece import book_busy, book_communication, book_profiled, count_tokens, share_nvlink
from .session import INFERENCE, SPAN_LABEL, Draft, SessionUsage


class Refit(Protocol):
    """What changes the policy between minutes (fitting/refit.py)."""

    @property
    def policy(self) -> Policy: ...

    def note(self, rows: Sequence[Work], elapsed_ns: int) -> None: ...

    def minute_over(self, at_ns: int) -> None: ...


class Booking:
    """The books of one GPU. ``sessions`` are those without their last event, by order of opening.

    Annotated here is what a checkpoint keeps.
    """

    sessions: dict[int, SessionUsage]
    memory: MemoryArbiter
    axis: Axis
    energy: EnergySplit
    busy: BusyTime
    models: dict[str, None]
    _done: list[Minute]

    def __init__(self, info: DeviceInfo, policy: Policy, output: Output, refit: Refit | None = None) -> None:
        self.sessions = {}
        self.memory = MemoryArbiter()
        self.axis = Axis(info.probe_start_ns, self)
        minute_at, next_edge = self.axis.minute_at, self.axis.next_edge
        self.energy = EnergySplit(self, minute_at, next_edge, info.bare_idle_mw)
        self.busy = BusyTime(info.probe_start_ns, self, minute_at, next_edge)
        self.past = PastSessions()
        self.models = {}
        self._info = info
        self._policy = policy if refit is None else refit.policy
        self._refit = refit
        self._output = output
        self._done = []

    def settle(self, settled_ns: int) -> None:
        """Books everything before an instant, and reports the minutes that are final by then."""
        self.axis.settle(settled_ns)
        if self._info.power:
            self.energy.settle(self.axis.at)
        if self._info.activity is not None:
            self.busy.settle(self.axis.whole_until)
        self._report_minutes()

    def stop(self) -> None:
        """Closes the last minute; readings that are still to come will not."""
        self.axis.stop()
        if self._info.power:
            self.energy.stop(self.axis.at)
        if self._info.activity is not None:
            self.busy.stop(self.axis.at)
        self._report_minutes()

    def expected_busy_ns(self, draft: Draft) -> int | None:
        """The busy time of a draft's pieces that wait for the counter, as far as steps like them tell;
        None where they do not."""
        total = 0
        for piece in chain(self.energy.waiting, self.busy.waiting):
            if draft in piece.drafts:
                expected = self.busy.expect(piece)
                if expected is None:
                    return None
                parts = zip(piece.drafts, share(expected, piece.shares))
                total += sum(part for its, part in parts if its is draft)
        return total

    def conclude(self, session: SessionUsage) -> None:
        """The last event of a closed session, with its outcome; one without GPU time where it had none, so
        that cancelled work does not vanish."""
        closed = session.closed
        assert closed is not None, "only a closed session is concluded"
        draft = session.draft
        if draft is None:
            begin = max(closed.at_ns, session.last_end, self._info.probe_start_ns)
            draft = self._new_draft(session, begin)
        if closed.tokens_out is not None:
            # The engine knows what it sent; counting steps does not see speculation or several tokens at
            # once.
            draft.tokens_out = max(0, draft.tokens_out + closed.tokens_out - session.tokens_out)
        memory = self.memory.remove(session)
        del self.sessions[session.order]
        self._close_draft(draft, closed.outcome, memory)
        if session.phase == INFERENCE:
            self.past.add(session, self.axis.at)

    # What the axis settles

    def segment_settled(self, segment: Segment) -> None:
        if self._info.power:
            self.energy.add_segment(segment)

    def piece_done(self, piece: Piece) -> None:
        """Shares a piece's time. The minute is booked the whole, so that the shares are a second count of
        it."""
        sessions, minute = piece.step.sessions, piece.minute
        if not sessions:
            minute.unattributed_ns += piece.device_ns
        elif sessions[0].phase == INFERENCE:
            minute.attributed_ns += piece.device_ns
        else:
            minute.operator_ns += piece.device_ns
        if sessions:
            piece.shares = share(piece.device_ns, self._weights(piece.step))
        begin, end = piece.begin, piece.end
        for session, part in zip(sessions, piece.shares):
            draft = session.draft
            if draft is None:
                draft = session.draft = self._new_draft(session, begin)
                minute.drafts.append(draft)
            draft.gpu_ns += part
            if begin < draft.begin:
                draft.begin = begin
            if end > draft.end:
                draft.end = end
            draft.unsettled += 1
            draft.unsettled_ns += part
            piece.drafts.append(draft)
        book_communication(piece)
        if self._info.activity is not None:
            self.busy.add(piece)
        else:
            book_profiled(piece)
        if self._info.power:
            self.energy.add_piece(piece)
        else:
            self.energy_settled(piece)

    def _weights(self, step: Step) -> list[int]:
        if step.sessions[0].phase == INFERENCE:
            return self._policy.weights(step.works)
        # The operator comes first and pays; sessions of a cold step were in it, for nothing.
        return [1] + [0] * (len(step.sessions) - 1)

    def step_done(self, step: Step, last: Piece) -> None:
        """Tokens and the step itself count where the step ends."""
        if not step.measured:
            last.minute.steps_missed += 1
        elif len(step.sessions) != 1 or step.sessions[0].phase == INFERENCE:
            last.minute.steps += 1
            count_tokens(step, last)
            size = sum(session.phase == INFERENCE for session in step.holders)
            for session in step.holders:
                draft = session.draft
                if draft is not None and session.phase == INFERENCE:
                    draft.steps += 1
                    draft.batch_size_sum += size
        for session in step.holders:
            session.in_flight -= 1
            if session.in_flight == 0 and session.closed is not None:
                self.conclude(session)

    def minute_done(self, minute: Minute) -> None:
        for draft in minute.drafts:
            if draft.outcome is None:
                self._close_draft(draft, "ok", self.memory.take(draft.session))
        self._done.append(minute)
        if self._refit is not None:
            self._refit.minute_over(minute.end)
            self._policy = self._refit.policy

    # What the counters settle

    @property
    def has_models(self) -> bool:
        return bool(self.models)

    def energy_settled(self, piece: Piece) -> None:
        if self._info.activity is not None:
            self.busy.wait(piece)
        else:
            self.piece_settled(piece)

    def piece_settled(self, piece: Piece) -> None:
        minute, energy = piece.minute, piece.energy_uj
        if not piece.drafts:
            minute.energy_idle_uj += energy
            return
        if piece.drafts[0].session.phase == INFERENCE:
            minute.energy_attributed_uj += energy
        else:
            minute.energy_operator_uj += energy
        covered, power_time, peak = piece.covered_ns, piece.power_time, piece.power_peak_mw
        share_nvlink(piece)
        book_busy(piece)
        for draft, part, time in zip(piece.drafts, share(energy, piece.shares), piece.shares):
            draft.energy_uj += part
            draft.unsettled_ns -= time
            draft.covered_ns += covered
            draft.power_time += power_time
            if peak > draft.power_peak_mw:
                draft.power_peak_mw = peak
            draft.unsettled -= 1
            if draft.unsettled == 0 and draft.outcome is not None:
                self._emit(draft)

    # What is finished

    def _new_draft(self, session: SessionUsage, begin: int) -> Draft:
        label = self._policy.label if session.phase == INFERENCE else SPAN_LABEL
        return Draft(session, label, begin, begin)

    def _close_draft(self, draft: Draft, outcome: str, memory: tuple[int, bool]) -> None:
        session = draft.session
        draft.outcome = outcome
        draft.sequence = session.sequence
        draft.quality = session.quality
        draft.memory_peak, draft.memory_shared = memory
        session.sequence += 1
        session.last_end = draft.end
        session.draft = None
        session.waiting.append(draft)
        if draft.unsettled == 0:
            self._emit(draft)

    def _emit(self, draft: Draft) -> None:
        self._bound_busy(draft)
        record = event_record(self._info, draft, self.axis.calendar.shift_at(draft.begin))
        draft.session.waiting.remove(draft)
        draft.session.given.add(record)
        self._output.event(record)

    def _bound_busy(self, draft: Draft) -> None:
        """A session on two streams at once had the card no longer than from its first step to its last."""
        excess = draft.busy_ns - (draft.end - draft.begin)
        if self._info.activity is not None and excess > 0:
            draft.busy_ns -= excess
            minute = self.axis.minute_at(draft.begin)
            minute.unmetered_ns += excess
            if draft.session.phase == INFERENCE:
                minute.busy_attributed_ns -= excess
            else:
                minute.busy_operator_ns -= excess

    def _report_minutes(self) -> None:
        until = self.energy.settled if self._info.power else self.axis.at
        if self._info.activity is not None:
            until = min(until, self.busy.settled)
        while self._done and self._done[0].end <= until:
            minute = self._done.pop(0)
            del self.axis.minutes[self.axis.next_edge(minute.start)]
            if minute.wall_time_ns:
                self._output.totals(totals_record(self._info, minute, self.models))
