"""What the probe needs of a GPU."""

from __future__ import annotations

from typing import Any, Protocol

from ..nvml import NvmlDevice
from .interface import DeviceInfo


class Backend(Protocol):
    """The few calls that timing needs. Every call may raise RuntimeError once the GPU's context is lost."""

    def event(self) -> Any:
        """A new event, already created on the device."""
        ...

    def stream(self) -> int:
        """The calling thread's current stream, as a number."""
        ...

    def record(self, event: Any, stream: int) -> None: ...

    def query(self, event: Any) -> bool: ...

    def elapsed_ms(self, begin: Any, end: Any) -> float: ...

    def synchronize(self, event: Any) -> None: ...

    def capturing(self) -> bool:
        """Whether any thread in this process is capturing a graph: then nothing may be queried."""
        ...

    def capturing_here(self) -> bool:
        """Whether this thread's stream is capturing: what is launched now does not run now."""
        ...

    def compilations(self) -> int:
        """A number that grows whenever something is compiled or captured."""
        ...

    def waits(self, stream: int) -> int:
        """A number that grows whenever the stream is made to wait for another one."""
        ...


class LiveBackend(Backend, Protocol):
    """A backend that a probe can use: it also says what the device is and what the allocator holds."""

    power: NvmlDevice | None

    def describe(self, probe_start_ns: int, rank: int, world_size: int) -> DeviceInfo: ...

    def memory(self) -> tuple[int, int] | None:
        """The allocator's peak since the last call, which begins a new one, and what is allocated; bytes."""
        ...

    def idle_thread(self) -> bool:
        """Prepares the calling thread to read events beside the serving threads; whether it may."""
        ...
