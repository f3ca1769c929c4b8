"""The devices of one process."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from ..device.backend import LiveBackend
from .unit import Unit


def make_units(
    backends: Sequence[LiveBackend],
    journals: Path,
    rank: int,
    world_size: int,
    meta: dict[str, Any],
    record: str | Path | None,
) -> list[Unit]:
    """One for each backend, all on one clock. Several devices of a process are several ranks."""
    # Unix time that does not jump: an interval must not be measured by a clock that someone sets.
    base = time.time_ns() - time.monotonic_ns()
    return [
        Unit(
            backend,
            journals,
            lambda: base + time.monotonic_ns(),
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
