"""Looks into a step now and then: how long did kernels run in it? Off by default, because a step that is
looked into waits for the GPU."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Any

from ..busy.intervals import union_ns
from ..protocol import Row

_log = logging.getLogger("gpu_probe")


class BusySampler:
    """``rate`` is the part of steps looked into. Steps are classed by their number of rows and tokens, to
    powers of two."""

    def __init__(self, rate: float) -> None:
        if not 0 < rate <= 1:
            raise ValueError(f"busy_sampling is a part of the steps above 0 and at most 1, not {rate}")
        import torch

        self._every = max(1, round(1 / rate))
        self._profiler = torch.profiler
        self._synchronize = torch.cuda.synchronize
        self._steps = 0
        self._busy_ns: dict[tuple[int, int], int] = {}
        self._profile: Any = None
        self._shape: tuple[int, int] | None = None
        # The first profile loads CUPTI, which takes long.
        self._start()
        self._stop()

    def begin(self, rows: Sequence[Row]) -> None:
        """A step begins: looks into it where it is its turn, or the first of its shape."""
        shape = _shape(rows)
        self._steps += 1
        if self._profile is None and (self._steps % self._every == 0 or shape not in self._busy_ns):
            self._shape = shape
            self._start()

    def known(self, rows: Sequence[Row]) -> int | None:
        """Kernel time of a step like this one, nanoseconds; None where none was looked into."""
        return self._busy_ns.get(_shape(rows))

    def end(self) -> None:
        if self._profile is not None and self._shape is not None:
            shape, self._shape = self._shape, None
            self._busy_ns[shape] = self._stop()

    def _start(self) -> None:
        self._synchronize()
        self._profile = self._profiler.profile(activities=[self._profiler.ProfilerActivity.CUDA])
        self._profile.start()

    def _stop(self) -> int:
        self._synchronize()
        self._profile.stop()
        profile, self._profile = self._profile, None
        return union_ns(kernel_intervals(profile))


def _shape(rows: Sequence[Row]) -> tuple[int, int]:
    return len(rows).bit_length(), sum(row[1] for row in rows).bit_length()


def kernel_intervals(profile: Any) -> list[tuple[int, int]]:
    """Begin and end of each kernel, copy and fill that ran on the GPU, nanoseconds."""
    return [
        (event.start_ns(), event.start_ns() + event.duration_ns())
        for event in profile.profiler.kineto_results.events()
        if event.device_type().name == "CUDA" and event.duration_ns() > 0
    ]
