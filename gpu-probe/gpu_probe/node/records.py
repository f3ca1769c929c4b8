"""The events and totals of a stretch, in the form of version 2."""

from __future__ import annotations

from typing import Any

from ..nvml import Facts
from ..records import event_id, totals_id
from ..version import PROBE_VERSION
from .host import ProcessKey
from .owners import Owner
from .stretch import Bill, Result, Stretch

Record = dict[str, Any]
POLICY = "process-utilization@1"
_PJ_PER_UJ = 1_000_000


def event(
    facts: Facts,
    node: str,
    start_ns: int,
    key: ProcessKey,
    owner: Owner,
    sequence: int,
    bill: Bill,
    stretch: Stretch,
) -> Record:
    """What one process used of one card: a gpu_time_event of estimated quality. ``start_ns``, when the agent
    began, is part of its id."""
    # The card too: a process may use several.
    session_id = f"process-{key.pid}-{key.start}-{facts.uuid}"
    use = bill.use
    started_at, ended_at = use.begin // 1000, -(-use.end // 1000)
    energy_known = bill.energy_uj is not None
    return {
        "event_id": event_id(session_id, sequence, 0, start_ns, ended_at),
        "session_id": session_id,
        "sequence": sequence,
        "tenant_id": owner.tenant_id,
        "project_id": owner.project_id,
        "user_id": None,
        "model": owner.program,
        "model_version": "unknown",
        **_place(facts, node),
        "container_id": owner.container,
        "world_size": 1,
        "phase": "inference",
        "outcome": "ok",
        "started_at": started_at,
        "ended_at": ended_at,
        "gpu_time_ns": bill.busy_ns,
        "gpu_busy_ns": bill.busy_ns,
        "communication_ns": 0,
        "time_quality": "estimated",
        "memory_peak_bytes": use.memory_peak_bytes,
        "memory_scope": "session",
        "memory_total_bytes": facts.memory_total_bytes or 0,
        "energy_uj": bill.energy_uj,
        **_power(stretch, energy_known),
        "power_limit_mw": facts.power_limit_mw,
        "energy_quality": "model" if energy_known else "none",
        "nvlink_tx_bytes": None,
        "nvlink_rx_bytes": None,
        "tokens_in": 0,
        "tokens_cached": 0,
        "tokens_out": 0,
        "batch_steps": 0,
        "batch_size_avg_milli": 0,
        "apportionment": POLICY,
        "probe_version": PROBE_VERSION,
        "busy_quality": "sampled",
    }


def totals(
    facts: Facts, node: str, start_ns: int, stretch: Stretch, result: Result, servers: str | None
) -> Record:
    """The balance of a card that no instrumented process reports. ``servers`` are MPS servers that used
    it."""
    started_at, ended_at = stretch.begin // 1000, -(-stretch.end // 1000)
    attributed = result.busy_ns - result.claimed_ns - result.unattributed_ns
    energy = result.energy_uj
    attributed_uj = None
    if energy is not None:
        attributed_uj = energy - result.idle_uj - result.unattributed_uj
    return {
        "totals_id": totals_id(facts.uuid, node, "", 0, started_at, start_ns, ended_at),
        **_place(facts, node),
        "container_id": None,
        "started_at": started_at,
        "ended_at": ended_at,
        "wall_time_ns": stretch.wall_ns,
        "attributed_ns": attributed,
        "operator_ns": 0,
        "idle_ns": stretch.wall_ns - result.busy_ns,
        "unattributed_ns": result.unattributed_ns,
        "busy_ns": result.busy_ns,
        "busy_attributed_ns": attributed,
        "busy_operator_ns": 0,
        "unmetered_ns": result.unattributed_ns,
        "busy_quality": "sampled",
        "unmetered_processes": servers,
        "energy_uj": energy,
        "energy_attributed_uj": attributed_uj,
        "energy_operator_uj": None if energy is None else 0,
        "energy_idle_uj": None if energy is None else result.idle_uj,
        "energy_parked_uj": None,
        "energy_unmetered_uj": None if energy is None else result.unattributed_uj,
        "parked_models": None,
        "steps": 0,
        "steps_missed": 0,
        "lost_events": 0,
        "probe_version": PROBE_VERSION,
    }


def _place(facts: Facts, node: str) -> Record:
    return {
        "node": node,
        "gpu_uuid": facts.uuid,
        "gpu_model": facts.model,
        "mig_profile": facts.mig_profile,
        "sharing": facts.sharing,
        "rank": 0,
    }


def _power(stretch: Stretch, energy_known: bool) -> Record:
    """The card's, not the process's."""
    if not energy_known or stretch.energy_uj is None or not stretch.wall_ns:
        return {"power_avg_mw": None, "power_peak_mw": None}
    average = stretch.energy_uj * _PJ_PER_UJ // stretch.wall_ns
    return {"power_avg_mw": average, "power_peak_mw": max(average, stretch.power_peak_mw)}
