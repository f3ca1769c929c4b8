"""The devices of one process."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from ..device.backend import LiveBackend
from .unit import Unit
from .wall_clock import WallClock


def make_units(
    backends: Sequence[LiveBackend],
    journals: Path,
    rank: int,
    world_size: int,
    meta: dict[str, Any],
    record: str | Path | None,
    clock: WallClock,
) -> list[Unit]:
    """One for each backend, all on one clock. Several devices of a process are several ranks."""
    return [
        Unit(
            backend,
            journals,
            clock.now,
            rank * len(backends) + index,
            world_size * len(backends),
            {**meta, "record": _trace_path(record, index)},
        )
        for index, backend in enumerate(backends)
    ]


def counts_of(unit: Unit) -> dict[str, Any]:
    """What ``Probe.counts`` says of a device."""
    clock, power = unit.clock, unit.backend.power
    return {
        "gpu_uuid": unit.info.gpu_uuid,
        **asdict(clock.counts),
        "in_flight": clock.in_flight,
        "stalled_s": unit.stalled_s(),
        "clock_shift_ns": unit.clock_shift_ns,
        "lost": unit.journal.lost,
        "sensor_errors": 0 if power is None else power.errors,
        "failed": clock.failed,
    }


def _trace_path(record: str | Path | None, index: int) -> str | None:
    """One trace per device: the first has the given name."""
    if record is None:
        return None
    path = Path(record).absolute()
    return str(path if index == 0 else path.with_name(f"{index}-{path.name}"))
