"""The closing account of a run: what the events say beside what the totals say."""

from __future__ import annotations

from typing import Any

from .output import Output, Record

_PARTS = {
    "gpu_time_ns": ("sessions", "operator", "idle", "unattributed"),
    "gpu_busy_ns": ("sessions", "operator", "unmetered"),
    "energy_uj": ("sessions", "operator", "idle", "unattributed"),
}


class Account:
    """Adds up what passes through to ``output``.

    ``sessions`` and ``operator`` are summed from the events, the rest from the totals, so that ``faults``
    compares two counts. Busy time is there where the card's counter was read; energy that is parked is in
    ``idle``.
    """

    def __init__(self, output: Output) -> None:
        self._output = output
        self._sessions = self._events = self._totals = 0
        self._is_counted = False
        self.gpu_time_ns, self._busy_ns, self.energy_uj = (
            dict.fromkeys(("physical", *parts), 0) for parts in _PARTS.values()
        )

    def event(self, record: Record) -> None:
        self._events += 1
        inference = record["phase"] == "inference"
        self._sessions += inference and record["sequence"] == 0
        part = "sessions" if inference else "operator"
        self.gpu_time_ns[part] += record["gpu_time_ns"]
        if record["busy_quality"] != "elapsed":
            self._busy_ns[part] += record["gpu_busy_ns"]
        self.energy_uj[part] += record["energy_uj"] or 0
        self._output.event(record)

    def totals(self, record: Record) -> None:
        self._totals += 1
        self.gpu_time_ns["physical"] += record["wall_time_ns"]
        self.gpu_time_ns["idle"] += record["idle_ns"]
        self.gpu_time_ns["unattributed"] += record["unattributed_ns"]
        self._is_counted = self._is_counted or record["busy_ns"] is not None
        self._busy_ns["physical"] += record["busy_ns"] or 0
        self._busy_ns["unmetered"] += record["unmetered_ns"] or 0
        self.energy_uj["physical"] += record["energy_uj"] or 0
        self.energy_uj["idle"] += (record["energy_idle_uj"] or 0) + (record["energy_parked_uj"] or 0)
        self._output.totals(record)

    @property
    def gpu_busy_ns(self) -> dict[str, int]:
        """Nanoseconds; all 0 where no counter was read, though steps may have been looked into."""
        return self._busy_ns if self._is_counted else dict.fromkeys(self._busy_ns, 0)

    def faults(self) -> list[str]:
        """What does not add up; empty when all is well."""
        faults = []
        for name, sums in self._sums():
            parts = sum(sums[part] for part in _PARTS[name])
            if parts != sums["physical"]:
                faults.append(f"{name}: the parts add up to {parts}, physical is {sums['physical']}")
        return faults

    def summary(self) -> dict[str, Any]:
        """Counts as numbers, quantities as text so that no reader loses digits."""
        return {
            "sessions": self._sessions,
            "events": self._events,
            "totals": self._totals,
            **{name: {part: str(value) for part, value in sums.items()} for name, sums in self._sums()},
        }

    def _sums(self) -> list[tuple[str, dict[str, int]]]:
        return [(name, getattr(self, name)) for name in _PARTS]
