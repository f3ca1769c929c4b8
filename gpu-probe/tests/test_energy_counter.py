"""An energy reading is believed only as far as the card's power explains it; what is not is unknown, and is
on no session."""

import pytest
from conftest import Recorder
from fake_nvml import DRIVER_NOT_LOADED, NOT_SUPPORTED, FakeNvml

from gpu_probe import nvml as probe_nvml
from gpu_probe.accounting import GpuMeter
from gpu_probe.device.interface import DeviceInfo, PowerSample, TimeAdvanced, WatchEnded
from gpu_probe.nvml import find_device
from gpu_probe.sharing import make_policy

START = 5_000_000_000
TICK_NS = 100_000_000
TICK_MJ = 35_000  # 350 W for a tick
START_NS = 1_800_000_000 * 1_000_000_000


class Card:
    """A card that is read tick by tick."""

    def __init__(self, monkeypatch, **refuse):
        self.now = 10**12
        monkeypatch.setattr(probe_nvml.time, "monotonic_ns", lambda: self.now)
        self.nvml = FakeNvml(**refuse)
        self.device = find_device("GPU-1234", 0, self.nvml)
        self.readings = []

    def read(self, energy_mj, ticks=1):
        self.nvml.energy_mj = energy_mj
        reading = self.device.read()
        self.readings.append((self.now, reading))
        self.now += TICK_NS * ticks
        return reading

    def read_all(self, energies):
        return [self.read(energy) for energy in energies]

    def booked_uj(self):
        """What the accounting makes of it: energy by minute's totals, None where unknown."""
        info = DeviceInfo(
            node="n",
            container_id=None,
            gpu_uuid="GPU-1234",
            gpu_model="H100",
            mig_profile=None,
            sharing="exclusive",
            rank=0,
            world_size=1,
            memory_total_bytes=1,
            power=True,
            power_limit_mw=700_000,
            probe_start_ns=START_NS,
        )
        output = Recorder()
        meter = GpuMeter(info, make_policy("equal"), output)
        for now, reading in self.readings:
            at = START_NS + now - 10**12
            if reading is not None:
                meter.take(PowerSample(at, *reading))
            meter.take(TimeAdvanced(at))
        meter.take(WatchEnded(at))
        return sum(record["energy_uj"] or 0 for record in output.minutes)


@pytest.fixture
def card(monkeypatch):
    return Card(monkeypatch)


def rising(first, count):
    return [first + TICK_MJ * number for number in range(count)]


@pytest.mark.parametrize(
    "glitch", [0, 1, START * 2, 2**52, 2**63 - 1, 2**64 - 1, START + TICK_MJ + 200_000, START - 1]
)
def test_one_glitch_is_one_unknown_reading_and_no_energy_of_it_is_booked(card, glitch):
    energies = rising(START, 4)
    energies[2] = glitch
    readings = card.read_all(energies)
    assert [reading is None for reading in readings] == [False, False, True, False]
    assert card.device.errors == 1
    assert card.booked_uj() == 3 * TICK_MJ * 1000


@pytest.mark.parametrize("again", [0, 7_000, START * 3, START // 2])
def test_a_counter_that_begins_elsewhere_is_believed_once_it_agrees_with_itself(card, again):
    """The driver was loaded anew, or the counter jumped for good."""
    readings = card.read_all(rising(START, 3) + rising(again, 5))
    assert [reading is None for reading in readings] == [False] * 3 + [True, True] + [False] * 3
    assert card.booked_uj() == (2 + 2) * TICK_MJ * 1000, "what is between the two is unknown"


def test_a_first_reading_that_is_the_glitch_itself(card):
    card.read_all([0, *rising(START, 6)])
    assert card.booked_uj() == 3 * TICK_MJ * 1000


@pytest.mark.parametrize("first", [2**63, 2**64 - 1, -1])
def test_a_first_reading_that_no_journal_can_hold_is_unknown(card, first):
    assert card.read(first) is None
    card.read_all(rising(START, 3))
    assert card.booked_uj() == 2 * TICK_MJ * 1000


def test_a_counter_that_jumps_at_every_reading_books_nothing(card):
    card.read_all([START * (1 + number % 3) for number in range(30)])
    assert card.booked_uj() == 0


def test_a_counter_that_stands_still_and_catches_up_keeps_its_sum(card):
    card.read_all([START, START, START, START + 3 * TICK_MJ])
    assert card.booked_uj() == 3 * TICK_MJ * 1000


def test_full_power_is_believed_and_a_limit_that_was_raised_too(card):
    limit = [700_000]
    card.nvml._limit = limit
    type(card.nvml)._nvmlDeviceGetEnforcedPowerLimit, kept = (
        lambda self, handle: limit[0],
        type(card.nvml)._nvmlDeviceGetEnforcedPowerLimit,
    )
    try:
        assert None not in card.read_all(START + 70_000 * number for number in range(20))
        limit[0] = 1_400_000
        assert None not in card.read_all(START + 70_000 * 19 + 140_000 * number for number in range(1, 20))
    finally:
        type(card.nvml)._nvmlDeviceGetEnforcedPowerLimit = kept


@pytest.mark.parametrize("rise, believed", [(700_000, True), (3_000_000, False)])
def test_without_a_limit_no_card_draws_kilowatts(monkeypatch, rise, believed):
    card = Card(monkeypatch, nvmlDeviceGetEnforcedPowerLimit=NOT_SUPPORTED)
    card.read(START)
    assert (card.read(START + rise) is not None) == believed


def test_readings_that_are_refused_leave_their_ticks_to_the_next(card):
    card.read(START)
    card.nvml.refuse = {"nvmlDeviceGetTotalEnergyConsumption": DRIVER_NOT_LOADED}
    assert card.read(START + TICK_MJ) is None
    card.nvml.refuse = {}
    card.read(START + 2 * TICK_MJ)
    assert card.booked_uj() == 2 * TICK_MJ * 1000


def test_after_a_long_silence_the_time_between_is_unknown(card):
    """Its events went out without energy; what a counter rose meanwhile must not land on those after them."""
    card.read(START)
    card.read(START + TICK_MJ, ticks=600)
    card.read(START + 601 * TICK_MJ)
    card.read(START + 602 * TICK_MJ)
    assert card.booked_uj() == 2 * TICK_MJ * 1000


def test_power_that_is_unknown_is_the_counters_average_and_never_zero(card):
    card.read(START)
    card.nvml.refuse = {"field_186": NOT_SUPPORTED, "nvmlDeviceGetPowerUsage": NOT_SUPPORTED}
    assert card.read(START + TICK_MJ).power_mw == 350_000


def test_without_any_power_the_first_reading_is_none(monkeypatch):
    card = Card(monkeypatch, field_186=NOT_SUPPORTED, nvmlDeviceGetPowerUsage=NOT_SUPPORTED)
    assert card.read(START) is None
    assert card.read(START + TICK_MJ).power_mw == 350_000


@pytest.mark.parametrize("power_mw", [1_400_001, 4_294_967_295])
def test_power_that_no_card_draws_is_unknown(card, power_mw):
    card.nvml.power_mw = power_mw
    card.read(START)
    assert card.read(START + TICK_MJ).power_mw == 350_000


@pytest.mark.parametrize("glitch", [0, 2**50, 2**63])
def test_a_glitch_of_the_links_is_unknown_and_what_they_carried_is_kept(card, glitch):
    sent = []
    for kib in (1000, 2000, glitch, 4000):
        card.nvml.sent_kib = kib
        sent.append(card.read(START + TICK_MJ * len(sent)).nvlink_tx_bytes)
    assert sent == [1000 * 1024, 2000 * 1024, None, 4000 * 1024]


def test_integrated_power_has_no_glitch_and_no_silence_in_it(monkeypatch):
    card = Card(monkeypatch, nvmlDeviceGetTotalEnergyConsumption=NOT_SUPPORTED)
    for power_mw, ticks in ((350_000, 1), (4_294_967_295, 1), (350_000, 100), (350_000, 1), (350_000, 1)):
        card.nvml.power_mw = power_mw
        card.read(0, ticks)
    assert [reading is None for _, reading in card.readings] == [False, True, False, False, False]
    assert card.booked_uj() == 3 * TICK_MJ * 1000
