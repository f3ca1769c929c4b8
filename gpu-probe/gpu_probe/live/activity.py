"""The card's activity counter as a probe reads it, and who else works on the card."""

from __future__ import annotations

from collections.abc import Callable

from ..device.interface import DeviceInfo
from ..journal import EntrySink, entries
from ..nvml import NvmlDevice

# NVML tells of processes for some seconds.
_NEIGHBOURS_NS = 5_000_000_000


class ActivityReader:
    """Journals the activity of one card.

    Only of a card that no other process held when the probe began: of several probes on a card each would
    report all of the card's work.
    """

    def __init__(self, device: NvmlDevice | None, now: Callable[[], int]) -> None:
        self._now = now
        self._counter = None if device is None else device.activity(now)
        self._neighbours = None if device is None else device.neighbours()
        self._asked_ns = 0

    def describe(self, info: DeviceInfo) -> DeviceInfo:
        """With what the card's busy time is read from. Where nothing tells it, it is not asked again."""
        quality = None if self._counter is None or info.sharing != "exclusive" else self._counter.quality
        if quality is None:
            self.close()
        return info._replace(activity=quality)

    def read(self, journal: EntrySink) -> None:
        """Journals what is new."""
        counter = self._counter
        if counter is None:
            return
        reading, quality = counter.read(), counter.quality
        if reading is not None and quality is not None:
            journal.append(entries.activity_entry(*reading, quality))
        now = self._now()
        if self._neighbours is not None and now - self._asked_ns >= _NEIGHBOURS_NS:
            self._asked_ns = now
            names = self._neighbours.read()
            if names:
                journal.append(entries.json_entry(entries.NEIGHBOURS, {"at_ns": now, "names": names}))

    @property
    def errors(self) -> int:
        return 0 if self._counter is None else self._counter.errors

    def close(self) -> None:
        if self._counter is not None:
            self._counter.close()
        self._counter = self._neighbours = None
