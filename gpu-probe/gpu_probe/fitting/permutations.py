"""Sampled permutations: Shapley shares of batches that have too many subsets to time each.

A batch is built up row by row in some orders, and every prefix is timed. A row's value is the mean of what it
adds. The fitted hinge is the control variate: its own values are known, so only the difference between
measured and predicted times is sampled. That is unbiased whatever the coefficients are.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from itertools import accumulate
from pathlib import Path
from typing import NamedTuple

from ..sharing import Coefficients, Work
from ..sharing.policy import staircase
from .coalitions import read_document
from .fit import Sample, predict

_NS_PER_MS = 1_000_000
_FS_PER_NS = 1_000_000
# Orders of which all cyclic shifts are taken for the hinge's own value.
_ORDERS = 256


class Run(NamedTuple):
    """One order of arrival. ``elapsed_ns[k]`` is the step with the first k + 1 rows of ``order``."""

    order: tuple[int, ...]
    elapsed_ns: tuple[float, ...]


class Sampled(NamedTuple):
    """A batch that was built up in several orders."""

    kind: str
    rows: tuple[Work, ...]
    runs: tuple[Run, ...]

    def samples(self) -> list[Sample]:
        """Every prefix as a measured step."""
        return [
            Sample(tuple(self.rows[row] for row in run.order[: length + 1]), elapsed)
            for run in self.runs
            for length, elapsed in enumerate(run.elapsed_ns)
        ]


def read_permutations(path: str | Path) -> list[Sampled]:
    """The sampled batches of a coalitions file (traces/README.md). Raises ValueError where an order is none
    of all rows, a time is missing or not positive, or the whole batch has two times."""
    document = read_document(path)
    found = []
    for number, case in enumerate(document["cases"]):
        if "permutations" not in case:
            continue
        where = f"{path}: case {number}"
        rows = tuple(Work(new, context, new > 1) for new, context in case["rows"])
        runs = [_run(given, len(rows), f"{where}, permutation {at}") for at, given in _given(case, where)]
        if len({run.elapsed_ns[-1] for run in runs}) > 1:
            raise ValueError(f"{where}: the whole batch has more than one time")
        found.append(Sampled(case["kind"], rows, tuple(runs)))
    return found


def _given(case: dict[str, list[dict[str, list[float]]]], where: str) -> enumerate[dict[str, list[float]]]:
    if not case["permutations"]:
        raise ValueError(f"{where} has no permutation")
    return enumerate(case["permutations"])


def _run(given: dict[str, list[float]], count: int, where: str) -> Run:
    order, times = given.get("order", []), given.get("ms", [])
    if sorted(order) != list(range(count)):
        raise ValueError(f"{where}: the order does not name each of {count} rows once")
    if len(times) != count or any(not isinstance(time, (int, float)) or time <= 0 for time in times):
        raise ValueError(f"{where}: there are not {count} times above 0")
    return Run(tuple(int(row) for row in order), tuple(time * _NS_PER_MS for time in times))


def balanced_orders(count: int, permutations: int, rng: random.Random) -> list[tuple[int, ...]]:
    """Orders in which rows meet positions about equally often: cyclic shifts of a random order, evenly
    spaced, every second one backwards; as long as there are rows left, another one is first. Where there are
    more permutations than rows, of several such orders."""
    orders: list[tuple[int, ...]] = []
    while len(orders) < permutations:
        base = rng.sample(range(count), count)
        block = min(count, permutations - len(orders))
        for number in range(block):
            at = number * count // block
            # Both ways from the same row: whoever comes first bears the floor, so each should once.
            forward = base[at:] + base[:at]
            orders.append((forward[0], *reversed(forward[1:])) if number % 2 else tuple(forward))
    return orders


def hinge_values(coefficients: Coefficients, rows: Sequence[Work]) -> list[float]:
    """Shapley values of the time that the coefficients expect, nanoseconds. In closed form but for the
    hinge itself, which is sampled where rows differ in tokens."""
    count = len(rows)
    # Of a batch whose rows are all one token long, all rows together pay the unit.
    unit = sum(staircase([1] * count))
    prompts = staircase([row.context_tokens if row.prefill else 0 for row in rows])
    decodes = staircase([0 if row.prefill else row.context_tokens for row in rows])
    hinge = _hinge_of_tokens([row.new_tokens for row in rows], coefficients.threshold_tokens)
    values = []
    for row, prompt, decode, past in zip(rows, prompts, decodes, hinge):
        own = (
            coefficients.prefill_fs * row.new_tokens * (2 * row.context_tokens - row.new_tokens + 1) / 2
            if row.prefill
            else coefficients.decode_fs * row.context_tokens
        )
        longest = (
            coefficients.longest_prefill_fs * prompt / unit + coefficients.longest_decode_fs * decode / unit
        )
        fixed = coefficients.fixed_fs / count
        values.append((fixed + own + longest + coefficients.token_fs * past) / _FS_PER_NS)
    return values


def _hinge_of_tokens(tokens: Sequence[int], threshold: int) -> list[float]:
    """Shapley values of the tokens past the threshold."""
    count, total = len(tokens), sum(tokens)
    if total <= threshold or len(set(tokens)) == 1:
        return [max(0, total - threshold) / count] * count
    rng = random.Random(1)
    sums = [0] * count
    for _ in range(_ORDERS):
        base = rng.sample(range(count), count)
        for shift in range(count):
            reached = 0
            for row in base[shift:] + base[:shift]:
                before, reached = reached, reached + tokens[row]
                if reached > threshold:
                    sums[row] += reached - max(before, threshold)
    return [value / (_ORDERS * count) for value in sums]


def contributions(case: Sampled, control: Coefficients | None) -> list[list[float]]:
    """What each permutation says of each row's value, nanoseconds; the mean over permutations is the
    estimate, and each adds up to the whole step. ``control`` is the control variate's coefficients, None for
    plain marginal times."""
    base = [0.0] * len(case.rows) if control is None else hinge_values(control, case.rows)
    found = []
    for run in case.runs:
        times: Sequence[float] = run.elapsed_ns
        if control is not None:
            prefixes = accumulate(([case.rows[row]] for row in run.order), lambda seen, row: seen + row)
            times = [time - predict(control, rows) for time, rows in zip(times, prefixes)]
        values = list(base)
        for row, before, after in zip(run.order, (0.0, *times), times):
            values[row] += after - before
        found.append(values)
    return found


def mean_values(given: Sequence[Sequence[float]]) -> list[float]:
    """The mean of each row over permutations."""
    return [sum(column) / len(given) for column in zip(*given)]
