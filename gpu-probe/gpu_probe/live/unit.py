"""One device as this process watches it: its journal, its events, its sensor."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ..device.backend import LiveBackend
from ..device.clock import StepClock
from ..journal import SEGMENT_BYTES, Journal, entries
from ..node.claims import CLAIMS, Claim
from .activity import ActivityReader

STALLED_S = 30.0
# A counter that stands still is still heard of.
_POWER_SILENCE_NS = 1_000_000_000
# Sessions that come or go together, with no step between them, share one reading of the allocator, which
# takes tens of microseconds.
_MEMORY_BURST_NS = 1_000_000


class Unit:
    """``meta`` is what the accounting must know beside the device."""

    def __init__(
        self,
        backend: LiveBackend,
        folder: Path,
        host_ns: Callable[[], int],
        rank: int,
        world_size: int,
        meta: dict[str, Any],
        segment_bytes: int = SEGMENT_BYTES,
        bare_idle_mw: int | None = None,
        claims: Path = CLAIMS,
    ) -> None:
        self.backend = backend
        self.host_ns = host_ns
        self.activity = ActivityReader(backend.power, host_ns)
        info = backend.describe(host_ns(), rank, world_size)
        self.info = self.activity.describe(info._replace(bare_idle_mw=bare_idle_mw))
        self.journal = Journal(
            folder / f"{self.info.probe_start_ns}-{rank}",
            segment_bytes,
            lambda lost: entries.instant_entry(entries.LOST, host_ns(), lost),
        )
        self.journal.append(entries.json_entry(entries.META, {"info": self.info._asdict(), **meta}))
        self.clock = StepClock(backend, self.journal, host_ns)
        self._claim = Claim(self.info.gpu_uuid, claims)
        self._noted_begun = self._noted_ns = -1
        self._last_energy = -1
        self._last_power_ns = 0
        self.clock_shift_ns = 0

    def note_memory(self) -> None:
        """The allocator's peak is folded into the sessions open by now, and begins anew."""
        begun, now = self.clock.counts.started, self.host_ns()
        if begun == self._noted_begun and now - self._noted_ns < _MEMORY_BURST_NS:
            return
        self._noted_begun, self._noted_ns = begun, now
        try:
            memory = self.backend.memory()
        except RuntimeError as error:
            self.clock.fail(error)
            return
        if memory is not None:
            self.journal.append(entries.memory_entry(now, *memory))

    def read_power(self, always: bool = False) -> None:
        """Journals the sensor where it moved."""
        power = self.backend.power
        if power is None or not self.info.power:
            return
        at = self.host_ns()
        reading = power.read()
        if reading is None:
            return
        if (
            reading.energy_mj == self._last_energy
            and at - self._last_power_ns < _POWER_SILENCE_NS
            and not always
        ):
            return
        self._last_energy, self._last_power_ns = reading.energy_mj, at
        self.journal.append(entries.power_entry(at, *reading))

    def tick(self) -> None:
        """A sign of life, by which idle minutes are settled."""
        self.journal.prepare()
        self._claim.renew()
        self.clock.announce()
        self.journal.append(entries.instant_entry(entries.TICK, self.host_ns()))

    def set_clock(self, shift_ns: int) -> None:
        """The wall clock is so far ahead of the journal's instants: from the next minute on the books
        follow it."""
        self.clock_shift_ns = shift_ns
        self.journal.append(entries.instant_entry(entries.CLOCK_SET, self.host_ns(), shift_ns))

    def stalled_s(self) -> float:
        """Seconds since the oldest step in flight was sent, once they are many: a collective that waits for a
        rank that is gone, say. It stays its sessions', and is booked when it ends or the process does."""
        oldest = self.clock.oldest_ns()
        seconds = 0.0 if oldest is None else (self.host_ns() - oldest) / 1e9
        return seconds if seconds > STALLED_S else 0.0

    def end(self, wait_s: float) -> None:
        """Waits for what is in flight, at most so long, and closes the journal."""
        deadline = time.monotonic() + wait_s
        while self.clock.in_flight and self.clock.failed is None and time.monotonic() < deadline:
            self.clock.harvest()
            time.sleep(0.0005)
        self.note_memory()
        self.read_power(always=True)
        self.activity.read(self.journal)
        self.activity.close()
        self._claim.release()
        self.tick()
        self.journal.append(entries.instant_entry(entries.ENDED, self.host_ns()))
        self.journal.close()
