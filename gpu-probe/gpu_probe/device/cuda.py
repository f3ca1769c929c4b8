"""One CUDA device through PyTorch, which is imported when the device is made and not before."""

from __future__ import annotations

import ctypes
import logging
import os
import platform
import sys
import threading
from collections.abc import Callable
from typing import Any

from ..nvml import NvmlDevice, find_device
from .interface import DeviceInfo

_log = logging.getLogger("gpu_probe")
_CAPTURE_MODE_RELAXED = 2


class CudaUnavailable(RuntimeError):
    """There is no PyTorch or no GPU; the text says which."""


class _Captures:
    """Graph captures in this process: how many began, how many are under way."""

    def __init__(self) -> None:
        self.began = 0
        self.active = 0
        self._lock = threading.Lock()

    def watch(self, graph: Any) -> None:
        """Counts the captures of torch.cuda.CUDAGraph. A query in any thread would end a capture in any
        other."""
        if getattr(graph.capture_begin, "gpu_probe", False):
            return
        begin, end = graph.capture_begin, graph.capture_end

        def capture_begin(instance: Any, *arguments: Any, **options: Any) -> Any:
            with self._lock:
                self.began += 1
                self.active += 1
            try:
                return begin(instance, *arguments, **options)
            except BaseException:
                with self._lock:
                    self.active -= 1
                raise

        def capture_end(instance: Any, *arguments: Any, **options: Any) -> Any:
            try:
                return end(instance, *arguments, **options)
            finally:
                with self._lock:
                    self.active -= 1

        capture_begin.gpu_probe = True  # type: ignore[attr-defined]
        graph.capture_begin, graph.capture_end = capture_begin, capture_end


class Waits:
    """How often each stream of this process was made to wait for another one, through PyTorch's Python."""

    def __init__(self) -> None:
        self._counts: dict[int, int] = {}
        self._of_any = 0

    def of(self, stream: int) -> int:
        return self._of_any + self._counts.get(stream, 0)

    def watch(self, event: Any, current: Callable[[], Any]) -> None:
        """Counts ``torch.cuda.Event.wait``, which ``Stream.wait_event`` and ``wait_stream`` call; ``current``
        is the stream that waits where none is given."""
        if getattr(event.wait, "gpu_probe", False):
            return
        wait = event.wait

        def counted(instance: Any, stream: Any = None) -> Any:
            raw = getattr(current() if stream is None else stream, "cuda_stream", None)
            if raw is None:
                self._of_any += 1
            else:
                self._counts[raw] = self._counts.get(raw, 0) + 1
            return wait(instance, stream)

        counted.gpu_probe = True  # type: ignore[attr-defined]
        event.wait = counted


_captures = _Captures()
_waits = Waits()


class CudaBackend:
    """``index`` is PyTorch's number of the device. Raises CudaUnavailable where there is none."""

    def __init__(self, index: int = 0) -> None:
        try:
            import torch
        except ImportError as error:
            raise CudaUnavailable(f"PyTorch is not installed ({error})") from error
        if not torch.cuda.is_available() or torch.version.cuda is None:
            raise CudaUnavailable("PyTorch sees no CUDA device")
        if index >= torch.cuda.device_count():
            raise CudaUnavailable(f"there is no CUDA device {index}, only {torch.cuda.device_count()}")
        self.index = index
        self._torch = torch
        with torch.cuda.device(index):
            # Creates the context, which is the operator's and not a first session's.
            self._streams: dict[int, Any] = {}
            torch.cuda.current_stream(index).synchronize()
        # The methods below Python's own wrappers: those look up the current stream at every call.
        base: Any = torch._C._CudaEventBase
        self._record = base.record
        self.query = base.query
        self.elapsed_ms = base.elapsed_time
        self.synchronize = base.synchronize
        self._event: Any = torch.cuda.Event
        self._raw_stream: Any = torch._C._cuda_getCurrentRawStream
        self._is_capturing: Any = torch._C._cuda_isCurrentStreamCapturing
        self._memory_stats: Any = torch._C._cuda_memoryStats
        self._reset_peak: Any = torch._C._cuda_resetPeakMemoryStats
        self._modules = sys.modules
        _captures.watch(torch.cuda.CUDAGraph)
        _waits.watch(torch.cuda.Event, torch.cuda.current_stream)
        self.power: NvmlDevice | None = find_device(self._uuid(), index)

    def describe(self, probe_start_ns: int, rank: int, world_size: int) -> DeviceInfo:
        properties = self._torch.cuda.get_device_properties(self.index)
        facts = None if self.power is None else self.power.facts()
        sharing = os.environ.get("GPU_PROBE_SHARING") or (facts.sharing if facts else "exclusive")
        if sharing not in ("exclusive", "mps", "timeslice"):
            raise ValueError(f"GPU_PROBE_SHARING is exclusive, mps or timeslice, not {sharing!r}")
        return DeviceInfo(
            node=os.environ.get("NODE_NAME") or platform.node() or "unknown",
            container_id=os.environ.get("POD_NAME") or None,
            gpu_uuid=facts.uuid if facts else self._uuid() or f"unknown-{self.index}",
            gpu_model=facts.model if facts else properties.name,
            mig_profile=facts.mig_profile if facts else None,
            sharing=sharing,
            rank=rank,
            world_size=world_size,
            memory_total_bytes=(facts.memory_total_bytes if facts else None) or properties.total_memory,
            # The sensors are the card's: of several processes, each would bill all of it.
            power=facts is not None and facts.energy_quality is not None and sharing == "exclusive",
            power_limit_mw=facts.power_limit_mw if facts else None,
            probe_start_ns=probe_start_ns,
            energy_quality=(facts.energy_quality if facts else None) or "counter",
        )

    def event(self) -> Any:
        """Created by its first record, so that no step pays for it."""
        event = self._event(enable_timing=True)
        with self._torch.cuda.device(self.index):
            self._record(event, self._stream(self.stream()))
        return event

    def stream(self) -> int:
        raw: int = self._raw_stream(self.index)
        return raw

    def record(self, event: Any, stream: int) -> None:
        known = self._streams.get(stream)
        self._record(event, self._stream(stream) if known is None else known)

    def capturing(self) -> bool:
        return _captures.active > 0 or bool(self._is_capturing())

    def capturing_here(self) -> bool:
        return bool(self._is_capturing())

    def compilations(self) -> int:
        dynamo = self._modules.get("torch._dynamo.utils")
        if dynamo is None:
            return _captures.began
        return _captures.began + int(dynamo.counters["frames"]["total"])

    def waits(self, stream: int) -> int:
        return _waits.of(stream)

    def memory(self) -> tuple[int, int] | None:
        """The allocator's peak since the last call, which begins a new one, and what is allocated; bytes."""
        allocated = self._memory_stats(self.index)["allocated_bytes"]["all"]
        self._reset_peak(self.index)
        return int(allocated["peak"]), int(allocated["current"])

    def idle_thread(self) -> bool:
        """Lets the calling thread query events even while another one captures a graph; False where the
        driver has no such mode, and then it must not."""
        try:
            driver = ctypes.CDLL("libcuda.so.1")
            mode = ctypes.c_int(_CAPTURE_MODE_RELAXED)
            self._torch.cuda.set_device(self.index)
            self._torch.cuda.current_stream(self.index).query()
            return int(driver.cuThreadExchangeStreamCaptureMode(ctypes.byref(mode))) == 0
        except (OSError, AttributeError, RuntimeError) as error:
            _log.warning("steps are read on the serving threads only: %s", error)
            return False

    def _stream(self, raw: int) -> Any:
        stream = self._streams.get(raw)
        if stream is None:
            if raw == 0:
                stream = self._torch.cuda.default_stream(self.index)
            else:
                stream = self._torch.cuda.ExternalStream(raw, device=self.index)
            self._streams[raw] = stream
        return stream

    def _uuid(self) -> str | None:
        visible = os.environ.get("CUDA_VISIBLE_DEVICES", "").split(",")
        if self.index < len(visible) and visible[self.index].startswith("MIG-"):
            return visible[self.index]
        uuid = getattr(self._torch.cuda.get_device_properties(self.index), "uuid", None)
        return None if uuid is None else f"GPU-{uuid}"


def device_count() -> int:
    """Visible devices. Raises CudaUnavailable where there is none."""
    try:
        import torch
    except ImportError as error:
        raise CudaUnavailable(f"PyTorch is not installed ({error})") from error
    if not torch.cuda.is_available():
        raise CudaUnavailable("PyTorch sees no CUDA device")
    return int(torch.cuda.device_count())
