"""A card's utilisation where it has no GPM: "a kernel ran in this sample", smoothed. Good over a minute,
rough over a tick; of no MIG instance."""

from __future__ import annotations

import math
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
# Samples lie 20 ms to 1/6 s apart: between others there was none.
_GAP_MAX_NS = 1_000_000_000
_MILLIONTHS = 1_000_000


class SampledWindow(NamedTuple):
    begin_ns: int
    end_ns: int
    busy_ns: int


class Sampled:
    """Samples of the driver's ring, the rates where it is dry, as it is while the card idles. Every call may
    raise NVMLError; AttributeError where the library has no such call.

    ``now`` is the clock of the windows, ``steady`` the clock since the machine's start, whose microseconds
    stamp the samples; nanoseconds.
    """

    def __init__(self, handle: Handle, now: Callable[[], int], steady: Callable[[], int]) -> None:
        self._device = handle
        self._nvml = handle.session.nvml
        self._now, self._steady = now, steady
        self._end_steady_ns = steady()
        self._end_ns = now()
        self._is_fine = False
        # Whether there is anything at all.
        self._rate()

    def read(self) -> SampledWindow | None:
        """What is new since the last call that gave a window."""
        now, steady = self._now(), self._steady()
        if 0 <= steady - self._end_steady_ns < _WINDOW_MIN_NS:
            return None
        if not 0 <= steady - self._end_steady_ns <= _WINDOW_MAX_NS:
            self._begin_at(steady, now)
            return None
        samples = self._samples(now - steady)
        if samples and samples[-1][0] - self._end_steady_ns >= _WINDOW_MIN_NS:
            return self._give(samples, now - steady)
        if steady - self._end_steady_ns < _RATES_NS:
            return None
        begin, length = self._end_ns, now - self._end_ns
        busy_ns = length * self._rate() // 100
        self._begin_at(steady, now)
        return SampledWindow(begin, now, busy_ns) if 0 < length <= _WINDOW_MAX_NS else None

    def _give(self, samples: list[tuple[int, int]], shift_ns: int) -> SampledWindow | None:
        """``samples``: instant of the steady clock, millionths; each holds for the time since the one before
        it."""
        begin, busy = self._end_steady_ns, 0
        if samples[0][0] - begin > _GAP_MAX_NS:
            begin = samples.pop(0)[0]
        before = begin
        for at, millionths in samples:
            busy += (at - before) * millionths
            before = at
        # On the windows' own clock they follow one another without a gap.
        begin_ns = self._end_ns if begin == self._end_steady_ns else begin + shift_ns
        self._begin_at(before, before + shift_ns)
        length = self._end_ns - begin_ns
        if not 0 < length <= _WINDOW_MAX_NS:
            return None
        return SampledWindow(begin_ns, self._end_ns, min(length, busy // _MILLIONTHS))

    def _begin_at(self, steady: int, now: int) -> None:
        self._end_steady_ns, self._end_ns = steady, now

    def _samples(self, shift_ns: int) -> list[tuple[int, int]]:
        """New ones in order of time, on the steady clock; empty where the ring is dry."""
        try:
            kind, rows = self._nvml.nvmlDeviceGetSamples(
                self._device.get(), _GPU_UTILIZATION_SAMPLES, self._end_steady_ns // 1000
            )
        except AttributeError:
            return []
        except self._nvml.NVMLError as error:
            if self._device.session.note(error):
                raise
            return []
        if not 0 <= kind < len(_MEMBERS):
            return []
        values = [(int(row.timeStamp) * 1000, getattr(row.sampleValue, _MEMBERS[kind])) for row in rows]
        latest = self._end_steady_ns + _WINDOW_MAX_NS
        values = [
            (at, value)
            for at, value in sorted(values)
            if self._end_steady_ns < at <= latest and math.isfinite(value) and value >= 0
        ]
        # Some drivers write 1e-4 per cent, others per cent.
        self._is_fine = self._is_fine or any(value > 100 for _, value in values)
        factor = 1 if self._is_fine else 10_000
        return [(at, min(_MILLIONTHS, round(value * factor))) for at, value in values]

    def _rate(self) -> int:
        """Whole per cent, 0 to 100."""
        return max(0, min(100, int(self._nvml.nvmlDeviceGetUtilizationRates(self._device.get()).gpu)))
