"""How long a card worked, by its own count: NVML's GPM where the card has it, or else NVML's utilisation."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import Any, NamedTuple

from .driver.gpm import Gpm, GpmRefused
from .driver.sampled import Sampled
from .driver.session import Handle, session_of

_log = logging.getLogger("gpu_probe")
# GPM is asked for again: an instance may have been made anew, rights been given.
_PAUSE_MIN_NS = 1_000_000_000
_PAUSE_MAX_NS = 64_000_000_000
# The utilisation beside the counter is a mean of up to a second: for so long it may still be of before.
_ZEROS_NS = 1_200_000_000
_ZEROS_MIN = 3


class ActivityReading(NamedTuple):
    """The card worked ``busy_ns`` of [begin_ns, end_ns); nanoseconds of the counter's clock, at least 0.1 s
    and at most 10 s. NVML gives per cent as floating point, which is rounded once, to millionths."""

    begin_ns: int
    end_ns: int
    busy_ns: int


def boot_ns() -> int:
    """Nanoseconds since the machine started, those in which it slept among them."""
    boot = getattr(time, "CLOCK_BOOTTIME", None)
    return time.monotonic_ns() if boot is None else time.clock_gettime_ns(boot)


class ActivityCounter:
    """The activity of one card or MIG instance.

    ``quality`` is ``counter`` (GPM), ``sampled`` (utilisation, of whole cards alone) or None where there is
    no means; it may change while the process lives, and in a forked child it is None. ``reason`` says why it
    is not GPM, and what to do. ``errors`` counts what was refused, not believed, or found to disagree.

    ``now`` is the clock of the readings, ``steady`` one that nobody sets: a window on which they disagree is
    not given.
    """

    quality: str | None
    reason: str | None

    def __init__(
        self, nvml: Any, handle: Any, uuid: str, now: Callable[[], int], steady: Callable[[], int] = boot_ns
    ) -> None:
        self._nvml = nvml
        self._session = session_of(nvml)
        self._device = Handle(self._session, handle, uuid)
        self._now, self._steady = now, steady
        self._gpm: Gpm | None = None
        self._sampled: Sampled | None = None
        self._generation = self._session.generation
        self._retry_ns = 0
        self._pause_ns = _PAUSE_MIN_NS
        self._zeros = 0
        self._zeros_since_ns = 0
        self._errors = 0
        self._is_closed = False
        self._session.hold(self)
        self.quality = self.reason = None
        with self._session.use() as may:
            if may:
                self._choose()

    @property
    def errors(self) -> int:
        return self._errors + (0 if self._gpm is None else self._gpm.errors)

    def read(self) -> ActivityReading | None:
        """What is new, None where nothing is or it is not to be believed. Never raises; waits for at most
        50 ms, for another thread that asks NVML."""
        if self._is_closed:
            return None
        if self._session.is_forked:
            self._leave_to_parent()
            return None
        try:
            with self._session.use() as may:
                return self._read() if may else None
        except Exception as error:
            self._errors += 1
            _log.info("%s: its activity is not read: %s", self._device.uuid, error)
            return None

    def close(self) -> None:
        """Gives the samples back. Nothing is read after it."""
        if self._session.is_forked:
            self._leave_to_parent()
        self._is_closed = True
        with self._session.use() as may:
            if may:
                self.drop()

    def drop(self) -> None:
        """What NVML holds for this counter is given back; the session calls it before NVML ends."""
        if self._gpm is not None:
            self._gpm.free()

    def _leave_to_parent(self) -> None:
        self._is_closed = True
        self.quality, self.reason = None, "this is a forked child: its parent reads the card"
        if self._gpm is not None:
            self._gpm.forget()

    def _read(self) -> ActivityReading | None:
        if self._generation != self._session.generation or self._is_time_to_retry():
            self._choose()
        try:
            if self._gpm is not None:
                return self._read_gpm(self._gpm)
            if self._sampled is not None:
                window = self._sampled.read()
                return None if window is None else ActivityReading(*window)
        except GpmRefused as error:
            self._errors += 1
            self._choose_without_gpm(error)
        except Exception as error:
            self._fail(error)
        return None

    def _read_gpm(self, gpm: Gpm) -> ActivityReading | None:
        window = gpm.read()
        if window is None:
            return None
        reading = ActivityReading(window.begin_ns, window.end_ns, window.busy_ns)
        self._pause_ns = _PAUSE_MIN_NS
        if not window.is_zero or not self._is_busy_by_utilization():
            self._zeros = 0
            return reading
        # Exporters read 0 of busy cards after weeks: "no work" would be a bill that nobody gets.
        if not self._zeros:
            self._zeros_since_ns = window.begin_ns
        self._zeros += 1
        if self._zeros < _ZEROS_MIN or window.end_ns - self._zeros_since_ns < _ZEROS_NS:
            return reading
        self._errors += 1
        return None

    def _is_busy_by_utilization(self) -> bool:
        try:
            return int(self._nvml.nvmlDeviceGetUtilizationRates(self._device.get()).gpu) > 0
        except (self._nvml.NVMLError, AttributeError):
            return False

    def _is_time_to_retry(self) -> bool:
        return self._retry_ns != 0 and self._steady() >= self._retry_ns

    def _choose(self) -> None:
        """Finds the best means anew."""
        self._let_gpm_go()
        if self._generation != self._session.generation:
            self._generation = self._session.generation
            self._sampled = None
        self._retry_ns = self._zeros = 0
        try:
            self._gpm = Gpm(self._device, self._now, self._steady)
            self.quality, self.reason, self._sampled = "counter", None, None
        except GpmRefused as refusal:
            self._choose_without_gpm(refusal)
        except Exception as error:
            self._fail(error)

    def _choose_without_gpm(self, refusal: GpmRefused) -> None:
        self._let_gpm_go()
        self._retry_later()
        self.quality, self.reason = None, str(refusal)
        cause = refusal.__cause__
        is_lost = cause is not None and self._session.note(cause)
        # A MIG instance has no utilisation of its own.
        if is_lost or self._device.uuid.startswith("MIG-"):
            return
        try:
            self._sampled = self._sampled or Sampled(self._device, self._now, self._steady)
            self.quality = "sampled"
        except Exception as error:
            _log.info("%s: no utilisation: %s", self._device.uuid, error)
            self._session.note(error)

    def _fail(self, error: Exception) -> None:
        """Nothing is read until NVML began anew or some time has passed."""
        self._errors += 1
        _log.info("%s: its activity is not read: %s", self._device.uuid, error)
        self._session.note(error)
        self._let_gpm_go()
        self._sampled = self.quality = None
        self.reason = f"the card does not answer: {error}"
        self._retry_later()

    def _let_gpm_go(self) -> None:
        self.drop()
        self._errors, self._gpm = self.errors, None

    def _retry_later(self) -> None:
        self._retry_ns = self._steady() + self._pause_ns
        self._pause_ns = min(2 * self._pause_ns, _PAUSE_MAX_NS)
