"""NVML through nvidia-ml-py (extra ``nvml``), imported when it is first needed.

Everything that the hardware, the driver or a MIG instance does not report is None, never 0.
"""

from __future__ import annotations

import logging
import os
import re
import time
from typing import Any, NamedTuple

from .counter import SILENCE_NS, BelievedCounter

_log = logging.getLogger("gpu_probe")
# Fields of nvmlDeviceGetFieldValues. They count KiB, and scope 0 would be the first link alone.
FIELD_NVLINK_TX, FIELD_NVLINK_RX = 138, 139
SCOPE_ALL_LINKS = 0xFFFFFFFF
FIELD_POWER_INSTANT = 186
_KIB = 1024
# What a driver writes behind the model of a MIG instance, whatever the profile: 3g.20gb, 1c.3g.20gb,
# 1g.10gb+me, 1g.24gb+gfx, 1g.24gb+me.all, 1g.24gb-me.
_MIG_NAME = re.compile(r"\s+MIG\s+(\S+)\s*$", re.IGNORECASE)
# No card draws more; for those that do not tell their limit.
_POWER_MAX_MW = 3_000_000
# Bytes a second in one direction: twice what all links of a card carry.
_NVLINK_MAX_BYTES = 2_000_000_000_000


class Facts(NamedTuple):
    """What does not change while the process lives. ``energy_quality`` is counter, integral, or None where
    neither energy nor power can be read."""

    uuid: str
    model: str
    mig_profile: str | None
    sharing: str
    memory_total_bytes: int | None
    power_limit_mw: int | None
    energy_quality: str | None
    nvlink: bool
    driver: str | None


class PowerReading(NamedTuple):
    """Instantaneous milliwatts and cumulative millijoules; NVLink's counters in bytes."""

    power_mw: int
    energy_mj: int
    nvlink_tx_bytes: int | None
    nvlink_rx_bytes: int | None


class NvmlDevice:
    """One GPU or MIG instance. ``nvml`` is the module pynvml, or a stand-in of it."""

    def __init__(self, nvml: Any, handle: Any, uuid: str) -> None:
        self._nvml = nvml
        self.handle = handle
        self._uuid = uuid
        self._is_mig = uuid.startswith("MIG-")
        self._integral_uj = 0
        self._integral_at_ns: int | None = None
        self._integral_mw = 0
        # 1 mW is 1 mJ a second.
        self._counter = BelievedCounter(lambda: self._limit_mw() or _POWER_MAX_MW)
        self._sent, self._received = (BelievedCounter(lambda: _NVLINK_MAX_BYTES) for _ in range(2))
        self._quality = self._find_quality()
        self._nvlink = self._links() != (None, None)
        self.errors = 0

    def facts(self) -> Facts:
        handle = self.handle
        name = self.ask("nvmlDeviceGetName", handle)
        model = _text(name) if name is not None else "unknown"
        memory = self.ask("nvmlDeviceGetMemoryInfo", handle)
        return Facts(
            uuid=self._uuid,
            model=_MIG_NAME.sub("", model).strip() or model,
            mig_profile=self._mig_profile(model),
            sharing=self._sharing(),
            memory_total_bytes=None if memory is None else int(memory.total),
            power_limit_mw=self._limit_mw(),
            energy_quality=self._quality,
            nvlink=self._nvlink,
            driver=_optional_text(self.ask("nvmlSystemGetDriverVersion")),
        )

    def read(self) -> PowerReading | None:
        """A reading, or None where it failed this time. Takes milliseconds: never on a request's path."""
        if self._quality is None:
            return None
        power = self._power_mw()
        if self._quality == "counter":
            counted = self.ask("nvmlDeviceGetTotalEnergyConsumption", self.handle)
            energy = None if counted is None else self._counter.take(time.monotonic_ns(), int(counted))
            if energy is not None and power is None:
                power = self._counter.average
        else:
            energy = None if power is None else self._integrate(power)
        # Power that is not known must not be learned as the card's idle power.
        if energy is None or power is None:
            self.errors += 1
            return None
        now, links = time.monotonic_ns(), self._links() if self._nvlink else (None, None)
        sent, received = (
            None if value is None else counter.take(now, value)
            for counter, value in zip((self._sent, self._received), links)
        )
        return PowerReading(power, energy, sent, received)

    def _find_quality(self) -> str | None:
        if self._is_mig:
            # The counter is the whole card's: other instances' work would be on this one's bill.
            return None
        if self.ask("nvmlDeviceGetTotalEnergyConsumption", self.handle) is not None:
            return "counter"
        return None if self._power_mw() is None else "integral"

    def _limit_mw(self) -> int | None:
        limit = self.ask("nvmlDeviceGetEnforcedPowerLimit", self.handle)
        return None if limit is None else int(limit)

    def _power_mw(self) -> int | None:
        """None also for what no card draws: twice the limit."""
        nvml = self._nvml
        values = self.ask("nvmlDeviceGetFieldValues", self.handle, [FIELD_POWER_INSTANT])
        if values is not None and values[0].nvmlReturn == nvml.NVML_SUCCESS:
            power = int(values[0].value.uiVal)
        else:
            # An average over a second on most cards.
            average = self.ask("nvmlDeviceGetPowerUsage", self.handle)
            if average is None:
                return None
            power = int(average)
        return power if power <= 2 * (self._limit_mw() or _POWER_MAX_MW) else None

    def _integrate(self, power_mw: int) -> int:
        """Millijoules since the first reading, by trapezoids."""
        now = time.monotonic_ns()
        length = 0 if self._integral_at_ns is None else now - self._integral_at_ns
        if length > SILENCE_NS:
            # What the card drew meanwhile is unknown: a lower number begins anew.
            self._integral_uj -= 1000
        else:
            # 1 mW x 1 ns = 1 pJ
            self._integral_uj += (self._integral_mw + power_mw) * length // 2_000_000
        self._integral_at_ns, self._integral_mw = now, power_mw
        return self._integral_uj // 1000

    def _links(self) -> tuple[int | None, int | None]:
        nvml = self._nvml
        values = self.ask(
            "nvmlDeviceGetFieldValues",
            self.handle,
            [(FIELD_NVLINK_TX, SCOPE_ALL_LINKS), (FIELD_NVLINK_RX, SCOPE_ALL_LINKS)],
        )
        if values is None or len(values) != 2:
            return None, None
        # The call succeeds as a whole; each value has its own result.
        sent, received = (
            int(value.value.ullVal) * _KIB if value.nvmlReturn == nvml.NVML_SUCCESS else None
            for value in values
        )
        return sent, received

    def _mig_profile(self, model: str) -> str | None:
        if not self._is_mig:
            return None
        found = _MIG_NAME.search(model)
        return found.group(1).lower() if found else "unknown"

    def _sharing(self) -> str:
        if os.environ.get("CUDA_MPS_PIPE_DIRECTORY") or os.environ.get("CUDA_MPS_ACTIVE_THREAD_PERCENTAGE"):
            return "mps"
        if self.ask("nvmlDeviceGetMPSComputeRunningProcesses", self.handle):
            return "mps"
        # By number: in a container our own process has another id here.
        processes = self.ask("nvmlDeviceGetComputeRunningProcesses", self.handle) or []
        return "timeslice" if len(processes) > 1 else "exclusive"

    def ask(self, function: str, *arguments: Any) -> Any:
        """The answer, None where the hardware, the driver, an older library or our rights do not give it."""
        try:
            return getattr(self._nvml, function)(*arguments)
        except (self._nvml.NVMLError, AttributeError) as error:
            _log.debug("%s: %s", function, error)
            return None


def load_nvml() -> Any:
    """pynvml, initialised; None where it or the driver is missing."""
    try:
        import pynvml
    except ImportError:
        return None
    try:
        pynvml.nvmlInit()
    except pynvml.NVMLError as error:
        _log.info("NVML does not start: %s", error)
        return None
    return pynvml


def find_device(uuid: str | None, index: int, nvml: Any = None) -> NvmlDevice | None:
    """The device of that UUID; by index where the UUID is not known. None where NVML cannot say."""
    nvml = load_nvml() if nvml is None else nvml
    if nvml is None:
        return None
    # CUDA gives a MIG instance's UUID without saying that it is one.
    names = [] if uuid is None else [uuid, re.sub("^GPU-", "MIG-", uuid)]
    for name in dict.fromkeys(names):
        try:
            return NvmlDevice(nvml, nvml.nvmlDeviceGetHandleByUUID(name.encode()), name)
        except nvml.NVMLError as error:
            _log.info("NVML has no device %s: %s", name, error)
    if names:
        return None
    try:
        handle = nvml.nvmlDeviceGetHandleByIndex(index)
        return NvmlDevice(nvml, handle, _text(nvml.nvmlDeviceGetUUID(handle)))
    except nvml.NVMLError as error:
        _log.info("NVML has no device %s: %s", index, error)
        return None


def list_devices(nvml: Any) -> list[NvmlDevice]:
    """All devices that NVML sees."""
    devices = (find_device(None, index, nvml) for index in range(nvml.nvmlDeviceGetCount()))
    return [device for device in devices if device is not None]


def _text(value: Any) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)


def _optional_text(value: Any) -> str | None:
    return None if value is None else _text(value)
