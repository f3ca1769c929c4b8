"""The probe's own threads: one reads sensors and idle devices, one keeps the books where no process beside
this one does."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

from .unit import Unit
from .wall_clock import WallClock

_log = logging.getLogger("gpu_probe")


class Repeating:
    """Calls something until stopped, with a pause between calls; survives what it raises."""

    def __init__(self, name: str, action: Callable[[], None], pause_s: float) -> None:
        self._action = action
        self._pause_s = pause_s
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    def stop(self, timeout_s: float = 5.0) -> None:
        self._stop.set()
        self._thread.join(timeout_s)

    def _run(self) -> None:
        while not self._stop.is_set():
            try:
                self._action()
            except Exception:
                _log.exception("%s goes on after an error", self._thread.name)
            self._stop.wait(self._pause_s)


class Watch:
    """Reads the sensors of units, and their steps while no serving thread does."""

    def __init__(self, units: list[Unit], clock: WallClock) -> None:
        self._units = units
        self._clock = clock
        self._may_read: list[bool] = []
        self._stalled: set[Unit] = set()

    def __call__(self) -> None:
        if not self._may_read:
            # It holds for the calling thread, so it cannot be found out earlier.
            self._may_read = [unit.backend.idle_thread() for unit in self._units]
        if self._clock.was_set():
            for unit in self._units:
                unit.set_clock(self._clock.shift_ns)
        for unit, may_read in zip(self._units, self._may_read):
            if may_read and unit.clock.in_flight:
                unit.clock.harvest()
            unit.read_power()
            unit.tick()
            self._warn_of_stall(unit)

    def _warn_of_stall(self, unit: Unit) -> None:
        """Once, until it is over."""
        seconds = unit.stalled_s()
        if not seconds:
            self._stalled.discard(unit)
        elif unit not in self._stalled:
            self._stalled.add(unit)
            _log.warning("%s: a step has not ended for %.0f s", unit.info.gpu_uuid, seconds)
