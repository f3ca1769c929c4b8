"""A card's utilisation where it has no GPM: "a kernel ran in this sample", smoothed. Good over a minute,
rough over a tick; of no MIG instance.

Read on an H100 with driver 580: a sample each 200 ms, whole per cent, stamped in microseconds of the wall
clock. Others read stamps of the clock since the machine's start.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from typing import NamedTuple

from .session import Handle

_GPU_UTILIZATION_SAMPLES = 1
# nvmlValueType_t: the member of the union that holds a value of the type.
_MEMBERS = ("dVal", "uiVal", "ulVal", "ullVal", "sllVal", "siVal", "usVal")
_WINDOW_MIN_NS = 100_000_000
# What the rates mean: the last 1/6 to 1 s.
_RATES_NS = 1_000_000_000
_WINDOW_MAX_NS = 10_000_000_000
# Samples lie 20 to 200 ms apart: between others there was none.
_GAP_MAX_NS = 1_000_000_000
# The ring holds 2 to 15 s. A stamp is of the clock that it is so near to.
_AGE_MAX_NS = 60_000_000_000
_MILLIONTHS = 1_000_000


class SampledWindow(NamedTuple):
    """The card worked ``busy_ns`` of [begin_ns, end_ns)."""

    begin_ns: int
    end_ns: int
    busy_ns: int


class Sampled:
    """Samples of the driver's ring, the rates where it is dry, as it is on some cards while they idle. Every
    call may raise NVMLError; AttributeError where the library has no such call.

    ``now`` is the clock of the windows; stamps are of the wall clock or of ``steady``, which runs since the
    machine's start; nanoseconds.
    """

    def __init__(self, handle: Handle, now: Callable[[], int], steady: Callable[[], int]) -> None:
        self._device = handle
        self._nvml = handle.session.nvml
        self._now, self._steady = now, steady
        self._newest_us = 0
        self._is_fine = False
        # Whether there is anything at all.
        self._rate()
        self._end_ns = now()

    def read(self) -> SampledWindow | None:
        """What is new since the last call that gave a window."""
        now = self._now()
        begin, length = self._end_ns, now - self._end_ns
        if 0 <= length < _WINDOW_MIN_NS:
            return None
        if not 0 <= length <= _WINDOW_MAX_NS:
            self._end_ns = now
            return None
        samples = self._samples(now)
        if samples and samples[-1][0] - begin >= _WINDOW_MIN_NS:
            return self._give(samples)
        if length < _RATES_NS:
            return None
        busy_ns = length * self._rate() // 100
        self._end_ns = now
        return SampledWindow(begin, now, busy_ns)

    def _give(self, samples: list[tuple[int, int]]) -> SampledWindow:
        """``samples``: instant and millionths; each holds for the time since the one before it."""
        begin = self._end_ns
        if samples[0][0] - begin > _GAP_MAX_NS and len(samples) > 1:
            begin = samples.pop(0)[0]
        busy, before = 0, begin
        for at, millionths in samples:
            busy += (at - before) * millionths
            before = at
        self._end_ns = before
        return SampledWindow(begin, before, busy // _MILLIONTHS)

    def _samples(self, now: int) -> list[tuple[int, int]]:
        """New ones in order of time, on the windows' clock; empty where the ring is dry."""
        try:
            kind, rows = self._nvml.nvmlDeviceGetSamples(
                self._device.get(), _GPU_UTILIZATION_SAMPLES, self._newest_us
            )
        except AttributeError:
            return []
        except self._nvml.NVMLError as error:
            if self._device.session.note(error):
                raise
            return []
        if not rows or not 0 <= kind < len(_MEMBERS):
            return []
        stamped = sorted((int(row.timeStamp), getattr(row.sampleValue, _MEMBERS[kind])) for row in rows)
        shift = self._shift(stamped[-1][0] * 1000, now)
        if shift is None:
            return []
        # A window that is too short yet is asked for again.
        self._newest_us = (self._end_ns - shift) // 1000
        # Some drivers write 1e-4 per cent, others per cent.
        self._is_fine = self._is_fine or any(value > 100 for _, value in stamped)
        factor = 1 if self._is_fine else 10_000
        return [
            (stamp * 1000 + shift, min(_MILLIONTHS, round(value * factor)))
            for stamp, value in stamped
            if self._end_ns < stamp * 1000 + shift <= now and math.isfinite(value) and value >= 0
        ]

    def _shift(self, stamp_ns: int, now: int) -> int | None:
        """From the stamps' clock to the windows'; None where a stamp is of no clock that is known."""
        for reading in (time.time_ns(), self._steady()):
            if abs(reading - stamp_ns) <= _AGE_MAX_NS:
                return now - reading
        return None

    def _rate(self) -> int:
        """Whole per cent, 0 to 100."""
        return max(0, min(100, int(self._nvml.nvmlDeviceGetUtilizationRates(self._device.get()).gpu)))
