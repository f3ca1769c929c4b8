"""A card's own activity counter: what it says is exact, what it cannot say is never a number."""

import os

import pytest
from fake_nvml import (
    ALL_CODES,
    DRIVER_NOT_LOADED,
    FUNCTION_NOT_FOUND,
    GPU_IS_LOST,
    NO_PERMISSION,
    NOT_FOUND,
    NOT_SUPPORTED,
    UNINITIALIZED,
    UNKNOWN,
    FakeNvml,
)

from gpu_probe.activity import ActivityCounter
from gpu_probe.driver import sampled
from gpu_probe.driver.session import session_of
from gpu_probe.nvml import find_device

MS = 1_000_000
SECOND = 1000 * MS
START = 1_795_000_000 * SECOND


class Card:
    """A counter over a stand-in of NVML, on clocks that the test moves."""

    def __init__(self, nvml=None, uuid="GPU-1234"):
        self.nvml = FakeNvml(uuid=uuid) if nvml is None else nvml
        self.now, self.boot = START, 77 * SECOND
        session_of(self.nvml).start()
        handle = self.nvml.nvmlDeviceGetHandleByUUID(uuid.encode())
        self.counter = ActivityCounter(self.nvml, handle, uuid, lambda: self.now, lambda: self.boot)

    def wait(self, length, now=None):
        self.now += length if now is None else now
        self.boot += length
        return self.counter.read()

    def run(self, seconds, step=110 * MS):
        """Readings of so long."""
        readings = [self.wait(step) for _ in range(seconds * SECOND // step)]
        return [reading for reading in readings if reading is not None]


def mig(nvml=None, **options):
    nvml = FakeNvml("NVIDIA H100 MIG 3g.40gb", "MIG-77", **options) if nvml is None else nvml
    nvml.instance = 3
    return Card(nvml, "MIG-77")


def test_windows_follow_one_another_and_hold_whole_nanoseconds():
    card = Card()
    card.nvml.percent = 33.33337
    first, second = card.wait(110 * MS), card.wait(120 * MS)
    assert first == (START, START + 110 * MS, 110 * MS * 333_334 // 1_000_000)
    assert second[:2] == (START + 110 * MS, START + 230 * MS)
    assert (card.counter.quality, card.counter.reason, card.counter.errors) == ("counter", None, 0)


def test_pairs_are_at_least_105_ms_apart():
    card = Card()
    assert [card.wait(52 * MS) for _ in range(2)] == [None, None]
    assert card.wait(MS).end_ns - START == 105 * MS
    assert card.nvml.taken == 2


def test_an_idle_cards_noise_is_0_and_rounding_above_100_is_100():
    card = Card()
    card.nvml.percent = 0.009
    assert card.wait(110 * MS).busy_ns == 0
    card.nvml.percent = 100.4
    assert card.wait(110 * MS).busy_ns == 110 * MS


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -1.0, 102.0, 2_147_483_632.0])
def test_what_is_no_share_is_not_believed_and_counted(value):
    card = Card()
    card.nvml.percent = value
    assert card.wait(110 * MS) is None and card.counter.errors == 1
    card.nvml.percent = 10.0
    assert card.wait(110 * MS) == (START + 110 * MS, START + 220 * MS, 11 * MS)


@pytest.mark.parametrize("code", [NOT_FOUND, 21, UNKNOWN])
def test_a_metric_that_is_not_there_for_once_is_counted(code):
    card = Card()
    card.nvml.metric_code = code
    assert card.wait(110 * MS) is None
    card.nvml.metric_code = 0
    assert card.wait(110 * MS) is not None
    assert (card.counter.errors, card.counter.quality) == (1, "counter")


@pytest.mark.parametrize(
    ("refuse", "text"),
    [
        ({"nvmlGpmQueryDeviceSupport": NOT_SUPPORTED}, "does not support GPM"),
        ({"nvmlGpmQueryDeviceSupport": FUNCTION_NOT_FOUND}, "driver is too old"),
        ({"nvmlGpmSampleGet": NO_PERMISSION}, "no permission"),
        ({"nvmlGpmSampleGet": UNKNOWN}, "NVML error 999"),
        ({"nvmlGpmSampleAlloc": NOT_SUPPORTED}, "does not support GPM"),
    ],
)
def test_each_refusal_has_its_own_text_and_the_utilisation_is_taken(refuse, text):
    nvml = FakeNvml(**refuse)
    nvml.rate = 40
    card = Card(nvml)
    assert card.counter.quality == "sampled" and text in card.counter.reason
    assert nvml.samples == [], "what was allocated is freed"


def test_a_card_without_gpm_and_a_library_without_it_say_so():
    nvml = FakeNvml()
    nvml.has_gpm = 0
    assert "Hopper" in Card(nvml).counter.reason

    class Older(FakeNvml):
        @property
        def c_nvmlGpmMetricsGet_t(self):
            raise AttributeError("c_nvmlGpmMetricsGet_t")

    assert "nvidia-ml-py is too old" in Card(Older()).counter.reason


def test_without_any_means_there_is_none_and_nothing_raises():
    card = Card(FakeNvml(nvmlGpmQueryDeviceSupport=NOT_SUPPORTED))
    assert card.counter.quality is None and card.counter.reason
    assert card.run(5) == []
    card.counter.close()


@pytest.mark.parametrize("code", ALL_CODES)
@pytest.mark.parametrize(
    "function", ["nvmlGpmSampleGet", "nvmlGpmMetricsGet", "nvmlGpmSampleFree", "nvmlDeviceGetHandleByUUID"]
)
def test_any_refusal_at_any_time_is_survived(function, code):
    card = Card()
    card.wait(110 * MS)
    card.nvml.refuse = {function: code}
    card.run(2)
    session_of(card.nvml).wait()
    card.nvml.refuse = {}
    readings = card.run(140)
    assert readings and card.counter.quality == "counter", "it comes back by itself"
    assert all(reading.busy_ns == (reading.end_ns - reading.begin_ns) // 2 for reading in readings)
    assert len(card.nvml.samples) <= 6


@pytest.mark.parametrize(
    ("length", "now", "counted"),
    [
        (11 * SECOND, None, 0),
        (110 * MS, 3 * SECOND, 1),
        (110 * MS, -SECOND, 1),
        (3600 * SECOND, 110 * MS, 1),
    ],
    ids=["silence", "the clock is put forward", "and back", "the machine slept"],
)
def test_a_window_on_which_the_clocks_do_not_agree_is_not_given(length, now, counted):
    card = Card()
    assert card.wait(length, now) is None
    at = card.now
    assert card.wait(110 * MS)[:2] == (at, at + 110 * MS)
    assert card.counter.errors == counted


def test_a_long_window_that_says_otherwise_than_its_ticks_is_counted():
    card = Card()
    card.nvml.long_percent = 50.5
    card.run(30)
    assert card.counter.errors == 0
    card.nvml.long_percent = 52.0
    card.run(22)
    assert card.counter.errors == 5, "of ten windows of 5 s the last five"
    assert len(card.nvml.samples) <= 3, "memory of samples is used again"


def test_a_0_of_a_busy_card_is_not_believed_once_the_utilisation_cannot_be_of_before():
    card = Card()
    card.nvml.percent, card.nvml.rate = 0.0, 0
    assert len(card.run(5)) == 45 and card.counter.errors == 0, "an idle card"
    card.nvml.rate = 90
    readings = card.run(5)
    assert len(readings) == 10, "the utilisation is of the last second"
    assert card.counter.errors == 35
    card.nvml.percent = 80.0
    assert card.wait(110 * MS).busy_ns == 88 * MS


@pytest.mark.parametrize("code", [UNINITIALIZED, DRIVER_NOT_LOADED, GPU_IS_LOST])
def test_after_the_driver_was_loaded_anew_handles_are_new_and_no_sample_is_old(code):
    card = Card()
    card.wait(110 * MS)
    card.nvml.refuse = {"nvmlGpmSampleGet": code}
    assert card.wait(110 * MS) is None
    session_of(card.nvml).wait()
    card.nvml.refuse = {}
    assert (card.nvml.generation, card.nvml.inits, card.nvml.left_behind) == (1, 2, 0)
    at = card.now + 110 * MS
    assert card.wait(110 * MS) is None, "the first sample of the new handle"
    assert card.wait(110 * MS)[:2] == (at, at + 110 * MS)


def test_a_card_that_fell_off_the_bus_costs_the_others_less_and_less(monkeypatch):
    clock = [10**13]
    monkeypatch.setattr("gpu_probe.driver.session.time.monotonic_ns", lambda: clock[0])
    card = Card()
    card.nvml.refuse = {"nvmlGpmSampleGet": GPU_IS_LOST, "nvmlDeviceGetHandleByUUID": GPU_IS_LOST}
    for _ in range(3600):
        clock[0] += SECOND
        assert card.wait(SECOND) is None
        session_of(card.nvml).wait()
    assert card.counter.quality is None and "15" in card.counter.reason
    assert 5 <= card.nvml.generation <= 20, "1 s, 2 s, 4 s to 10 minutes"
    assert card.nvml.left_behind == 0


def test_samples_of_all_counters_are_freed_before_nvml_ends():
    nvml = FakeNvml()
    cards = [Card(nvml), Card(nvml)]
    for card in cards:
        card.wait(110 * MS)
    nvml.refuse = {"nvmlGpmSampleGet": GPU_IS_LOST}
    cards[0].wait(110 * MS)
    session_of(nvml).wait()
    nvml.refuse = {}
    assert (nvml.generation, nvml.left_behind) == (1, 0)
    assert [card.run(1) != [] for card in cards] == [True, True]


def test_what_the_serving_code_began_is_not_ended():
    nvml = FakeNvml(nvmlGpmSampleGet=UNINITIALIZED)
    ActivityCounter(nvml, nvml.handle, nvml.uuid, lambda: START)
    session_of(nvml).wait()
    assert (nvml.inits, nvml.generation) == (1, 0)


def test_a_mig_instance_is_sampled_through_its_parent():
    card = mig()
    assert card.wait(110 * MS).busy_ns == 55 * MS
    assert {sample.of for sample in card.nvml.samples} == {3}


def test_an_instances_number_that_is_another_instances_now_is_not_read():
    card = mig()
    card.wait(110 * MS)
    taken = card.nvml.taken
    # Made anew by the operator: the number 3 is another tenant's, our UUID is gone.
    card.nvml.uuid = "MIG-88"
    assert card.run(5) == [] and card.counter.quality is None
    assert card.nvml.taken == taken, "nobody else's work is read"
    card.nvml.uuid, card.nvml.instance = "MIG-77", 5
    assert len(card.run(70)) > 0 and card.counter.quality == "counter"
    assert {sample.of for sample in card.nvml.samples} == {5}


def test_an_instance_that_got_another_number_begins_anew():
    card = mig()
    card.wait(110 * MS)
    card.nvml.instance = 4
    assert card.wait(110 * MS) is None
    assert card.wait(110 * MS) is not None and card.counter.errors == 0


def test_a_mig_parent_that_cannot_be_read_says_so_and_no_utilisation_is_taken_for_it():
    nvml = FakeNvml("H100 MIG 1g.10gb", "MIG-77", nvmlDeviceGetDeviceHandleFromMigDeviceHandle=NO_PERMISSION)
    nvml.rate = 50
    card = mig(nvml)
    assert card.counter.quality is None and "parent card" in card.counter.reason
    assert card.run(3) == []


def test_a_part_of_an_instance_is_not_billed_the_whole_instances_work():
    nvml = FakeNvml("H100 MIG 1c.3g.40gb", "MIG-77")
    nvml.slices = (3, 1)
    card = mig(nvml)
    assert card.counter.quality is None and "part of one" in card.counter.reason


def test_a_child_neither_reads_nor_frees_its_parents_samples():
    card = Card()
    card.wait(110 * MS)
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        taken, held = card.nvml.taken, len(card.nvml.samples)
        fine = card.wait(110 * MS) is None and card.counter.quality is None
        card.counter.close()
        fine = fine and (card.nvml.taken, len(card.nvml.samples)) == (taken, held)
        os.write(write, b"fine" if fine else b"used")
        os._exit(0)
    os.waitpid(child, 0)
    assert os.read(read, 4) == b"fine"
    assert card.wait(110 * MS) is not None, "the parent reads on"


def test_closing_gives_all_samples_back():
    card = Card()
    card.run(25)
    card.counter.close()
    card.counter.close()
    assert card.nvml.samples == [] and card.wait(110 * MS) is None


class Plain(Card):
    """A card without GPM."""

    def __init__(self, monkeypatch):
        nvml = FakeNvml()
        nvml.has_gpm, nvml.rate = 0, 40
        monkeypatch.setattr(sampled.time, "time_ns", lambda: START + 999 * SECOND + self.boot)
        super().__init__(nvml)

    def wall_us(self):
        return (START + 999 * SECOND + self.boot) // 1000


@pytest.mark.parametrize("clock", ["wall", "boot"])
@pytest.mark.parametrize("factor", [1, 10_000])
def test_samples_of_either_clock_and_either_unit(monkeypatch, clock, factor):
    card = Plain(monkeypatch)
    base = card.wall_us() if clock == "wall" else card.boot // 1000
    card.nvml.ring = [(base + 20_000 * number, 25 * factor) for number in range(-50, 11)]
    assert card.wait(200 * MS) == (START, START + 200 * MS, 50 * MS)
    assert card.counter.quality == "sampled"
    card.nvml.ring += [(base + 20_000 * number, 75 * factor) for number in range(11, 16)]
    assert card.wait(105 * MS) == (START + 200 * MS, START + 300 * MS, 75 * MS)


def test_a_ring_that_is_dry_leaves_the_rates(monkeypatch):
    card = Plain(monkeypatch)
    readings = card.run(3)
    assert readings[0] == (START, START + 1_100 * MS, 440 * MS) and len(readings) == 2
    assert readings[1].begin_ns == readings[0].end_ns


def test_stamps_of_no_clock_leave_the_rates(monkeypatch):
    card = Plain(monkeypatch)
    card.nvml.ring = [(5, 100), (10**17, 100)]
    assert [reading.busy_ns for reading in card.run(2)] == [440 * MS]


def test_a_card_found_by_its_uuid_is_the_one_that_is_read():
    """A container sees one of eight cards, under number 0."""
    nvml = FakeNvml(uuid="GPU-7")
    found = find_device("GPU-7", 0, nvml)
    counter = found.activity(lambda: START)
    assert counter.quality == "counter" and {sample.of for sample in nvml.samples} == {"GPU-7"}
    assert find_device("GPU-3", 0, nvml) is None
    counter.close()


def test_the_sum_of_short_windows_comes_to_what_long_ones_say():
    card = Card()
    card.nvml.percent, card.nvml.long_percent = 50.0, 48.0
    readings = card.run(60)
    settled = [reading for reading in readings if reading.begin_ns >= START + 10 * SECOND]
    length = settled[-1].end_ns - settled[0].begin_ns
    busy = sum(reading.busy_ns for reading in settled)
    assert abs(busy - length * 48 // 100) <= length // 200
    assert all(
        45 * MS <= reading.busy_ns <= 55 * MS
        for reading in settled
        if reading.end_ns - reading.begin_ns == 110 * MS
    )
