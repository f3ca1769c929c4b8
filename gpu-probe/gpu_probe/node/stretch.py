"""What a card's processes used in one stretch, at most a clock minute."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from ..sharing import share
from .host import ProcessKey

_UJ_PER_MJ = 1000
_PJ_PER_UJ = 1_000_000  # 1 mW x 1 ns = 1 pJ
_PER_CENT = 100


@dataclass(slots=True)
class Use:
    """One process on one card. ``busy_ns`` is the sum of its utilisation over [begin, end), not yet
    scaled."""

    begin: int
    end: int
    busy_ns: int = 0
    memory_peak_bytes: int = 0


class Bill(NamedTuple):
    """What a process comes to: its part of the card's work, at most what the card did; energy None where
    unknown."""

    use: Use
    busy_ns: int
    energy_uj: int | None


class Result(NamedTuple):
    """A stretch, shared: bills + claimed + unattributed = busy; their energy and the idle energy = energy."""

    bills: dict[ProcessKey, Bill]
    busy_ns: int
    claimed_ns: int
    unattributed_ns: int
    energy_uj: int | None
    claimed_uj: int
    unattributed_uj: int
    idle_uj: int


@dataclass(slots=True)
class Stretch:
    """Sums over [begin, end), which grows with each interval. ``total_ns`` is the card's own utilisation,
    None until it tells. ``has_claims``: an instrumented process used the card, and reports it."""

    begin: int
    end: int
    uses: dict[ProcessKey, Use] = field(default_factory=dict)
    total_ns: int | None = None
    claimed_ns: int = 0
    server_ns: int = 0
    has_claims: bool = False
    energy_uj: int | None = None
    power_peak_mw: int = 0

    @property
    def wall_ns(self) -> int:
        return self.end - self.begin

    def use(self, key: ProcessKey, begin: int, end: int) -> Use:
        """The process's sums, from ``begin`` on where it is new."""
        use = self.uses.setdefault(key, Use(begin, end))
        use.end = end
        return use

    def add_total(self, percent: int | None, length_ns: int) -> None:
        if percent is not None:
            self.total_ns = (self.total_ns or 0) + percent * length_ns // _PER_CENT

    def add_energy(self, energy_uj: int | None, power_peak_mw: int) -> None:
        if energy_uj is not None:
            self.energy_uj = (self.energy_uj or 0) + energy_uj
            self.power_peak_mw = max(self.power_peak_mw, power_peak_mw)

    def share_out(self, idle_mw: int | None) -> Result:
        """Utilisations that add up to more than the card's own are scaled down to it; what the card did
        beyond them is nobody's. Idle power is apart, the rest of the energy goes by work."""
        keys = list(self.uses)
        weights = [*(self.uses[key].busy_ns for key in keys), self.claimed_ns, self.server_ns]
        known = sum(weights)
        busy = min(self._card_ns(known), self.wall_ns)
        *parts, claimed, _ = weights if known <= busy else share(busy, weights)
        unattributed = busy - sum(parts) - claimed
        energies: list[int | None] = [None] * len(keys)
        claimed_uj = unattributed_uj = idle_uj = 0
        if self.energy_uj is not None:
            idle_uj = (
                min(self.energy_uj, (idle_mw or 0) * self.wall_ns // _PJ_PER_UJ) if busy else self.energy_uj
            )
            *given, claimed_uj, unattributed_uj = share(
                self.energy_uj - idle_uj, [*parts, claimed, unattributed]
            )
            energies = list(given)
        bills = {key: Bill(self.uses[key], part, energy) for key, part, energy in zip(keys, parts, energies)}
        return Result(
            bills, busy, claimed, unattributed, self.energy_uj, claimed_uj, unattributed_uj, idle_uj
        )

    def _card_ns(self, known: int) -> int:
        """A card that says 0 while its processes worked does not tell (seen on cards that were up for
        weeks)."""
        if self.total_ns is None or (self.total_ns == 0 and known):
            return known
        return self.total_ns


class EnergyMeter:
    """The energy counter between readings, and the card's idle power: the least seen while nothing ran."""

    def __init__(self) -> None:
        self._last_mj: int | None = None
        self.idle_mw: int | None = None

    def rise_uj(self, energy_mj: int) -> int | None:
        """Microjoules since the last reading; None at the first, and where the counter began anew."""
        last, self._last_mj = self._last_mj, energy_mj
        return None if last is None or energy_mj < last else (energy_mj - last) * _UJ_PER_MJ

    def learn_idle(self, energy_uj: int, length_ns: int) -> None:
        power_mw = energy_uj * _PJ_PER_UJ // length_ns
        self.idle_mw = power_mw if self.idle_mw is None else min(self.idle_mw, power_mw)


def busy_of(percents: Mapping[int, int], length_ns: int) -> dict[int, int]:
    """Nanoseconds by process for an interval."""
    return {pid: percent * length_ns // _PER_CENT for pid, percent in percents.items()}
