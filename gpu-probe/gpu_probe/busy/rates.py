"""The busy time of one step of each class, learned from ticks.

Ordinary least squares of the ticks' busy time on the number of steps of each class in them, with weights: a
tick full of overlapping steps says little, as the counter is the union of what they do; a tick with more busy
time than the steps explain may hold foreign work, and says less the more it is over. Old evidence fades. A
class that is new is fitted by the ticks at hand, in rounds that approach least absolute deviations.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from .tick import Sight

# Of the weight of a tick, what is left after ten minutes of 100 ms each is a half.
_KEEP = 0.5 ** (1 / 6000)
_GROWN_TICKS = 10
_GROWN_STEPS = 3.0
_ROUNDS = 12
_SWEEPS = 30
_CLOSE_NS = 500_000.0
_START_PART = 0.5


@dataclass(slots=True, eq=False)
class Rate:
    """Busy nanoseconds of a step of one class. ``elapsed_ns`` and ``steps`` are of the steps seen so far,
    ``ticks`` those that taught."""

    busy_ns: float = 0.0
    elapsed_ns: float = 0.0
    steps: float = 0.0
    ticks: int = 0

    @property
    def grown(self) -> bool:
        return self.ticks >= _GROWN_TICKS and self.steps >= _GROWN_STEPS

    @property
    def mean_elapsed_ns(self) -> float:
        return self.elapsed_ns / self.steps if self.steps else 0.0


@dataclass(slots=True, eq=False)
class Rates:
    """``products`` is the weighted sum of steps of one class times steps of another, ``moments`` of steps
    times busy time: the normal equations."""

    by_class: dict[str, Rate] = field(default_factory=dict)
    products: dict[str, dict[str, float]] = field(default_factory=dict)
    moments: dict[str, float] = field(default_factory=dict)

    def meet(self, cls: str, elapsed_ns: int) -> None:
        """A step of a class took place."""
        rate = self.by_class.get(cls)
        if rate is None:
            rate = self.by_class[cls] = Rate()
        rate.elapsed_ns += elapsed_ns
        rate.steps += 1

    def of(self, cls: str) -> float:
        """Busy nanoseconds of a step; for a class that nothing is known of, a part of its elapsed time."""
        rate = self.by_class[cls]
        return rate.busy_ns if rate.ticks else _START_PART * rate.mean_elapsed_ns

    def explain(self, sight: Sight) -> float:
        """Busy nanoseconds that the steps in a tick explain."""
        return sum(steps * self.of(cls) for cls, steps in sight.steps.items())

    def grown(self, sight: Sight) -> bool:
        return all(self.by_class[cls].grown for cls in sight.steps)

    def start(self, lessons: Sequence[tuple[Sight, float]]) -> None:
        """Fits the classes that are not grown by the ticks at hand."""
        young = {cls: None for sight, _ in lessons for cls in sight.steps if not self.by_class[cls].grown}
        if not young:
            return
        rows: list[tuple[dict[str, float], float, float]] = []
        for sight, busy_ns in lessons:
            own = {cls: steps for cls, steps in sight.steps.items() if cls in young}
            if own:
                known = sum(s * self.of(cls) for cls, s in sight.steps.items() if cls not in young)
                rows.append((own, max(0.0, busy_ns - known), _trust(sight)))
        fitted = _least_deviations(rows, {cls: self.of(cls) for cls in young})
        for cls, value in fitted.items():
            rate = self.by_class[cls]
            rate.busy_ns = min(value, rate.mean_elapsed_ns)
            rate.ticks = max(rate.ticks, 1)

    def learn(self, lessons: Iterable[tuple[Sight, float]]) -> None:
        """Takes ticks for good, each once."""
        # In the order met: sums of floats depend on it, and the same ticks must teach the same.
        touched: dict[str, None] = {}
        for sight, busy_ns in lessons:
            self._fade()
            error = busy_ns - self.explain(sight)
            weight = _trust(sight) * _CLOSE_NS / max(_CLOSE_NS, abs(error) * (4 if error > 0 else 1))
            for cls, steps in sight.steps.items():
                row = self.products.setdefault(cls, {})
                for other, others in sight.steps.items():
                    row[other] = row.get(other, 0.0) + weight * steps * others
                self.moments[cls] = self.moments.get(cls, 0.0) + weight * steps * busy_ns
                self.by_class[cls].ticks += 1
                touched[cls] = None
        self._solve(touched)

    def _fade(self) -> None:
        for cls, row in self.products.items():
            for other in row:
                row[other] *= _KEEP
            self.moments[cls] *= _KEEP

    def _solve(self, touched: Iterable[str]) -> None:
        """Coordinate descent from where the rates are: without a negative rate, and without moving what the
        ticks do not tell apart."""
        values = {cls: self.by_class[cls].busy_ns for cls in self.products}
        for _ in range(_SWEEPS):
            moved = 0.0
            for cls in touched:
                row = self.products[cls]
                if row.get(cls, 0.0) <= 1e-9:
                    continue
                rest = self.moments[cls] - sum(x * values[o] for o, x in row.items() if o != cls)
                value = max(0.0, rest / row[cls])
                moved = max(moved, abs(value - values[cls]))
                values[cls] = value
            if moved < 1.0:
                break
        for cls in touched:
            self.by_class[cls].busy_ns = values[cls]


def _trust(sight: Sight) -> float:
    """1 for steps one after the other, an eighth where two streams overlap all the time."""
    return 1.0 / sight.overlap**3


def _least_deviations(
    rows: Sequence[tuple[dict[str, float], float, float]], values: dict[str, float]
) -> dict[str, float]:
    """Weighted least absolute deviations, not below 0, by least squares in rounds."""
    values = dict(values)
    weights = [trust for _, _, trust in rows]
    for _ in range(_ROUNDS):
        for _ in range(_SWEEPS):
            moved = 0.0
            for cls in values:
                top = bottom = 0.0
                for (steps, busy_ns, _), weight in zip(rows, weights):
                    own = steps.get(cls)
                    if own is None:
                        continue
                    rest = busy_ns - sum(s * values[o] for o, s in steps.items() if o != cls)
                    top += weight * own * rest
                    bottom += weight * own * own
                if bottom > 1e-12:
                    value = max(0.0, top / bottom)
                    moved = max(moved, abs(value - values[cls]))
                    values[cls] = value
            if moved < 1.0:
                break
        weights = [
            trust * _CLOSE_NS / max(_CLOSE_NS, abs(busy_ns - sum(s * values[o] for o, s in steps.items())))
            for steps, busy_ns, trust in rows
        ]
    return values
