"""What a session has used by now: what its events said, and what the next ones will say."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from ..device.interface import DeviceInfo
from ..usage import Usage
from .output import event_record
from .session import SPAN_LABEL, Draft, SessionUsage

# Energy is said where at most this part of the time lacks it.
_LACKING = 100


def usage_of(
    info: DeviceInfo,
    session: SessionUsage,
    pending: bool,
    expected_busy_ns: Callable[[Draft], int | None],
) -> Usage:
    """``pending``: a step that may be the session's is not booked yet, so its time is a lower bound.
    ``expected_busy_ns`` says of pieces that wait for the counter what steps like theirs took."""
    figures = replace(session.given)
    drafts = session.waiting if session.draft is None else [*session.waiting, session.draft]
    if not drafts and not session.sequence:
        # What a session without a step leaves.
        drafts = [Draft(session, SPAN_LABEL, 0, 0)]
    for draft in drafts:
        record = event_record(info, draft)
        if draft.unsettled and info.power:
            # The counter is still to come for some or all of it.
            record |= {"energy_uj": draft.energy_uj, "energy_quality": info.energy_quality}
        if draft.unsettled and info.activity is not None:
            expected = expected_busy_ns(draft)
            busy_ns = None if expected is None else draft.busy_ns + expected
            record |= {"gpu_busy_ns": busy_ns, "busy_quality": "sampled"}
        figures.add(record)
    if sum(draft.unsettled_ns for draft in drafts) * _LACKING > figures.gpu_time_ns:
        figures.energy_uj = None
    figures.bound("bounded" if pending else session.quality)
    return figures.usage(pending or any(draft.unsettled for draft in drafts))
