"""Plays a recorded trace (traces/README.md) as if the GPU were there."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

from ..session_token import token_or_none
from .interface import (
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

_INSTANTS = ("ts", "begin_ns", "end_ns")
# A trace of the probe itself holds every record that was booked, in that order.
PROBE_FORMAT = 2


class TraceError(ValueError):
    """The file is not a trace."""


class Trace(NamedTuple):
    """A recording, read. ``begin_ns`` and ``end_ns`` are its first and last instants as recorded."""

    meta: dict[str, Any]
    lines: list[dict[str, Any]]
    begin_ns: int
    end_ns: int

    @property
    def middle_ns(self) -> int:
        return (self.begin_ns + self.end_ns) // 2


def read_trace(path: str | Path) -> Trace:
    """Reads a .jsonl or .jsonl.gz trace. Raises TraceError naming the line that is not understood, OSError if
    unreadable."""
    path = Path(path)
    lines = read_lines(path)
    if not lines or lines[0]["t"] != "meta":
        raise TraceError(f"{path}: the first line is not a meta record")
    instants = [line[key] for line in lines for key in _INSTANTS if key in line]
    instants += [line["begin_ns"] + line["gpu_elapsed_ns"] for line in lines if "gpu_elapsed_ns" in line]
    if not instants:
        raise TraceError(f"{path}: the trace holds no instant")
    return Trace(lines[0], lines, min(instants), max(instants))


def read_lines(path: Path) -> list[dict[str, Any]]:
    """The records of a .jsonl or .jsonl.gz file, each with its kind ``t``. Raises TraceError naming the line
    that is none, OSError if unreadable."""
    lines: list[dict[str, Any]] = []
    with (
        gzip.open(path, "rt", encoding="utf-8")
        if path.suffix == ".gz"
        else open(path, encoding="utf-8") as file
    ):
        for number, text in enumerate(file, 1):
            try:
                line = json.loads(text)
                line["t"]
            except (ValueError, KeyError, TypeError) as error:
                raise TraceError(f"{path}: line {number} is not a trace record") from error
            lines.append(line)
    return lines


class ReplayDevice:
    """A trace as a device.

    ``shift_ns`` moves the recording in time. ``node`` names the machine, which traces do not record. The same
    trace, shift and node give the same events to the last byte.
    """

    def __init__(self, trace: Trace, shift_ns: int = 0, node: str = "replay") -> None:
        self._trace = trace
        self._shift = shift_ns
        meta = trace.meta
        self._complete = meta.get("format") == PROBE_FORMAT
        # "synthetic-7b (32 layers, …)": the name, and what it was made of.
        self._model = str(meta["model"]).split(" (")[0]
        self._model_version = str(meta.get("model_version", "1"))
        self._prefix = f"replay-{(trace.begin_ns + shift_ns) // 1_000_000}"
        self._info = DeviceInfo(
            node=meta.get("node", node),
            container_id=meta.get("container_id"),
            gpu_uuid=meta["gpu_uuid"],
            gpu_model=meta["gpu_model"],
            mig_profile=meta.get("mig_profile"),
            sharing=meta.get("sharing", "exclusive"),
            rank=meta.get("rank", 0),
            world_size=meta.get("world_size", 1),
            memory_total_bytes=meta["memory_total_bytes"],
            power=meta.get("power", any(line["t"] == "power" for line in trace.lines)),
            power_limit_mw=meta.get("power_limit_mw"),
            probe_start_ns=meta.get("probe_start_ns", trace.begin_ns) + shift_ns,
            energy_quality=meta.get("energy_quality", "counter"),
            activity=meta.get("activity"),
            bare_idle_mw=meta.get("bare_idle_mw"),
        )

    @property
    def info(self) -> DeviceInfo:
        return self._info

    def records(self) -> Iterator[Record]:
        """The recording holds steps in order of completion and not when they went to the GPU. A step that was
        in flight when one of its sessions closed must have been submitted by then, so it is announced just
        before that."""
        readers: dict[str, Callable[[dict[str, Any]], Record]] = {
            "open": self._opened,
            "close": self._closed,
            "submit": _submitted,
            "missed": self._missed,
            "power": self._power,
            "activity": self._activity,
            "neighbours": self._neighbours,
            "memory": _memory,
            "phase": self._span,
            "advance": self._advanced,
            "clock": _clock_set,
            "end": self._ended,
        }
        announced = {} if self._complete else _announcements(self._trace.lines)
        for at, line in enumerate(self._trace.lines):
            for step in announced.get(at, ()):
                yield StepSubmitted(step["step"], tuple(row[0] for row in step["rows"]))
            kind = line["t"]
            if kind == "step":
                yield self._measured(line)
            elif kind in readers:
                yield readers[kind](line)
            elif kind != "meta":
                raise TraceError(f"line {at + 1}: unknown record {kind!r}")
        if self._trace.lines[-1]["t"] != "end":
            yield WatchEnded(self._trace.end_ns + self._shift)

    def _opened(self, line: dict[str, Any]) -> Record:
        return SessionOpened(
            session=line["session"],
            at_ns=line["ts"] + self._shift,
            session_id=line.get("session_id") or f"{self._prefix}-{line['session']}",
            tenant_id=line["tenant"],
            project_id=line["project"],
            user_id=line.get("user"),
            model=line.get("model", self._model),
            model_version=line.get("model_version", self._model_version),
            prompt_tokens=line["prompt_tokens"],
            session_token=token_or_none(line.get("session_token")),
        )

    def _closed(self, line: dict[str, Any]) -> Record:
        return SessionClosed(
            line["session"], line["ts"] + self._shift, line["outcome"], line.get("output_tokens")
        )

    def _power(self, line: dict[str, Any]) -> Record:
        return PowerSample(
            line["ts"] + self._shift,
            line["power_mw"],
            line["energy_mj"],
            line.get("nvlink_tx_bytes"),
            line.get("nvlink_rx_bytes"),
        )

    def _activity(self, line: dict[str, Any]) -> Record:
        begin, end = line["begin_ns"] + self._shift, line["end_ns"] + self._shift
        return ActivitySample(begin, end, line["busy_ns"], line["quality"])

    def _neighbours(self, line: dict[str, Any]) -> Record:
        return Neighbours(line["ts"] + self._shift, tuple(line["names"]))

    def _missed(self, line: dict[str, Any]) -> Record:
        return StepMissed(
            line["step"],
            line["begin_ns"] + self._shift,
            line["end_ns"] + self._shift,
            line["settled_ns"] + self._shift,
        )

    def _advanced(self, line: dict[str, Any]) -> Record:
        return TimeAdvanced(line["settled_ns"] + self._shift)

    def _ended(self, line: dict[str, Any]) -> Record:
        return WatchEnded(line["ts"] + self._shift)

    def _span(self, line: dict[str, Any]) -> Record:
        begin, end = line["begin_ns"] + self._shift, line["end_ns"] + self._shift
        # A load has no CUDA events around it: the host's clock says how long the GPU was held.
        measured: int | None = line.get("gpu_elapsed_ns")
        return OperatorSpan(
            phase=line["phase"],
            begin_ns=begin,
            elapsed_ns=end - begin if measured is None else measured,
            quality=line.get("quality", "estimated" if measured is None else "measured"),
            model=line.get("model", self._model),
            model_version=line.get("model_version", self._model_version),
            settled_ns=line["settled_ns"] + self._shift if "settled_ns" in line else end,
            memory_peak_bytes=line.get("memory_bytes"),
        )

    def _measured(self, line: dict[str, Any]) -> Record:
        begin = line["begin_ns"] + self._shift
        return StepMeasured(
            step=line["step"],
            begin_ns=begin,
            elapsed_ns=line["gpu_elapsed_ns"],
            rows=tuple(Row(*row) for row in line["rows"]),
            # One stream: steps follow one another, so the next begins after this one's end.
            settled_ns=line["settled_ns"] + self._shift
            if "settled_ns" in line
            else begin + line["gpu_elapsed_ns"],
            host_submit_ns=line.get("host_submit_ns"),
            memory_peak_bytes=line.get("memory_peak_bytes"),
            communication_ns=line.get("communication_ns", 0),
            busy_ppm=line.get("busy_ppm"),
            cold=line.get("cold", False),
        )


def _submitted(line: dict[str, Any]) -> Record:
    return StepSubmitted(line["step"], tuple(line["sessions"]))


def _memory(line: dict[str, Any]) -> Record:
    return MemorySample(line["peak_bytes"], line["allocated_bytes"])


def _clock_set(line: dict[str, Any]) -> Record:
    return ClockSet(line["shift_ns"])


def _announcements(lines: list[dict[str, Any]]) -> dict[int, list[dict[str, Any]]]:
    """Line number -> steps to announce before it."""
    closed = {line["session"]: at for at, line in enumerate(lines) if line["t"] == "close"}
    announced: dict[int, list[dict[str, Any]]] = {}
    for at, line in enumerate(lines):
        if line["t"] == "step":
            first = min([at, *(closed.get(row[0], at) for row in line["rows"])])
            announced.setdefault(first, []).append(line)
    return announced
