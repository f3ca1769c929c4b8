"""The busy time of one step of each class, learned from ticks.

Ordinary least squares of the ticks' busy time on the number of steps of each class in them, with weights: a
tick full of overlapping steps says little, as the counter is the union of what they do; a tick with more busy
time than the steps explain may hold foreign work, and says less the more it is over. Old evidence fades. A
class that is new takes after its kin, a coarser class; where that is new too, it is fitted by the ticks at
hand.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field

from .fit import CLOSE_NS, SWEEPS, Row, least_deviations
from .tick import Sight, Use

CLASSES_MAX = 4096
# Of the weight of a tick, what is left after ten minutes of 100 ms each is a half. Rather than that what is
# old gets lighter, what is new gets heavier, until the numbers are large.
_GROWTH = 2.0 ** (1 / 6000)
_WEIGHT_MAX = 1e12
_NOTHING = 1e-9
_GROWN_TICKS = 10
_GROWN_STEPS = 3.0
_START_PART = 0.5
# So much over is more than steps differ: it may be foreign.
_FAR_NS = 10_000_000.0


@dataclass(slots=True, eq=False)
class Rate:
    """Busy nanoseconds of a step of one class. ``elapsed_ns`` and ``steps`` are of the steps seen so far,
    ``ticks`` those that taught, ``at_hand`` those that it was last fitted by."""

    kin: str
    busy_ns: float = 0.0
    elapsed_ns: float = 0.0
    steps: float = 0.0
    ticks: int = 0
    at_hand: int = 0

    @property
    def learned(self) -> bool:
        return self.ticks >= _GROWN_TICKS and self.steps >= _GROWN_STEPS

    @property
    def grown(self) -> bool:
        """Whether enough is known to say what steps of the class do not explain."""
        return max(self.ticks, self.at_hand) >= _GROWN_TICKS and self.steps >= _GROWN_STEPS

    @property
    def mean_elapsed_ns(self) -> float:
        return self.elapsed_ns / self.steps if self.steps else 0.0


@dataclass(slots=True, eq=False)
class Rates:
    """``products`` is the weighted sum of steps of one class times steps of another, ``moments`` of steps
    times busy time: the normal equations. ``weight`` is that of a tick now. ``by_class`` is in the order in
    which classes were last seen. ``kin`` has the rates of the coarser classes."""

    by_class: dict[str, Rate] = field(default_factory=dict)
    products: dict[str, dict[str, float]] = field(default_factory=dict)
    moments: dict[str, float] = field(default_factory=dict)
    weight: float = 1.0
    kin: Rates | None = None

    def meet(self, use: Use) -> None:
        """A step took place."""
        self._meet(use.cls, use.kin, use.whole_ns)
        if self.kin is not None:
            self.kin._meet(use.kin, "", use.whole_ns)

    def _meet(self, cls: str, kin: str, elapsed_ns: int) -> None:
        rate = self.by_class[cls] = self.by_class.pop(cls) if cls in self.by_class else Rate(kin)
        rate.elapsed_ns += elapsed_ns
        rate.steps += 1

    def forget(self, uses: Collection[Use]) -> None:
        """Keeps the number of classes in bounds; those of the uses stay."""
        self._forget({use.cls for use in uses} if len(self.by_class) > CLASSES_MAX else set())
        if self.kin is not None:
            self.kin._forget({use.kin for use in uses} if len(self.kin.by_class) > CLASSES_MAX else set())

    def _forget(self, waiting: set[str]) -> None:
        over = len(self.by_class) - CLASSES_MAX
        if over <= 0:
            return
        for cls in [cls for cls in self.by_class if cls not in waiting][:over]:
            del self.by_class[cls]
            self.moments.pop(cls, None)
            for other in self.products.pop(cls, ()):
                if other != cls:
                    del self.products[other][cls]

    def known(self, cls: str) -> Rate:
        """What a step of a class is taken for: the rate of its kin while its own is new."""
        rate = self.by_class[cls]
        if rate.grown or self.kin is None:
            return rate
        kin = self.kin.by_class.get(rate.kin)
        return kin if kin is not None and kin.grown else rate

    def of(self, cls: str) -> float:
        """Busy nanoseconds of a step; for a class that nothing is known of, a part of its elapsed time."""
        rate = self.known(cls)
        return rate.busy_ns if rate.ticks else _START_PART * rate.mean_elapsed_ns

    def explain(self, sight: Sight) -> float:
        """Busy nanoseconds that the steps in a tick explain."""
        return sum(steps * self.of(cls) for cls, steps in sight.steps.items())

    def taught(self, cls: str) -> float:
        """The same, and 0 for a class that nothing is known of."""
        return self.known(cls).busy_ns

    def recall(self, sight: Sight) -> float:
        """What ``explain`` says, by what ticks taught alone."""
        return sum(steps * self.taught(cls) for cls, steps in sight.steps.items())

    def grown(self, sight: Sight) -> bool:
        return all(self.known(cls).grown for cls in sight.steps)

    def start(self, lessons: Sequence[tuple[Sight, float]]) -> None:
        """Fits the classes of which nothing better is known by the ticks at hand."""
        if self.kin is not None:
            self.kin.start(_of_kin(lessons))
        young = {cls: None for sight, _ in lessons for cls in sight.steps if not self.known(cls).learned}
        if not young:
            return
        rows: list[Row] = []
        for sight, busy_ns in lessons:
            own = {cls: steps for cls, steps in sight.steps.items() if cls in young}
            if own:
                known = sum(s * self.of(cls) for cls, s in sight.steps.items() if cls not in young)
                rows.append(Row(own, max(0.0, busy_ns - known), _trust(sight)))
        fitted = least_deviations(rows, {cls: self.of(cls) for cls in young})
        for cls, value in fitted.items():
            rate = self.by_class[cls]
            rate.busy_ns = min(value, rate.mean_elapsed_ns)
            rate.ticks = max(rate.ticks, 1)
            rate.at_hand = sum(cls in row.steps for row in rows)

    def learn(self, lessons: Sequence[tuple[Sight, float]]) -> None:
        """Takes ticks for good, each once."""
        if self.kin is not None:
            self.kin.learn(_of_kin(lessons))
        # In the order met: sums of floats depend on it, and the same ticks must teach the same.
        touched: dict[str, None] = {}
        for sight, busy_ns in lessons:
            self.weight *= _GROWTH
            error = busy_ns - self.explain(sight)
            weight = self.weight * _trust(sight) * CLOSE_NS
            weight /= max(CLOSE_NS, abs(error) + 3 * max(0.0, error - _FAR_NS))
            for cls, steps in sight.steps.items():
                row = self.products.setdefault(cls, {})
                for other, others in sight.steps.items():
                    row[other] = row.get(other, 0.0) + weight * steps * others
                self.moments[cls] = self.moments.get(cls, 0.0) + weight * steps * busy_ns
                self.by_class[cls].ticks += 1
                touched[cls] = None
        self._solve(touched)
        if self.weight > _WEIGHT_MAX:
            self._rescale()

    def _rescale(self) -> None:
        for cls, row in self.products.items():
            for other in row:
                row[other] /= self.weight
            self.moments[cls] /= self.weight
        self.weight = 1.0

    def _solve(self, touched: Iterable[str]) -> None:
        """Coordinate descent from where the rates are: without a negative rate, and without moving what the
        ticks do not tell apart."""
        for _ in range(SWEEPS):
            moved = 0.0
            for cls in touched:
                row, rate = self.products[cls], self.by_class[cls]
                if row[cls] <= _NOTHING * self.weight:
                    continue
                others = sum(x * self.by_class[other].busy_ns for other, x in row.items() if other != cls)
                value = max(0.0, (self.moments[cls] - others) / row[cls])
                moved = max(moved, abs(value - rate.busy_ns))
                rate.busy_ns = value
            if moved < 1.0:
                break


def _of_kin(lessons: Sequence[tuple[Sight, float]]) -> list[tuple[Sight, float]]:
    return [(Sight(sight.kin, {}, sight.overlap), busy_ns) for sight, busy_ns in lessons]


def _trust(sight: Sight) -> float:
    """1 for steps one after the other, an eighth where two streams overlap all the time."""
    return 1.0 / sight.overlap**3
