"""Tells probes that they woke up in a child process."""

from __future__ import annotations

import os
import weakref
from typing import Protocol


class Forkable(Protocol):
    def forked(self) -> None:
        """In the child: its parent measures, and the GPU's context is not the child's."""
        ...


_living: weakref.WeakSet[Forkable] = weakref.WeakSet()


def tell_of_forks(forkable: Forkable) -> None:
    """For as long as it lives."""
    _living.add(forkable)


def _forked() -> None:
    for forkable in list(_living):
        forkable.forked()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forked)
