"""Fits the hinge anew while a model serves, from the steps that are measured anyway.

At a minute's end, once enough time has passed, the latest steps are fitted on three quarters of them; the new
coefficients are taken where they predict the last quarter better than the old ones do. They have the next
version and a label of their own, and no event lies across the change.
"""

from __future__ import annotations

from collections.abc import Sequence

from ..sharing import Coefficients, Work
from ..sharing.policy import FittedHinge
from .fit import Sample, fit, predict

INTERVAL_NS = 3_600_000_000_000
SAMPLES_MAX = 2048
# Fewer steps see too little of what a model does: 143 of the recorded trace's predicted their own kind better
# and shared others twice as badly.
SAMPLES_MIN = 512
# The new coefficients must be better by this much, so that chance alone does not change a price.
_GAIN = 0.9


class Refit:
    """``policy`` is the one in force; ``adopted`` are the coefficients that followed the first.

    Annotated here is what a checkpoint keeps.
    """

    adopted: list[Coefficients]
    _coefficients: Coefficients
    _interval_ns: int
    _due_ns: int | None
    _samples: list[Sample]
    _every: int
    _seen: int

    def __init__(self, start: Coefficients, interval_ns: int = INTERVAL_NS) -> None:
        self.adopted = []
        self._coefficients = start
        self._interval_ns = interval_ns
        self._due_ns = None
        self._samples = []
        self._every = 1
        self._seen = 0

    @property
    def policy(self) -> FittedHinge:
        return FittedHinge(self._coefficients)

    def note(self, rows: Sequence[Work], elapsed_ns: int) -> None:
        """A measured step. Of many, every second, fourth, … is kept, so that they spread over the
        interval."""
        self._seen += 1
        if self._seen % self._every or not rows or elapsed_ns <= 0:
            return
        self._samples.append(Sample(tuple(rows), elapsed_ns))
        if len(self._samples) > SAMPLES_MAX:
            del self._samples[::2]
            self._every *= 2

    def minute_over(self, at_ns: int) -> None:
        """Between two minutes the policy may change."""
        if self._due_ns is None:
            self._due_ns = at_ns + self._interval_ns
        if at_ns < self._due_ns or len(self._samples) < SAMPLES_MIN:
            return
        samples, self._samples = self._samples, []
        self._due_ns, self._every, self._seen = at_ns + self._interval_ns, 1, 0
        old = self._coefficients
        held_out = samples[3::4]
        fitted = fit(
            [sample for at, sample in enumerate(samples) if at % 4 != 3],
            old.model,
            old.gpu_model,
            old.version + 1,
        ).coefficients
        if _error(fitted, held_out) < _error(old, held_out) * _GAIN:
            self._coefficients = fitted
            self.adopted.append(fitted)


def _error(coefficients: Coefficients, samples: Sequence[Sample]) -> float:
    """Mean relative error of the predicted step times, after the best common factor: shares do not depend on
    it."""
    ratios = sorted(predict(coefficients, sample.rows) / sample.elapsed_ns for sample in samples)
    middle = ratios[len(ratios) // 2]
    return sum(abs(ratio - middle) for ratio in ratios) / len(ratios) / middle if middle else float("inf")
