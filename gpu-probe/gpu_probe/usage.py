"""What a session has used so far: the figures of its events, added up."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

# From the best to the worst: a sum is as good as its worst part.
TIME_QUALITIES = ("measured", "estimated", "bounded")
BUSY_QUALITIES = ("counter", "sampled", "elapsed")
ENERGY_QUALITIES = ("counter", "integral", "model", "none")


class Usage(NamedTuple):
    """GPU time and busy time in nanoseconds, energy in microjoules, and how good each is, in the words of
    gpu_time_event. A figure is None where it is not known, or not yet.

    ``provisional``: something is still under way, a step or the card's counters. ``gpu_time_ns`` is exact
    all the same, unless ``time_quality`` is bounded: then it is a lower bound. Energy of a provisional answer
    lacks that of at most a hundredth of the time. What is not provisional is what the session's events say.
    ``reason`` says why figures are missing.
    """

    gpu_time_ns: int | None
    time_quality: str
    gpu_busy_ns: int | None
    busy_quality: str
    energy_uj: int | None
    energy_quality: str
    provisional: bool
    reason: str | None = None


def unknown(reason: str) -> Usage:
    """No figures, and why."""
    return Usage(None, "bounded", None, "elapsed", None, "none", True, reason)


@dataclass(slots=True, eq=False)
class Figures:
    """A sum of figures. What has no GPU time says nothing about the quality of busy time; None anywhere is
    None in the sum."""

    gpu_time_ns: int = 0
    gpu_busy_ns: int | None = 0
    energy_uj: int | None = 0
    time_quality: str = TIME_QUALITIES[0]
    busy_quality: str | None = None
    energy_quality: str | None = None

    def add(self, part: Mapping[str, Any]) -> None:
        """The fields of an event, or of a Usage whose time is known."""
        self.gpu_time_ns += part["gpu_time_ns"]
        self.gpu_busy_ns = _sum(self.gpu_busy_ns, part["gpu_busy_ns"])
        self.energy_uj = _sum(self.energy_uj, part["energy_uj"])
        self.time_quality = _worse(TIME_QUALITIES, self.time_quality, part["time_quality"])
        self.energy_quality = _worse(ENERGY_QUALITIES, self.energy_quality, part["energy_quality"])
        if part["gpu_time_ns"]:
            self.busy_quality = _worse(BUSY_QUALITIES, self.busy_quality, part["busy_quality"])

    def bound(self, quality: str) -> None:
        """The time is no better than this."""
        self.time_quality = _worse(TIME_QUALITIES, self.time_quality, quality)

    def usage(self, provisional: bool) -> Usage:
        """The sum. Without GPU time busy time is as good as elapsed time."""
        quality = "none" if self.energy_uj is None else self.energy_quality or "none"
        return Usage(
            self.gpu_time_ns,
            self.time_quality,
            self.gpu_busy_ns,
            self.busy_quality or "elapsed",
            self.energy_uj,
            quality,
            provisional,
        )


def _sum(first: int | None, second: int | None) -> int | None:
    return None if first is None or second is None else first + second


def _worse(order: tuple[str, ...], first: str | None, second: str) -> str:
    return second if first is None else max(first, second, key=order.index)
