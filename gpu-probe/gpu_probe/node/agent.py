"""Reads all cards of a node, again and again."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from ..accounting import Output
from .cards import Card, Reading
from .claims import CLAIMS
from .host import Host
from .ledger import Ledger
from .owners import Owners

_log = logging.getLogger("gpu_probe")
# A reading says what was in the last seconds: of a longer pause (the machine slept) it knows nothing.
_PAUSE_NS = 10_000_000_000
_STEP_NS = 1_000_000_000


class Agent:
    """``poll`` once a second. ``wall`` and ``steady`` are clocks in nanoseconds, the first since the Unix
    epoch."""

    def __init__(
        self,
        cards: Sequence[Card],
        node: str,
        owners: Owners,
        host: Host,
        output: Output,
        claims: Path = CLAIMS,
        wall: Callable[[], int] = time.time_ns,
        steady: Callable[[], int] = time.monotonic_ns,
    ) -> None:
        self._owners = owners
        self._ledgers = [Ledger(card, node, claims, host, owners, output) for card in cards]
        self._wall, self._steady = wall, steady
        self._last: tuple[int, int] | None = None

    def poll(self) -> None:
        """Books the time since the last call. The first only begins."""
        wall, steady = self._wall(), self._steady()
        readings = [ledger.card.read() for ledger in self._ledgers]
        last, self._last = self._last, (wall, steady)
        if last is None:
            self._restart(wall, readings)
            return
        length = steady - last[1]
        if length <= 0:
            self._last = last
            return
        jump = wall - last[0] - length
        if abs(jump) > _STEP_NS or length > _PAUSE_NS:
            _log.warning(
                "not metered: %.1f s, in which the wall clock jumped by %.1f s", length / 1e9, jump / 1e9
            )
            self._restart(wall, readings)
            return
        # On the steady clock from the last jump on: small corrections of the wall clock are no time.
        begin = last[0]
        end = begin + length
        self._last = (end, steady)
        for ledger, reading in zip(self._ledgers, readings):
            ledger.take(reading, begin, end)
        self._owners.forget_all_but({key for ledger in self._ledgers for key in ledger.keys})

    def close(self) -> None:
        """Gives out the stretch at hand."""
        for ledger in self._ledgers:
            ledger.flush()

    def _restart(self, at_ns: int, readings: Sequence[Reading]) -> None:
        for ledger, reading in zip(self._ledgers, readings):
            ledger.restart(at_ns, reading)
