"""Lets probes know of their process: that it ends, or that they are now in a child of it."""

from __future__ import annotations

import atexit
import os
import weakref
from typing import Protocol


class ProcessListener(Protocol):
    """Takes part in the life of its process."""

    def close(self) -> None:
        """The process ends in good order and nobody closed it. Again, it does nothing."""
        ...

    def forked(self) -> None:
        """In the child: its parent measures, and the GPU's context is not the child's."""
        ...


_listeners: weakref.WeakSet[ProcessListener] = weakref.WeakSet()


def follow_process(listener: ProcessListener) -> None:
    """Tells the listener of the process, for as long as the listener is alive."""
    _listeners.add(listener)


def _forked() -> None:
    for listener in list(_listeners):
        listener.forked()


def _ends() -> None:
    for listener in list(_listeners):
        listener.close()


atexit.register(_ends)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forked)
