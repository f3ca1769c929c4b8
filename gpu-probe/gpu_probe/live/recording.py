"""Writes the records that were booked as a trace (traces/README.md) that ReplayDevice plays to the same
events."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any

from ..device.interface import (
    ActivitySample,
    ClockSet,
    DeviceInfo,
    MemorySample,
    Neighbours,
    OperatorSpan,
    PowerSample,
    Record,
    SessionClosed,
    SessionOpened,
    StepMeasured,
    StepMissed,
    StepSubmitted,
    TimeAdvanced,
    WatchEnded,
)
from ..device.replay import PROBE_FORMAT


class TraceWriter:
    """One record per line, in the order in which they were booked. A path that ends in .gz is compressed."""

    def __init__(self, path: Path, info: DeviceInfo) -> None:
        self._file: IO[str] = (
            gzip.open(path, "wt", encoding="utf-8")  # noqa: SIM115
            if path.suffix == ".gz"
            else open(path, "w", encoding="utf-8")  # noqa: SIM115 - it stays open
        )
        self._line({"t": "meta", "format": PROBE_FORMAT, "model": "unknown", **info._asdict()})

    def write(self, record: Record) -> None:
        self._line(_FORMS[type(record)](record))

    def close(self) -> None:
        self._file.close()

    def _line(self, fields: dict[str, Any]) -> None:
        self._file.write(json.dumps(fields, separators=(",", ":"), ensure_ascii=False) + "\n")


def _renamed(kind: str, **names: str) -> Callable[[Any], dict[str, Any]]:
    """The record's fields under the names that recordings have used from the start."""

    def form(record: Any) -> dict[str, Any]:
        return {"t": kind, **{names.get(key, key): value for key, value in record._asdict().items()}}

    return form


def _span(span: OperatorSpan) -> dict[str, Any]:
    fields = {"t": "phase", **span._asdict(), "end_ns": span.begin_ns + span.elapsed_ns}
    fields["gpu_elapsed_ns"] = fields.pop("elapsed_ns")
    fields["memory_bytes"] = fields.pop("memory_peak_bytes")
    return fields


def _opened(opened: SessionOpened) -> dict[str, Any]:
    """Without its token: recordings are handed around, and with a token events can be signed."""
    form = _renamed("open", at_ns="ts", tenant_id="tenant", project_id="project", user_id="user")(opened)
    del form["session_token"]
    return form


_FORMS: dict[type, Callable[[Any], dict[str, Any]]] = {
    SessionOpened: _opened,
    SessionClosed: _renamed("close", at_ns="ts", tokens_out="output_tokens"),
    StepSubmitted: _renamed("submit"),
    StepMeasured: _renamed("step", elapsed_ns="gpu_elapsed_ns"),
    StepMissed: _renamed("missed"),
    OperatorSpan: _span,
    PowerSample: _renamed("power", at_ns="ts"),
    ActivitySample: _renamed("activity"),
    Neighbours: _renamed("neighbours", at_ns="ts"),
    MemorySample: _renamed("memory"),
    TimeAdvanced: _renamed("advance"),
    ClockSet: _renamed("clock"),
    WatchEnded: _renamed("end", at_ns="ts"),
}
