"""The one place that divides a whole among parts."""

from __future__ import annotations

from collections.abc import Sequence


def share(total: int, weights: Sequence[int]) -> list[int]:
    """Splits ``total`` (at least 0) in proportion to integer ``weights`` (each at least 0) by largest
    remainder.

    The parts add up to ``total`` exactly, each is within 1 of its exact share, and of equal remainders the
    one that comes first wins; callers keep rows in the order in which the sessions were opened. All weights 0
    means equal parts.
    """
    count = len(weights)
    if count == 1:
        return [total]
    whole = sum(weights)
    if whole == 0:
        weights, whole = [1] * count, count
    parts: list[int] = []
    remainders: list[int] = []
    for weight in weights:
        part, remainder = divmod(total * weight, whole)
        parts.append(part)
        remainders.append(remainder)
    left = total - sum(parts)
    if left:
        # A stable descending sort keeps the first of equals in front.
        for index in sorted(range(count), key=remainders.__getitem__, reverse=True)[:left]:
            parts[index] += 1
    return parts
