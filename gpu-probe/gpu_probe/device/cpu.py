"""A device for machines without a GPU: steps are timed by the host's clock. For examples and tests;
everything behind it is what runs on a GPU."""

from __future__ import annotations

import os
import platform
import time
from dataclasses import dataclass

from ..nvml import NvmlDevice
from .interface import DeviceInfo

_NS_PER_MS = 1_000_000


@dataclass(slots=True, eq=False)
class CpuEvent:
    """The instant at which it was recorded."""

    at_ns: int = 0


class CpuBackend:
    """Work is done when its call returns, so an event has passed as soon as it is recorded."""

    power: NvmlDevice | None = None

    def describe(self, probe_start_ns: int, rank: int, world_size: int) -> DeviceInfo:
        return DeviceInfo(
            node=platform.node() or "unknown",
            container_id=os.environ.get("POD_NAME"),
            gpu_uuid=f"CPU-{platform.node() or 'unknown'}",
            gpu_model="CPU",
            mig_profile=None,
            sharing="exclusive",
            rank=rank,
            world_size=world_size,
            memory_total_bytes=os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"),
            power=False,
            power_limit_mw=None,
            probe_start_ns=probe_start_ns,
        )

    def event(self) -> CpuEvent:
        return CpuEvent()

    def stream(self) -> int:
        return 0

    def record(self, event: CpuEvent, stream: int) -> None:
        event.at_ns = time.monotonic_ns()

    def query(self, event: CpuEvent) -> bool:
        return True

    def elapsed_ms(self, begin: CpuEvent, end: CpuEvent) -> float:
        return (end.at_ns - begin.at_ns) / _NS_PER_MS

    def synchronize(self, event: CpuEvent) -> None:
        return

    def capturing(self) -> bool:
        return False

    def capturing_here(self) -> bool:
        return False

    def compilations(self) -> int:
        return 0

    def waits(self, stream: int) -> int:
        return 0

    def memory(self) -> tuple[int, int] | None:
        return None

    def idle_thread(self) -> bool:
        return True
