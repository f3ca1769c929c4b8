"""Lengths of time that stretches cover."""

from __future__ import annotations

from collections.abc import Iterable


def union_ns(intervals: Iterable[tuple[int, int]]) -> int:
    """Length of what the intervals cover, each from its begin to its end."""
    covered, reached = 0, 0
    for begin, end in sorted(intervals):
        if end > reached:
            covered += end - max(begin, reached)
            reached = end
    return covered
