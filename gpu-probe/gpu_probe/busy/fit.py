"""Weighted least absolute deviations."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

_ROUNDS = 12
SWEEPS = 30
CLOSE_NS = 500_000.0


class Row(NamedTuple):
    """The steps of each class in a tick, what they worked, and how much the tick says."""

    steps: dict[str, float]
    busy_ns: float
    trust: float


def least_deviations(rows: Sequence[Row], start: Mapping[str, float]) -> dict[str, float]:
    """The busy time of a step of each class, not below 0, by least squares in rounds."""
    values = dict(start)
    weights = [row.trust for row in rows]
    for _ in range(_ROUNDS):
        _least_squares(rows, weights, values)
        weights = [row.trust * CLOSE_NS / max(CLOSE_NS, abs(_rest(row, values))) for row in rows]
    return values


def _least_squares(rows: Sequence[Row], weights: Sequence[float], values: dict[str, float]) -> None:
    for _ in range(SWEEPS):
        moved = 0.0
        for cls in values:
            top = bottom = 0.0
            for row, weight in zip(rows, weights):
                own = row.steps.get(cls)
                if own is not None:
                    top += weight * own * _rest(row, values, cls)
                    bottom += weight * own * own
            if bottom > 1e-12:
                value = max(0.0, top / bottom)
                moved = max(moved, abs(value - values[cls]))
                values[cls] = value
        if moved < 1.0:
            return


def _rest(row: Row, values: Mapping[str, float], without: str | None = None) -> float:
    """What the steps, but for those of one class, do not explain."""
    return row.busy_ns - sum(steps * values[cls] for cls, steps in row.steps.items() if cls != without)
