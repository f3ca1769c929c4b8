"""Measured coalitions: the time of every subset of a small batch, and with it each row's true Shapley
share."""

from __future__ import annotations

import gzip
import json
from collections.abc import Sequence
from math import factorial
from pathlib import Path
from typing import Any, NamedTuple

from ..sharing import Policy, Work
from .fit import Sample

_NS_PER_MS = 1_000_000


class Case(NamedTuple):
    """A batch whose subsets were all timed. ``elapsed_ns[mask]`` is the step with the rows whose bit is set;
    [0] is 0."""

    kind: str
    rows: tuple[Work, ...]
    elapsed_ns: tuple[float, ...]

    def samples(self) -> list[Sample]:
        """Every subset as a measured step."""
        return [
            Sample(tuple(row for bit, row in enumerate(self.rows) if mask >> bit & 1), elapsed)
            for mask, elapsed in enumerate(self.elapsed_ns)
            if mask
        ]


def read_document(path: str | Path) -> dict[str, Any]:
    """The JSON of a coalitions file, packed by gzip where its name ends with ``.gz``."""
    content = Path(path).read_bytes()
    document: dict[str, Any] = json.loads(gzip.decompress(content) if str(path).endswith(".gz") else content)
    return document


def read_coalitions(path: str | Path) -> list[Case]:
    """The batches of a coalitions file (traces/README.md) whose subsets were all timed; those that were
    sampled are ``read_permutations``'s. Raises ValueError where a subset is missing or not positive."""
    document = read_document(path)
    cases = []
    for number, case in enumerate(document["cases"]):
        if "permutations" in case:
            continue
        # A row of one new token is decoding, more is a prompt: the file has no other mark.
        rows = tuple(Work(new, context, new > 1) for new, context in case["rows"])
        times = [0.0]
        for mask in range(1, 1 << len(rows)):
            elapsed = case["ms"].get(str(mask))
            if not isinstance(elapsed, (int, float)) or elapsed <= 0:
                raise ValueError(f"{path}: case {number} has no time for subset {mask}")
            times.append(elapsed * _NS_PER_MS)
        cases.append(Case(case["kind"], rows, tuple(times)))
    return cases


def shapley(case: Case) -> list[float]:
    """Each row's Shapley value, nanoseconds: its mean marginal time over all orders of arrival."""
    count = len(case.rows)
    values = [0.0] * count
    for row in range(count):
        for mask in range(1 << count):
            if mask >> row & 1:
                continue
            size = bin(mask).count("1")
            chance = factorial(size) * factorial(count - size - 1) / factorial(count)
            values[row] += chance * (case.elapsed_ns[mask | 1 << row] - case.elapsed_ns[mask])
    return values


def judge(cases: Sequence[Case], policy: Policy) -> dict[str, float]:
    """Mean part of a step that the policy puts on the wrong row, by kind of batch: half the L1 distance from
    the Shapley shares, 0 to 1."""
    errors: dict[str, list[float]] = {}
    for case in cases:
        truth = shapley(case)
        whole = sum(truth)
        weights = policy.weights(case.rows)
        total = sum(weights)
        wrong = sum(abs(value / whole - weight / total) for value, weight in zip(truth, weights)) / 2
        errors.setdefault(case.kind, []).append(wrong)
    return {kind: sum(values) / len(values) for kind, values in sorted(errors.items())}
