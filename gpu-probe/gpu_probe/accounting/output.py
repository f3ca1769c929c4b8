"""Builds the published records from drafts and minutes."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Protocol

from ..device.interface import DeviceInfo
from ..records import event_id, totals_id
from ..version import PROBE_VERSION
from .minute import Minute
from .session import Draft

Record = dict[str, Any]
# The most that the schema takes of a list.
_LIST_BYTES_MAX = 4096
# The counter lags: it says nothing of the last moments before the probe ends, nor of the first.
_COUNTED_PERCENT = 95


class Output(Protocol):
    """Takes finished records, in order of completion."""

    def event(self, record: Record) -> None: ...

    def totals(self, record: Record) -> None: ...


def event_record(info: DeviceInfo, draft: Draft, shift_ns: int = 0) -> Record:
    """The gpu_time_event of a closed draft, with a session token in the form of version 3. ``shift_ns`` is
    what the wall clock is ahead of the books."""
    session = draft.session
    # Outwards to whole microseconds: edges of minutes are whole, so this stays inside the draft's minute.
    started_at, ended_at = (draft.begin + shift_ns) // 1000, -(-(draft.end + shift_ns) // 1000)
    busy_quality = draft.busy_quality
    energy_known = info.power and (draft.covered_ns > 0 or draft.gpu_ns == 0)
    power_avg = draft.power_time // draft.covered_ns if draft.covered_ns else None
    # The counter's own average is an observation too: a peak below the average would be absurd.
    power_peak = None if power_avg is None else max(power_avg, draft.power_peak_mw)
    return {
        "event_id": event_id(session.session_id, draft.sequence, info.rank, info.probe_start_ns, ended_at),
        "session_id": session.session_id,
        "sequence": draft.sequence,
        "tenant_id": session.tenant_id,
        "project_id": session.project_id,
        "user_id": session.user_id,
        "model": session.model,
        "model_version": session.model_version,
        **_place(info),
        "world_size": info.world_size,
        "phase": session.phase,
        "outcome": draft.outcome,
        "started_at": started_at,
        "ended_at": ended_at,
        "gpu_time_ns": draft.gpu_ns,
        "gpu_busy_ns": draft.gpu_ns if busy_quality == "elapsed" else draft.busy_ns,
        "communication_ns": draft.communication_ns,
        "time_quality": draft.quality,
        "memory_peak_bytes": draft.memory_peak,
        "memory_scope": "shared" if draft.memory_shared else "session",
        "memory_total_bytes": info.memory_total_bytes,
        "energy_uj": draft.energy_uj if energy_known else None,
        "power_avg_mw": power_avg,
        "power_peak_mw": power_peak,
        "power_limit_mw": info.power_limit_mw,
        "energy_quality": info.energy_quality if energy_known else "none",
        "nvlink_tx_bytes": draft.nvlink_tx,
        "nvlink_rx_bytes": draft.nvlink_rx,
        "tokens_in": draft.tokens_in,
        "tokens_cached": draft.tokens_cached,
        "tokens_out": draft.tokens_out,
        "batch_steps": draft.steps,
        "batch_size_avg_milli": draft.batch_size_sum * 1000 // draft.steps if draft.steps else 0,
        "apportionment": draft.label,
        "probe_version": PROBE_VERSION,
        "busy_quality": busy_quality,
        **_proofs(session.session_token),
    }


def totals_record(info: DeviceInfo, minute: Minute, models: Iterable[str]) -> Record:
    """The gpu_totals of a settled minute, with the models that are loaded. ``lost_events`` is filled in by
    whoever stores events."""
    shift = minute.shift_ns
    started_at, ended_at = (minute.start + shift) // 1000, -(-(minute.end + shift) // 1000)
    energy = minute.energy_attributed_uj + minute.energy_operator_uj
    energy += minute.energy_idle_uj + minute.energy_parked_uj
    is_parked = info.bare_idle_mw is not None

    def known(value: int) -> int | None:
        return value if minute.energy_read else None

    return {
        "totals_id": totals_id(
            info.gpu_uuid,
            info.node,
            info.container_id or "",
            info.rank,
            started_at,
            # A minute that comes twice, as the clock was set back, has two ids.
            info.probe_start_ns + shift,
            ended_at,
        ),
        **_place(info),
        "started_at": started_at,
        "ended_at": ended_at,
        "wall_time_ns": minute.wall_time_ns,
        "attributed_ns": minute.attributed_ns,
        "operator_ns": minute.operator_ns,
        "idle_ns": minute.idle_ns,
        "unattributed_ns": minute.unattributed_ns,
        **_busy(minute),
        "energy_uj": known(energy),
        "energy_attributed_uj": known(minute.energy_attributed_uj),
        "energy_operator_uj": known(minute.energy_operator_uj),
        "energy_idle_uj": known(minute.energy_idle_uj),
        "energy_parked_uj": known(minute.energy_parked_uj) if is_parked else None,
        "energy_unmetered_uj": None,
        "parked_models": (_list_text(models) or None) if is_parked and minute.energy_parked_uj else None,
        "steps": minute.steps,
        "steps_missed": minute.steps_missed,
        "lost_events": 0,
        "probe_version": PROBE_VERSION + _step_text(minute.step_ns),
    }


def _proofs(session_token: str | None) -> Record:
    """What vouches for an event; without a token it stays one of version 2."""
    return {} if session_token is None else {"session_token": session_token, "correction_mac": None}


def _busy(minute: Minute) -> Record:
    """What the card's activity counter says of a minute; null where it says nothing."""
    busy_ns = minute.busy_attributed_ns + minute.busy_operator_ns + minute.unmetered_ns
    if not (busy_ns or minute.counted_ns or minute.sampled_ns):
        parts = dict.fromkeys(("busy_ns", "busy_attributed_ns", "busy_operator_ns", "unmetered_ns"))
        return {**parts, "busy_quality": "elapsed", "unmetered_processes": None}
    is_counted = minute.counted_ns * 100 >= minute.wall_time_ns * _COUNTED_PERCENT
    return {
        "busy_ns": busy_ns,
        "busy_attributed_ns": minute.busy_attributed_ns,
        "busy_operator_ns": minute.busy_operator_ns,
        "unmetered_ns": minute.unmetered_ns,
        "busy_quality": "counter" if is_counted else "sampled",
        "unmetered_processes": _list_text(minute.neighbours) or None,
    }


def _list_text(names: Iterable[str]) -> str:
    """Names joined by commas, as many as the schema takes."""
    text = ""
    for name in names:
        longer = f"{text},{name}" if text else name
        if len(longer.encode("utf-8")) > _LIST_BYTES_MAX:
            break
        text = longer
    return text


def _step_text(step_ns: int) -> str:
    """Labels the first totals after the wall clock was set."""
    if not step_ns:
        return ""
    sign = "-" if step_ns < 0 else "+"
    return f", clock set by {sign}{abs(step_ns) // 1_000_000_000}.{abs(step_ns) // 1_000_000 % 1000:03d} s"


def _place(info: DeviceInfo) -> Record:
    return {
        "node": info.node,
        "container_id": info.container_id,
        "gpu_uuid": info.gpu_uuid,
        "gpu_model": info.gpu_model,
        "mig_profile": info.mig_profile,
        "sharing": info.sharing,
        "rank": info.rank,
    }
