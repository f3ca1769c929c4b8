"""Tells probes of what happens to their process: its end, and that they woke up in a child of it."""

from __future__ import annotations

import atexit
import os
import weakref
from typing import Protocol


class ProcessListener(Protocol):
    def close(self) -> None:
        """The process ends in good order and nobody closed it. Again, it does nothing."""
        ...

    def forked(self) -> None:
        """In the child: its parent measures, and the GPU's context is not the child's."""
        ...


_listeners: weakref.WeakSet[ProcessListener] = weakref.WeakSet()


def follow_process(living: ProcessListener) -> None:
    """For as long as it lives."""
    _listeners.add(living)


def _forked() -> None:
    for living in list(_listeners):
        living.forked()


def _ends() -> None:
    for living in list(_listeners):
        living.close()


atexit.register(_ends)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forked)
