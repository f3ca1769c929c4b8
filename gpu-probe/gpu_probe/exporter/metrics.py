"""What the accounting gives out, counted for Prometheus."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from typing import Any, Protocol

from ..accounting import Output
from ..version import VERSION
from .exposition import Exemplar, Family, render

Record = dict[str, Any]
OTHER = "other"
# Models are named by servers, not by callers; the bound only stops a mistake.
MODELS_MAX = 100
# Keys of gpu_totals; null, or absent before version 2, where nothing measures them.
_BUSY_PARTS = (
    ("attributed", "busy_attributed_ns"),
    ("operator", "busy_operator_ns"),
    ("unmetered", "unmetered_ns"),
)
_ENERGY_PARTS = ("attributed", "operator", "idle", "parked", "unmetered")


class OutboxState(Protocol):
    """What an Outbox says of itself."""

    @property
    def backlog(self) -> int: ...

    @property
    def lost(self) -> int: ...

    errors: int


class Metrics:
    """An Output that counts what passes through to ``output``.

    No series is named by a session or user. A tenant has its own series only if it is in ``tenants``; the
    others share one, ``other``. With OpenMetrics each tenant's series carries its latest session as an
    exemplar.
    """

    def __init__(self, output: Output, tenants: Iterable[str] = ()) -> None:
        self._output = output
        self._tenants = frozenset(tenants)
        self._models: set[str] = set()
        self._lock = threading.Lock()
        self._on_render: list[Callable[[], None]] = []
        of_model = ("model", "model_version", "phase", "outcome")
        of_gpu = ("gpu_uuid", "gpu_model", "rank")
        self._gpu_time = _seconds(
            "gpu_probe_model_gpu_seconds", "GPU time of sessions and cold starts.", of_model
        )
        self._busy = _seconds(
            "gpu_probe_model_busy_seconds",
            "Time that the card worked for sessions and cold starts.",
            (*of_model, "quality"),
        )
        self._energy = _joules(
            "gpu_probe_model_energy_joules", "Energy of sessions and cold starts.", of_model
        )
        self._events = Family("gpu_probe_events", "counter", "Events given out.", of_model)
        self._tokens = Family("gpu_probe_tokens", "counter", "Tokens.", ("model", "kind"))
        self._memory = Family(
            "gpu_probe_session_memory_peak_bytes",
            "gauge",
            "Peak of allocated memory in the latest event.",
            ("model",),
        )
        self._tenant_time = _seconds(
            "gpu_probe_tenant_gpu_seconds", "GPU time of a tenant's sessions.", ("tenant",)
        )
        self._tenant_busy = _seconds(
            "gpu_probe_tenant_busy_seconds", "Time that the card worked for a tenant's sessions.", ("tenant",)
        )
        self._tenant_energy = _joules(
            "gpu_probe_tenant_energy_joules", "Energy of a tenant's sessions.", ("tenant",)
        )
        self._tenant_sessions = Family("gpu_probe_tenant_sessions", "counter", "Sessions begun.", ("tenant",))
        self._wall = _seconds(
            "gpu_probe_gpu_wall_seconds",
            "Time of the GPU that was watched; the parts add up to it.",
            (*of_gpu, "part"),
        )
        self._wall_busy = _seconds(
            "gpu_probe_gpu_busy_seconds",
            "Time that the GPU worked by its own counter; the parts add up to it.",
            (*of_gpu, "part", "quality"),
        )
        self._wall_energy = _joules(
            "gpu_probe_gpu_energy_joules",
            "Difference of the energy counter; the parts add up to it.",
            (*of_gpu, "part"),
        )
        self._steps = Family("gpu_probe_steps", "counter", "Steps measured.", of_gpu)
        self._missed = Family("gpu_probe_steps_missed", "counter", "Steps that ran unmeasured.", of_gpu)
        self._last = Family(
            "gpu_probe_last_totals_timestamp_seconds", "gauge", "End of the latest totals.", of_gpu, 6
        )
        self._info = Family("gpu_probe", "info", "The probe.", ("version",))
        self._info.set(1, VERSION)
        self._families = [
            *(self._gpu_time, self._busy, self._energy, self._events, self._tokens, self._memory),
            *(self._tenant_time, self._tenant_busy, self._tenant_energy, self._tenant_sessions),
            *(self._wall, self._wall_busy, self._wall_energy, self._steps, self._missed, self._last),
            self._info,
        ]

    def watch(self, outbox: OutboxState) -> None:
        """Also shows what an outbox holds and lost."""
        backlog = Family(
            "gpu_probe_wal_backlog_records", "gauge", "Records not acknowledged by the receiver."
        )
        lost = Family("gpu_probe_lost_events", "counter", "Events that found no room on the disk.")
        errors = Family("gpu_probe_publish_errors", "counter", "Times that publishing had to begin anew.")
        self._families += [backlog, lost, errors]

        def read() -> None:
            backlog.set(outbox.backlog)
            lost.set(outbox.lost)
            errors.set(outbox.errors)

        self._on_render.append(read)

    def event(self, record: Record) -> None:
        with self._lock:
            self._count_model(record)
            if record["phase"] == "inference":
                self._count_tenant(record)
        self._output.event(record)

    def totals(self, record: Record) -> None:
        gpu = (record["gpu_uuid"], record["gpu_model"], str(record["rank"]))
        with self._lock:
            for part in ("attributed", "operator", "idle", "unattributed"):
                self._wall.add(record[f"{part}_ns"], *gpu, part)
            quality = record.get("busy_quality", "elapsed")
            for part, name in _BUSY_PARTS:
                _add_known(self._wall_busy, record.get(name), *gpu, part, quality)
            for part in _ENERGY_PARTS:
                _add_known(self._wall_energy, record.get(f"energy_{part}_uj"), *gpu, part)
            self._steps.add(record["steps"], *gpu)
            self._missed.add(record["steps_missed"], *gpu)
            self._last.set(record["ended_at"], *gpu)
        self._output.totals(record)

    def render(self, openmetrics: bool = False) -> str:
        """The page for a scrape."""
        with self._lock:
            for read in self._on_render:
                read()
            return render(self._families, openmetrics)

    def _count_model(self, record: Record) -> None:
        name = record["model"]
        if name not in self._models and len(self._models) >= MODELS_MAX:
            name = OTHER
        self._models.add(name)
        version = OTHER if name == OTHER else record["model_version"]
        labels = (name, version, record["phase"], record["outcome"])
        self._gpu_time.add(record["gpu_time_ns"], *labels)
        _add_known(self._busy, record["gpu_busy_ns"], *labels, record.get("busy_quality", "elapsed"))
        _add_known(self._energy, record["energy_uj"], *labels)
        self._events.add(1, *labels)
        if record["phase"] == "inference":
            self._memory.set(record["memory_peak_bytes"], name)
            for kind in ("in", "cached", "out"):
                self._tokens.add(record[f"tokens_{kind}"], name, kind)

    def _count_tenant(self, record: Record) -> None:
        tenant = record["tenant_id"] if record["tenant_id"] in self._tenants else OTHER
        labels = [
            ("session_id", record["session_id"]),
            ("user_id", record["user_id"]),
            ("model", record["model"]),
        ]
        known = tuple((name, value) for name, value in labels if value)
        exemplar = Exemplar(known, record["gpu_time_ns"], record["ended_at"])
        self._tenant_time.add(record["gpu_time_ns"], tenant, exemplar=exemplar)
        _add_known(self._tenant_busy, record["gpu_busy_ns"], tenant)
        _add_known(self._tenant_energy, record["energy_uj"], tenant)
        if record["sequence"] == 0:
            self._tenant_sessions.add(1, tenant)


def _add_known(family: Family, amount: int | None, *labels: str) -> None:
    """What is unknown has no series: 0 would be read as a measurement."""
    if amount is not None:
        family.add(amount, *labels)


def _seconds(name: str, text: str, labels: tuple[str, ...]) -> Family:
    """Counted in nanoseconds."""
    return Family(name, "counter", text, labels, 9)


def _joules(name: str, text: str, labels: tuple[str, ...]) -> Family:
    """Counted in microjoules."""
    return Family(name, "counter", text, labels, 6)
