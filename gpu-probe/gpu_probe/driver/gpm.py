"""NVML's GPM (Hopper and newer): the share of the time in which a card's graphics and compute engine was
active, between two samples.

Read on an H100: a sample costs 90 µs, and the card renews what it holds every 100 ms.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Callable
from typing import Any, NamedTuple

from ..counter import busy_of_percent
from .session import FUNCTION_NOT_FOUND, NO_PERMISSION, NOT_SUPPORTED, Handle

_log = logging.getLogger("gpu_probe")
_GRAPHICS_UTIL = 1  # active time of the engine, per cent: DCGM's GR_ENGINE_ACTIVE
_METRICS_GET_VERSION = 1  # plain, unlike the versions of other structures, which hold their size
_VERSION_MISMATCH = 25
# Shorter pairs read what the card has not renewed yet.
_PAIR_MIN_NS = 105_000_000
# A longer window hides when the card worked.
_WINDOW_MAX_NS = 10_000_000_000
_ANCHOR_NS = 5_000_000_000
# At most this part of a window is put right at once.
_CORRECTION_PART = 10
# Rounding of the driver's.
_PERCENT_MAX = 101.0
# The clocks of one machine; a preemption between two readings of them.
_CLOCKS_APART_NS = 2_000_000


class GpmRefused(Exception):
    """There is no GPM here; the text says why and what to do."""


class Window(NamedTuple):
    """What came of a pair of samples. ``is_zero``: the value was exactly 0, which an idle card seldom
    reads."""

    begin_ns: int
    end_ns: int
    busy_ns: int
    is_zero: bool


class _Sample(NamedTuple):
    memory: Any
    at_ns: int
    steady_ns: int


class Gpm:
    """Samples of one card or MIG instance. Call within ``NvmlSession.use``. Every call may raise NVMLError;
    raises GpmRefused where GPM is not to be had.

    ``now`` is the clock of the windows, ``steady`` one that nobody sets and that runs while the machine
    sleeps; nanoseconds.
    """

    def __init__(self, handle: Handle, now: Callable[[], int], steady: Callable[[], int]) -> None:
        self._device = handle
        self._nvml = handle.session.nvml
        self._now, self._steady = now, steady
        self._last: _Sample | None = None
        self._anchor: _Sample | None = None
        self._since_anchor_ns = 0
        self._owed_ns = 0
        self._spare: list[Any] = []
        self._place: tuple[Any, int | None] = (None, None)
        self.errors = 0
        try:
            self._query = self._nvml.c_nvmlGpmMetricsGet_t()
            self._find()
            support = self._nvml.nvmlGpmQueryDeviceSupport(self._place[0])
            if not support.isSupportedDevice:
                raise GpmRefused("the card has no GPM: Hopper (H100) and newer data-centre cards have it")
            self._last = self._anchor = self._take()
        except AttributeError as error:
            raise GpmRefused("nvidia-ml-py is too old for GPM: install 12.535 or newer") from error
        except self._nvml.NVMLError as error:
            self.free()
            raise _refusal(error) from error
        self._query.version = _METRICS_GET_VERSION
        self._query.numMetrics = 1
        self._query.metrics[0].metricId = _GRAPHICS_UTIL

    def read(self) -> Window | None:
        """The window since the last call that gave one or began anew; None where it is too short yet, or not
        to be believed, which ``errors`` counts."""
        last = self._last
        if last is not None and 0 <= self._now() - last.at_ns < _PAIR_MIN_NS:
            return None
        if self._find():
            last = None
        sample = self._take()
        self._last = sample
        if last is None:
            self._begin_at(sample)
            return None
        try:
            busy = self._busy(last, sample)
        finally:
            self._keep(last)
        if busy is None:
            self._begin_at(sample)
            return None
        busy_ns, is_zero = busy
        self._since_anchor_ns += busy_ns
        self._compare(sample)
        return Window(last.at_ns, sample.at_ns, self._corrected(busy_ns, sample.at_ns - last.at_ns), is_zero)

    def _corrected(self, busy_ns: int, length: int) -> int:
        """With a part of what a long window said more or less than its short ones.

        A short one is of one or two of the card's periods, whatever lies between its samples: where bursts
        keep step with the reader, the errors add up to some per cent. Those of long ones do not.
        """
        most = busy_ns // _CORRECTION_PART
        right = min(length, busy_ns + max(-most, min(most, self._owed_ns)))
        self._owed_ns -= right - busy_ns
        return right

    def _busy(self, last: _Sample, sample: _Sample) -> tuple[int, bool] | None:
        """Busy nanoseconds, and whether the value was exactly 0."""
        length, steady = sample.at_ns - last.at_ns, sample.steady_ns - last.steady_ns
        if abs(length - steady) > _CLOCKS_APART_NS + steady // 1000:
            self.errors += 1
            return None
        if not _PAIR_MIN_NS <= length <= _WINDOW_MAX_NS:
            return None
        percent = self._percent(last, sample)
        if percent is None:
            self.errors += 1
            return None
        return busy_of_percent(percent, length), percent == 0

    def free(self) -> None:
        """Gives all samples back to NVML. The next ``read`` begins anew."""
        anchor, self._anchor = self._anchor, None
        for sample in (self._last, anchor):
            if sample is not None:
                self._last = None
                self._keep(sample)
        for memory in self._spare:
            try:
                self._nvml.nvmlGpmSampleFree(memory)
            except self._nvml.NVMLError as error:
                _log.debug("a sample is not freed: %s", error)
        self.forget()

    def forget(self) -> None:
        """Lets the samples go without NVML: after a fork they are the parent's."""
        self._last = self._anchor = None
        self._spare = []

    def _find(self) -> bool:
        """Where to sample; whether it is elsewhere than before, whose samples are let go.

        Numbers of MIG instances are used again at once: the instance is found by its UUID each time.
        """
        handle = self._device.get()
        place: tuple[Any, int | None] = (handle, None)
        if self._device.uuid.startswith("MIG-"):
            handle = self._device.session.handle(self._device.uuid)
            number = int(self._nvml.nvmlDeviceGetGpuInstanceId(handle))
            if number == self._place[1]:
                return False
            place = (self._parent(handle), number)
        elif self._place[0] is handle:
            return False
        moved = self._place[0] is not None
        if moved:
            self.free()
        self._place = place
        return moved

    def _parent(self, handle: Any) -> Any:
        try:
            slices = self._nvml.nvmlDeviceGetAttributes(handle)
            is_part = slices.computeInstanceSliceCount < slices.gpuInstanceSliceCount
        except self._nvml.NVMLError:
            is_part = False
        if is_part:
            raise GpmRefused("GPM counts a whole GPU instance, and this compute instance is a part of one")
        try:
            return self._nvml.nvmlDeviceGetDeviceHandleFromMigDeviceHandle(handle)
        except self._nvml.NVMLError as error:
            raise GpmRefused(
                f"the parent card of the MIG instance cannot be read from here ({error}): "
                "its activity is to be had outside the container only"
            ) from error

    def _take(self) -> _Sample:
        memory = self._spare.pop() if self._spare else self._nvml.nvmlGpmSampleAlloc()
        card, number = self._place
        # Before the call: behind it the thread waits for the interpreter, for as long as others work.
        at, steady = self._now(), self._steady()
        try:
            if number is None:
                self._nvml.nvmlGpmSampleGet(card, memory)
            else:
                self._nvml.nvmlGpmMigSampleGet(card, number, memory)
        except self._nvml.NVMLError:
            self._spare.append(memory)
            raise
        return _Sample(memory, at, steady)

    def _percent(self, before: _Sample, after: _Sample) -> float | None:
        """None where the driver does not know."""
        self._query.sample1, self._query.sample2 = before.memory, after.memory
        self._nvml.nvmlGpmMetricsGet(self._query)
        metric = self._query.metrics[0]
        if metric.nvmlReturn in (NOT_SUPPORTED, NO_PERMISSION, FUNCTION_NOT_FOUND):
            raise _refusal(self._nvml.NVMLError(metric.nvmlReturn))
        value = float(metric.value)
        if metric.nvmlReturn != self._nvml.NVML_SUCCESS or not math.isfinite(value):
            return None
        return value if 0 <= value <= _PERCENT_MAX else None

    def _begin_at(self, sample: _Sample) -> None:
        anchor, self._anchor, self._since_anchor_ns = self._anchor, sample, 0
        if anchor is not None:
            self._keep(anchor)

    def _keep(self, sample: _Sample) -> None:
        """A sample that is not needed any more is memory for another."""
        needed = (each.memory for each in (self._last, self._anchor) if each is not None)
        if all(sample.memory is not memory for memory in [*needed, *self._spare]):
            self._spare.append(sample.memory)

    def _compare(self, sample: _Sample) -> None:
        """One long window must say what its ticks said, to 1 % of its length. The difference is put right in
        those to come."""
        anchor = self._anchor
        if anchor is None or sample.at_ns - anchor.at_ns < _ANCHOR_NS:
            return
        length = sample.at_ns - anchor.at_ns
        percent = self._percent(anchor, sample)
        if percent is not None:
            busy_ns = busy_of_percent(percent, length)
            self._owed_ns += busy_ns - self._since_anchor_ns
            if abs(busy_ns - self._since_anchor_ns) * 100 > length:
                self.errors += 1
                _log.info(
                    "%s: the activity counter says %d ns in one window and %d ns in its ticks",
                    self._device.uuid,
                    busy_ns,
                    self._since_anchor_ns,
                )
        self._begin_at(sample)


def _refusal(error: Exception) -> GpmRefused:
    """Why there is no GPM, and what to do, by NVML's code."""
    code = getattr(error, "value", None)
    if code == NOT_SUPPORTED:
        return GpmRefused("the driver does not support GPM on this card, in this mode (vGPU, MIG of Ampere)")
    if code == NO_PERMISSION:
        return GpmRefused("no permission for GPM: run as root or with CAP_SYS_ADMIN")
    if code in (FUNCTION_NOT_FOUND, _VERSION_MISMATCH):
        return GpmRefused("the driver is too old for GPM: 520 or newer has it")
    return GpmRefused(f"GPM does not answer: {error}")
