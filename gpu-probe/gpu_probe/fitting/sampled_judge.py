"""How far a policy is from Shapley shares that were sampled, with an interval."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import NamedTuple

from ..sharing import Coefficients, Policy, shipped_coefficients
from .fit import fit
from .permutations import Sampled, contributions, mean_values

_DRAWS = 400


class Judgement(NamedTuple):
    """Parts of a step, 0 to 1, means over the batches of a kind.

    ``wrong`` is half the L1 distance between the policy's shares and the estimated ones, ``low`` and ``high``
    its 95 % interval, ``sampling_error`` the same distance between the estimate and one of permutations drawn
    anew: what is below it cannot be seen. ``wrong_uncontrolled`` is ``wrong`` without the control variate, so
    that nobody thinks that the hinge judged itself.
    """

    wrong: float
    low: float
    high: float
    sampling_error: float
    wrong_uncontrolled: float


def judge_sampled(
    cases: Sequence[Sampled], policy: Policy, seed: int = 1, draws: int = _DRAWS
) -> dict[str, Judgement]:
    """By kind and rows of the batch, such as ``decode-16``. The interval is a bootstrap over permutations;
    they are balanced, so it is rather too wide."""
    rng = random.Random(seed)
    by_kind: dict[str, list[_Case]] = {}
    for case, control in zip(cases, controls(cases)):
        by_kind.setdefault(f"{case.kind}-{len(case.rows)}", []).append(_Case(case, control, policy))
    return {kind: _judge(found, rng, draws) for kind, found in sorted(by_kind.items())}


def controls(cases: Sequence[Sampled]) -> list[Coefficients]:
    """Each case's control variate: the hinge fitted to the other cases; the one that comes with the package
    where there is none."""
    if len(cases) == 1:
        return [shipped_coefficients()]
    samples = [case.samples() for case in cases]
    return [
        fit([sample for other in samples if other is not own for sample in other], "control", "").coefficients
        for own in samples
    ]


class _Case:
    def __init__(self, case: Sampled, control: Coefficients, policy: Policy) -> None:
        self.values = contributions(case, control)
        self.estimate = mean_values(self.values)
        weights = policy.weights(case.rows)
        whole, total = sum(self.estimate), sum(weights)
        self.given = [weight / total * whole for weight in weights]
        self.uncontrolled = half_distance(self.given, mean_values(contributions(case, None)))

    def redrawn(self, rng: random.Random) -> list[float]:
        return mean_values(rng.choices(self.values, k=len(self.values)))


def _judge(cases: Sequence[_Case], rng: random.Random, draws: int) -> Judgement:
    wrong, errors = [], []
    for _ in range(draws):
        estimates = [case.redrawn(rng) for case in cases]
        wrong.append(_mean([half_distance(case.given, found) for case, found in zip(cases, estimates)]))
        errors.append(_mean([half_distance(case.estimate, found) for case, found in zip(cases, estimates)]))
    found = _mean([half_distance(case.given, case.estimate) for case in cases])
    high = sorted(wrong)[min(draws - 1, int(0.975 * draws))]
    return Judgement(
        found,
        # Noise makes a distance longer, never shorter: what the draws add above may as well be in it below.
        max(0.0, 2 * found - high),
        high,
        _mean(errors),
        _mean([case.uncontrolled for case in cases]),
    )


def half_distance(first: Sequence[float], second: Sequence[float]) -> float:
    """Half the L1 distance as a part of the whole, which both add up to."""
    return sum(abs(a - b) for a, b in zip(first, second)) / 2 / sum(second)


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)
