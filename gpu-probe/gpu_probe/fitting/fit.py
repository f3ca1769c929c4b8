"""Fits the hinge to measured steps: non-negative least squares for the costs, a grid for the knee.

Plain Python: there are six unknowns, so every subset of them is solved and the best one without a negative
cost is the exact non-negative solution. Floats stay here; what leaves is rounded to whole femtoseconds.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from ..sharing import Coefficients, Work

_FS_PER_NS = 1_000_000
_KNEES = (
    0,
    16,
    32,
    48,
    64,
    80,
    96,
    112,
    128,
    160,
    192,
    224,
    256,
    288,
    320,
    384,
    448,
    512,
    640,
    768,
    1024,
    1536,
)
_UNKNOWNS = 6


class Sample(NamedTuple):
    """A measured step: its rows and how long it took, nanoseconds."""

    rows: tuple[Work, ...]
    elapsed_ns: float


class Fit(NamedTuple):
    """``error`` is the mean relative error of the step times that the coefficients predict."""

    coefficients: Coefficients
    error: float
    samples: int


def fit(samples: Sequence[Sample], model: str, gpu_model: str, version: int = 1) -> Fit:
    """Coefficients that predict the samples' times best, by relative error. Raises ValueError without any
    sample."""
    used = [sample for sample in samples if sample.rows and sample.elapsed_ns > 0]
    if not used:
        raise ValueError("there is no measured step to fit")
    table = [_features(sample.rows) for sample in used]
    times = [sample.elapsed_ns for sample in used]
    best: tuple[float, list[float], int] | None = None
    for knee in _KNEES:
        design = [(1.0, max(0.0, row[0] - knee), *row[1:]) for row in table]
        loss, costs = _non_negative(design, times)
        if best is None or loss < best[0]:
            best = (loss, costs, knee)
    assert best is not None
    _, costs, knee = best
    error = 0.0
    for row, time in zip(table, times):
        predicted = sum(cost * value for cost, value in zip(costs, (1.0, max(0.0, row[0] - knee), *row[1:])))
        error += abs(predicted - time) / time
    whole = [round(cost * _FS_PER_NS) for cost in costs]
    fixed, token, prefill, decode, longest_prefill, longest_decode = whole
    coefficients = Coefficients(
        version, model, gpu_model, fixed, token, knee, prefill, decode, longest_prefill, longest_decode
    )
    return Fit(coefficients, error / len(used), len(used))


def predict(coefficients: Coefficients, rows: Sequence[Work]) -> float:
    """The step's time that the coefficients expect, nanoseconds."""
    tokens, pairs, contexts, longest_prefill, longest_decode = _features(rows)
    femtoseconds = coefficients.fixed_fs + coefficients.token_fs * max(
        0.0, tokens - coefficients.threshold_tokens
    )
    femtoseconds += coefficients.prefill_fs * pairs + coefficients.decode_fs * contexts
    femtoseconds += coefficients.longest_prefill_fs * longest_prefill
    return (femtoseconds + coefficients.longest_decode_fs * longest_decode) / _FS_PER_NS


def _features(rows: Sequence[Work]) -> tuple[float, float, float, float, float]:
    """New tokens, attended pairs of prompts, context of decoding rows, longest context of each."""
    tokens = pairs = contexts = 0.0
    longest_prefill = longest_decode = 0
    for new, context, prefill in rows:
        tokens += new
        if prefill:
            pairs += new * (2 * context - new + 1) / 2
            longest_prefill = max(longest_prefill, context)
        else:
            contexts += context
            longest_decode = max(longest_decode, context)
    return tokens, pairs, contexts, float(longest_prefill), float(longest_decode)


def _non_negative(design: Sequence[tuple[float, ...]], times: Sequence[float]) -> tuple[float, list[float]]:
    """Least squares of the relative errors under costs >= 0: the loss and the costs."""
    scales = [max(row[j] for row in design) or 1.0 for j in range(_UNKNOWNS)]
    gram = [[0.0] * _UNKNOWNS for _ in range(_UNKNOWNS)]
    right = [0.0] * _UNKNOWNS
    for row, time in zip(design, times):
        scaled = [value / scale / time for value, scale in zip(row, scales)]
        for i, value in enumerate(scaled):
            if value:
                right[i] += value
                line = gram[i]
                for j in range(i + 1):
                    line[j] += value * scaled[j]
    for i in range(_UNKNOWNS):
        for j in range(i):
            gram[j][i] = gram[i][j]
    best, best_costs = float(len(times)), [0.0] * _UNKNOWNS
    for subset in range(1, 1 << _UNKNOWNS):
        chosen = [j for j in range(_UNKNOWNS) if subset >> j & 1]
        solution = _solve([[gram[i][j] for j in chosen] for i in chosen], [right[i] for i in chosen])
        if solution is None or min(solution) < 0:
            continue
        loss = len(times) - sum(value * right[i] for value, i in zip(solution, chosen))
        if loss < best:
            best, best_costs = loss, [0.0] * _UNKNOWNS
            for value, j in zip(solution, chosen):
                best_costs[j] = value / scales[j]
    return best, best_costs


def _solve(matrix: list[list[float]], right: list[float]) -> list[float] | None:
    """Gauss-Jordan with row pivots; None where the columns do not tell the unknowns apart."""
    size = len(right)
    rows = [[*line, value] for line, value in zip(matrix, right)]
    largest = max(max(abs(value) for value in line) for line in matrix)
    for column in range(size):
        pivot = max(range(column, size), key=lambda line: abs(rows[line][column]))
        if abs(rows[pivot][column]) <= largest * 1e-12:
            return None
        rows[column], rows[pivot] = rows[pivot], rows[column]
        for line in range(size):
            if line != column:
                factor = rows[line][column] / rows[column][column]
                for at in range(column, size + 1):
                    rows[line][at] -= factor * rows[column][at]
    return [rows[line][size] / rows[line][line] for line in range(size)]
