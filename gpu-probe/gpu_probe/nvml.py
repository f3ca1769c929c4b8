"""NVML through nvidia-ml-py (extra ``nvml``), imported when it is first needed.

Everything that the hardware, the driver or a MIG instance does not report is None, never 0.
"""

from __future__ import annotations

import logging
import os
import re
import time
from collections.abc import Callable
from typing import Any, NamedTuple

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
# The counter moves every 20 to 100 ms, and power passes the limit for some milliseconds.
_COUNTER_PERIOD_NS = 100_000_000
# Events wait no longer for the sensor (accounting/energy.py): a later reading comes too late for them.
_SILENCE_NS = 5_000_000_000
_AGREEING = 3


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


class BelievedCounter:
    """A cumulative energy counter as far as the card's power explains it.

    Counters jump, fall and begin anew with the driver. A reading is believed where it lies between the last
    one that was and what the power limit allows for the time since. Three readings in a row that agree with
    each other are a new beginning; it reads lower than what came before it, by which the accounting knows
    that the energy in between is unknown. What ``take`` gives is therefore not the hardware's own number.
    """

    def __init__(self, limit_mw: Callable[[], int | None]) -> None:
        self._limit_mw = limit_mw
        self._known: tuple[int, int] | None = None
        self._suspect: tuple[int, int] | None = None
        self._agreeing = 0
        self._believed_mj = 0
        self.average_mw: int | None = None

    def take(self, at_ns: int, energy_mj: int) -> int | None:
        """Millijoules at an instant; None where the reading is not believed."""
        reading = (at_ns, energy_mj)
        if self._known is None:
            self._believed_mj = energy_mj
        elif at_ns - self._known[0] > _SILENCE_NS:
            self._begin_anew()
        elif self._is_possible(self._known, reading):
            rise, length = energy_mj - self._known[1], at_ns - self._known[0]
            self._believed_mj += rise
            # 1 mJ in 1 s = 1 mW
            self.average_mw = rise * 1_000_000_000 // length if length else self.average_mw
        elif not self._agrees(reading):
            return None
        else:
            self._begin_anew()
        self._known, self._suspect, self._agreeing = reading, None, 0
        return self._believed_mj

    def _begin_anew(self) -> None:
        self._believed_mj -= 1
        self.average_mw = None

    def _agrees(self, reading: tuple[int, int]) -> bool:
        """Whether it is the last of several that follow each other as they can, though not the known ones."""
        follows = self._suspect is not None and self._is_possible(self._suspect, reading)
        self._agreeing = self._agreeing + 1 if follows else 1
        self._suspect = reading
        return self._agreeing >= _AGREEING

    def _is_possible(self, before: tuple[int, int], after: tuple[int, int]) -> bool:
        rise = after[1] - before[1]
        if rise < 0:
            return False
        # Asked again each time: somebody may have raised it.
        limit = self._limit_mw() or _POWER_MAX_MW
        return rise * 1_000_000_000 * 4 <= limit * (after[0] - before[0] + _COUNTER_PERIOD_NS) * 5


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
        self._counter = BelievedCounter(self._limit_mw)
        self._quality = self._find_quality()
        self._nvlink = self._links() != (None, None)
        self.errors = 0

    def facts(self) -> Facts:
        handle = self.handle
        name = self._ask("nvmlDeviceGetName", handle)
        model = _text(name) if name is not None else "unknown"
        memory = self._ask("nvmlDeviceGetMemoryInfo", handle)
        return Facts(
            uuid=self._uuid,
            model=_MIG_NAME.sub("", model).strip() or model,
            mig_profile=self._mig_profile(model),
            sharing=self._sharing(),
            memory_total_bytes=None if memory is None else int(memory.total),
            power_limit_mw=self._limit_mw(),
            energy_quality=self._quality,
            nvlink=self._nvlink,
            driver=_optional_text(self._ask("nvmlSystemGetDriverVersion")),
        )

    def read(self) -> PowerReading | None:
        """A reading, or None where it failed this time. Takes milliseconds: never on a request's path."""
        if self._quality is None:
            return None
        power = self._power_mw()
        if self._quality == "counter":
            counted = self._ask("nvmlDeviceGetTotalEnergyConsumption", self.handle)
            energy = None if counted is None else self._counter.take(time.monotonic_ns(), int(counted))
            if energy is not None and power is None:
                power = self._counter.average_mw
        else:
            energy = None if power is None else self._integrate(power)
        # Power that is not known must not be learned as the card's idle power.
        if energy is None or power is None:
            self.errors += 1
            return None
        sent, received = self._links() if self._nvlink else (None, None)
        return PowerReading(power, energy, sent, received)

    def _find_quality(self) -> str | None:
        if self._is_mig:
            # The counter is the whole card's: other instances' work would be on this one's bill.
            return None
        if self._ask("nvmlDeviceGetTotalEnergyConsumption", self.handle) is not None:
            return "counter"
        return None if self._power_mw() is None else "integral"

    def _limit_mw(self) -> int | None:
        limit = self._ask("nvmlDeviceGetEnforcedPowerLimit", self.handle)
        return None if limit is None else int(limit)

    def _power_mw(self) -> int | None:
        """None also for what no card draws: twice the limit."""
        nvml = self._nvml
        values = self._ask("nvmlDeviceGetFieldValues", self.handle, [FIELD_POWER_INSTANT])
        if values is not None and values[0].nvmlReturn == nvml.NVML_SUCCESS:
            power = int(values[0].value.uiVal)
        else:
            # An average over a second on most cards.
            average = self._ask("nvmlDeviceGetPowerUsage", self.handle)
            if average is None:
                return None
            power = int(average)
        return power if power <= 2 * (self._limit_mw() or _POWER_MAX_MW) else None

    def _integrate(self, power_mw: int) -> int:
        """Millijoules since the first reading, by trapezoids."""
        now = time.monotonic_ns()
        length = 0 if self._integral_at_ns is None else now - self._integral_at_ns
        if length > _SILENCE_NS:
            # What the card drew meanwhile is unknown: a lower number begins anew.
            self._integral_uj -= 1000
        else:
            # 1 mW x 1 ns = 1 pJ
            self._integral_uj += (self._integral_mw + power_mw) * length // 2_000_000
        self._integral_at_ns, self._integral_mw = now, power_mw
        return self._integral_uj // 1000

    def _links(self) -> tuple[int | None, int | None]:
        nvml = self._nvml
        values = self._ask(
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
        if self._ask("nvmlDeviceGetMPSComputeRunningProcesses", self.handle):
            return "mps"
        # By number: in a container our own process has another id here.
        processes = self._ask("nvmlDeviceGetComputeRunningProcesses", self.handle) or []
        return "timeslice" if len(processes) > 1 else "exclusive"

    def _ask(self, function: str, *arguments: Any) -> Any:
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
