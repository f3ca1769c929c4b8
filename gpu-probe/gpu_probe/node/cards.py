"""The cards of the node, each with its sensors."""

from __future__ import annotations

from typing import Any, NamedTuple

from ..nvml import Facts, NvmlDevice, PowerReading, list_devices
from .utilization import ProcessUtilization

# What NVML writes where it does not know a process's memory.
_UNKNOWN_BYTES = (1 << 64) - 1


class Reading(NamedTuple):
    """A card now: per cent by process (None where the card does not tell it), per cent of all, bytes by
    process, the energy counter."""

    percents: dict[int, int] | None
    total_percent: int | None
    memory_bytes: dict[int, int]
    power: PowerReading | None


class Card:
    """Never raises: what the driver refuses is None or empty."""

    def __init__(self, nvml: Any, device: NvmlDevice) -> None:
        self.facts: Facts = device.facts()
        self._nvml = nvml
        self._device = device
        self._handle = device.handle
        self._utilization = ProcessUtilization(nvml, self._handle)

    def read(self) -> Reading:
        rates = self._ask("nvmlDeviceGetUtilizationRates")
        memory: dict[int, int] = {}
        for process in self._ask("nvmlDeviceGetComputeRunningProcesses") or []:
            used = process.usedGpuMemory
            memory[int(process.pid)] = 0 if used in (None, _UNKNOWN_BYTES) else int(used)
        total = None if rates is None else min(int(rates.gpu), 100)
        return Reading(self._utilization.read(), total, memory, self._device.read())

    def _ask(self, function: str) -> Any:
        try:
            return getattr(self._nvml, function)(self._handle)
        except (self._nvml.NVMLError, AttributeError):
            return None


def open_cards(nvml: Any) -> list[Card]:
    """All that NVML sees."""
    return [Card(nvml, device) for device in list_devices(nvml)]
