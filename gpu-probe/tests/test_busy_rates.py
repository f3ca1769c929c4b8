"""What the splitter knows of classes: learned exactly, kept in bounds, cheap with many of them."""

import pytest
from test_busy_splitter import MS, Sum

from gpu_probe.busy import BusySplitter, Tick, Use, rates
from gpu_probe.busy.rates import Rates
from gpu_probe.busy.tick import Sight


class Counted(dict):
    """Counts what is looked at."""

    looks = 0

    def __getitem__(self, key):
        Counted.looks += 1
        return super().__getitem__(key)

    def items(self):
        for item in super().items():
            Counted.looks += 1
            yield item


def met(cls):
    return Use(cls, 0, 10 * MS, 10 * MS)


def looks_of_a_lesson(classes):
    known = Rates()
    for number in range(classes):
        known.meet(met(f"c{number}"))
        known.learn([(Sight({f"c{number}": 10.0}), 50.0 * MS)])
    known.by_class, known.products = Counted(known.by_class), Counted(known.products)
    known.moments = Counted(known.moments)
    for cls, row in list(known.products.items()):
        known.products[cls] = Counted(row)
    Counted.looks = 0
    known.learn([(Sight({"c0": 10.0}), 50.0 * MS)])
    return Counted.looks


def test_a_lesson_costs_no_more_where_there_are_a_thousand_classes():
    assert looks_of_a_lesson(1_000) == looks_of_a_lesson(1)


def test_rescaled_evidence_says_the_same(monkeypatch):
    def learned(weight_max):
        monkeypatch.setattr(rates, "_WEIGHT_MAX", weight_max)
        known = Rates()
        for cls in "ab":
            known.meet(met(cls))
        for number in range(200):
            a, b = float(number % 7), float(number % 3)
            known.learn([(Sight({"a": a, "b": b}), (2 * a + 5 * b) * MS)])
        return [known.by_class[cls].busy_ns for cls in "ab"]

    often = learned(1.001)
    assert often == pytest.approx(learned(1e12), rel=1e-6)
    assert often == pytest.approx([2 * MS, 5 * MS], rel=0.02)


def test_what_is_old_fades():
    known = Rates()
    known.meet(met("c"))
    for busy, ticks in ((5, 6_000), (8, 24_000)):
        known.learn([(Sight({"c": 1.0}), float(busy * MS))] * ticks)
    assert known.by_class["c"].busy_ns == pytest.approx(8 * MS, rel=0.05)


def test_classes_are_kept_in_bounds_and_those_in_use_stay(monkeypatch):
    monkeypatch.setattr(rates, "CLASSES_MAX", 20)
    splitter = BusySplitter(Sum(), 0)
    early = Use("early", 0, 100 * MS, 100 * MS, "kin of early")
    splitter.add(early)
    for number in range(300):
        begin = number * 100 * MS
        splitter.add(Use(f"adapter {number}", begin, begin + 80 * MS, 80 * MS, f"kin {number}"))
        # One that comes now and then is not the one unseen for longest.
        if number % 5 == 0:
            splitter.add(Use("often", begin, begin + 10 * MS, 10 * MS, "kin of often"))
        splitter.read(Tick(begin, begin + 100 * MS, 40 * MS))
        splitter.settle(begin + 100 * MS)
        waiting = {use.cls for use in splitter._uses()}
        assert waiting <= splitter.rates.by_class.keys()
    splitter.stop(30_000 * MS)
    for known in (splitter.rates, splitter.rates.kin):
        # What still waits may be more than the bound.
        assert len(known.by_class) <= max(20, len(waiting))
        assert (
            known.products.keys() <= known.by_class.keys() and known.moments.keys() == known.products.keys()
        )
        assert all(row.keys() <= known.products.keys() for row in known.products.values())
    assert "early" not in splitter.rates.by_class and "often" in splitter.rates.by_class


def test_a_class_that_is_new_is_taken_for_its_kin():
    known = Rates(kin=Rates())
    for number in range(20):
        use = Use(f"c{number}", 0, 50 * MS, 50 * MS, "kin")
        known.meet(use)
        known.learn([(Sight({use.cls: 2.0}, {"kin": 2.0}), 14.0 * MS)])
    known.meet(Use("new", 0, 500 * MS, 500 * MS, "kin"))
    assert known.of("new") == pytest.approx(7 * MS)
    assert known.grown(Sight({"new": 1.0}))
