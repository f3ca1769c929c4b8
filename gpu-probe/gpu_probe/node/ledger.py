"""The books of one card: readings in, events and totals out."""

from __future__ import annotations

import logging
from pathlib import Path

from ..accounting import Output
from ..accounting.minute import MINUTE_NS, Calendar
from . import records
from .cards import Card, Reading
from .claims import claimed
from .host import MPS_SERVER, Host, ProcessKey
from .owners import Owners
from .stretch import EnergyMeter, Stretch, busy_of

# Readings are put on the wall clock already.
_CALENDAR = Calendar()
_log = logging.getLogger("gpu_probe")


class Ledger:
    """``start_ns`` is when the agent began to watch; it is part of all ids. After a jump of the wall clock
    ``restart`` gives it a new one, so that a minute that comes twice has two ids."""

    def __init__(
        self, card: Card, node: str, claims: Path, host: Host, owners: Owners, output: Output
    ) -> None:
        self.card = card
        self._node = node
        self._claims = claims
        self._host = host
        self._owners = owners
        self._output = output
        self._energy = EnergyMeter()
        self._stretch: Stretch | None = None
        self._start_ns = 0
        self._sequences: dict[ProcessKey, int] = {}
        self._servers: set[str] = set()
        self._told = False

    def restart(self, at_ns: int, reading: Reading) -> None:
        """Ends the stretch at hand; the next begins at an instant of the wall clock, with this reading."""
        self.flush()
        self._start_ns = at_ns
        if reading.power is not None:
            self._energy.rise_uj(reading.power.energy_mj)

    def take(self, reading: Reading, begin: int, end: int) -> None:
        """A reading for the interval [begin, end) since the last one, in nanoseconds since the Unix epoch."""
        energy = None if reading.power is None else self._energy.rise_uj(reading.power.energy_mj)
        if reading.percents is None and not self._told:
            self._told = True
            _log.info("%s: no utilisation per process yet, or none at all under MIG", self.card.facts.uuid)
        keys = self._keys(reading)
        held = claimed(self._claims, self.card.facts.uuid, keys.values(), self._host)
        held |= {key for key in keys.values() if self._owners.of(key).is_instrumented}
        if energy is not None and not reading.percents and not reading.total_percent:
            self._energy.learn_idle(energy, end - begin)
        at, given = begin, 0
        while at < end:
            edge = min(end, _CALENDAR.next_edge(at))
            part = None
            if energy is not None:
                upto = energy * (edge - begin) // (end - begin)
                part, given = upto - given, upto
            self._add(reading, keys, held, at, edge, part)
            if edge % MINUTE_NS == 0:
                self.flush()
            at = edge

    def flush(self) -> None:
        """Gives out what the stretch came to."""
        stretch, self._stretch = self._stretch, None
        if stretch is None or not stretch.wall_ns:
            return
        result = stretch.share_out(self._energy.idle_mw)
        facts = self.card.facts
        for key, bill in result.bills.items():
            sequence = self._sequences.get(key, 0)
            self._sequences[key] = sequence + 1
            owner = self._owners.of(key)
            self._output.event(
                records.event(facts, self._node, self._start_ns, key, owner, sequence, bill, stretch)
            )
        if not stretch.has_claims:
            servers = ",".join(sorted(self._servers)) or None
            self._output.totals(records.totals(facts, self._node, self._start_ns, stretch, result, servers))
        self._servers.clear()
        alive = {key: number for key, number in self._sequences.items() if self._host.key(key.pid) == key}
        self._sequences = alive

    @property
    def keys(self) -> set[ProcessKey]:
        """Processes of the stretch at hand."""
        return set() if self._stretch is None else set(self._stretch.uses)

    def _keys(self, reading: Reading) -> dict[int, ProcessKey]:
        """The processes that are there; rows of those that are gone are left out."""
        pids = {*(reading.percents or ()), *reading.memory_bytes}
        found = {pid: self._host.key(pid) for pid in sorted(pids)}
        return {pid: key for pid, key in found.items() if key is not None}

    def _add(
        self,
        reading: Reading,
        keys: dict[int, ProcessKey],
        held: set[ProcessKey],
        begin: int,
        end: int,
        energy_uj: int | None,
    ) -> None:
        stretch = self._stretch
        if stretch is None:
            stretch = self._stretch = Stretch(begin, begin)
        stretch.end = end
        stretch.has_claims = stretch.has_claims or bool(held)
        stretch.add_total(reading.total_percent, end - begin)
        stretch.add_energy(energy_uj, 0 if reading.power is None else reading.power.power_mw)
        busy = busy_of(reading.percents or {}, end - begin)
        for pid, key in keys.items():
            if key in held:
                stretch.claimed_ns += busy.get(pid, 0)
                continue
            name = self._host.name(pid)
            if name.startswith(MPS_SERVER):
                # Its clients' work: whose, the driver does not say.
                stretch.server_ns += busy.get(pid, 0)
                self._servers.add(f"{pid}:{name}")
                continue
            use = stretch.use(key, begin, end)
            use.busy_ns += busy.get(pid, 0)
            use.memory_peak_bytes = max(use.memory_peak_bytes, reading.memory_bytes.get(pid, 0))
