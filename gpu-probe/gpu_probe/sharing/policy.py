"""Sharing policies: named, versioned, exact.

A policy turns the rows of a step into integer weights; ``remainder.share`` turns weights into nanoseconds.
Weights are integers, so the same rows give the same bill on every machine. The label (``name@version``) is
printed on each event.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from math import lcm
from typing import NamedTuple, Protocol

from .coefficients import Coefficients, shipped_coefficients


class Work(NamedTuple):
    """One session's part in one step.

    ``new_tokens`` were computed in the step (at least 0), ``context_tokens`` are in its context after it (not
    fewer); ``prefill`` is true while the prompt is being processed.
    """

    new_tokens: int
    context_tokens: int
    prefill: bool


class Policy(Protocol):
    """A way to share a step. ``label`` changes whenever the weights of any step would."""

    @property
    def label(self) -> str: ...

    def weights(self, rows: Sequence[Work]) -> list[int]:
        """One weight per row, at least 0, in any unit."""
        ...


class Equal:
    """Every session in the step the same. Right for models whose rows all cost the same (images, fixed
    shapes)."""

    label = "equal@1"

    def weights(self, rows: Sequence[Work]) -> list[int]:
        return [1] * len(rows)


class Tokens:
    """In proportion to the tokens computed in the step."""

    label = "tokens@1"

    def weights(self, rows: Sequence[Work]) -> list[int]:
        return [row.new_tokens for row in rows]


class StaticShapley:
    """Exact Shapley value of a padded batch in which every row waits for the longest; a row is ``new_tokens``
    long."""

    label = "static-shapley@1"

    def weights(self, rows: Sequence[Work]) -> list[int]:
        return staircase([row.new_tokens for row in rows])


class FittedHinge:
    """Fixed cost in equal parts, time past the compute knee by tokens, attention by its own drivers.

    With T new tokens in a step of n rows::

        weight_i = A/n + k * max(0, T - T0) * T_i/T
                 + (prefill: a * T_i * mean context_i | decode: b * context_i)
                 + (longest context among the rows of the phase) * c, shared as a staircase

    taken times 2nT (and the staircase's unit), so that it is a whole number. Coefficients are integers in
    femtoseconds.
    """

    def __init__(self, coefficients: Coefficients) -> None:
        self.coefficients = coefficients
        self.label = f"fitted-hinge@{coefficients.label}"

    def weights(self, rows: Sequence[Work]) -> list[int]:
        fit = self.coefficients
        count = len(rows)
        total = 0
        for row in rows:
            total += row.new_tokens
        scale = count * (total or 1)
        fixed = 2 * fit.fixed_fs * (total or 1)
        per_token = 2 * count * fit.token_fs * max(0, total - fit.threshold_tokens)
        prefill = fit.prefill_fs * scale
        decode = 2 * fit.decode_fs * scale
        weights = [
            fixed + new * (per_token + prefill * (2 * context - new + 1))
            if is_prefill
            else fixed + new * per_token + decode * context
            for new, context, is_prefill in rows
        ]
        if not fit.longest_prefill_fs and not fit.longest_decode_fs:
            return weights
        unit = _unit(count)
        longest_prefill, longest_decode = (
            2 * scale * fit.longest_prefill_fs,
            2 * scale * fit.longest_decode_fs,
        )
        prompts = staircase([row.context_tokens if row.prefill else 0 for row in rows])
        decodes = staircase([0 if row.prefill else row.context_tokens for row in rows])
        return [
            unit * weight + longest_prefill * prompt + longest_decode * other
            for weight, prompt, other in zip(weights, prompts, decodes)
        ]


def staircase(lengths: Sequence[int]) -> list[int]:
    """Shapley values of the longest length, times the least common multiple of 1 to n: the airport game's
    closed form.

    Each unit of length is shared equally by the rows that are at least that long. They add up to the longest
    length times that multiple.
    """
    count = len(lengths)
    unit = _unit(count)
    values = [0] * count
    reached = paid = 0
    for position, index in enumerate(sorted(range(count), key=lengths.__getitem__)):
        length = lengths[index]
        if length != reached:
            paid += (length - reached) * (unit // (count - position))
            reached = length
        values[index] = paid
    return values


@cache
def _unit(count: int) -> int:
    return lcm(*range(1, count + 1))


POLICIES: dict[str, Callable[[Coefficients | None], Policy]] = {
    "equal": lambda _: Equal(),
    "tokens": lambda _: Tokens(),
    "static-shapley": lambda _: StaticShapley(),
    "fitted-hinge": lambda coefficients: FittedHinge(coefficients or shipped_coefficients()),
}


def make_policy(name: str, coefficients: Coefficients | None = None) -> Policy:
    """The policy of that name. Raises ValueError with the known names for another.

    ``coefficients`` are for ``fitted-hinge`` only; without them it takes those shipped with the package.
    """
    if name not in POLICIES:
        raise ValueError(f"no sharing policy {name!r}; there are {', '.join(sorted(POLICIES))}")
    return POLICIES[name](coefficients)
