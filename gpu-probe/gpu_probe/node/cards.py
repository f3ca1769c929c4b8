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
        self._device = device
        self._utilization = ProcessUtilization(nvml, device.handle)

    def read(self) -> Reading:
        rates = self._device.ask("nvmlDeviceGetUtilizationRates", self._device.handle)
        memory: dict[int, int] = {}
        for process in self._device.ask("nvmlDeviceGetComputeRunningProcesses", self._device.handle) or []:
            used = process.usedGpuMemory
            memory[int(process.pid)] = 0 if used in (None, _UNKNOWN_BYTES) else int(used)
        total = None if rates is None else min(int(rates.gpu), 100)
        return Reading(self._utilization.read(), total, memory, self._device.read())


def open_cards(nvml: Any) -> list[Card]:
    """All that NVML sees."""
    return [Card(nvml, device) for device in list_devices(nvml)]
