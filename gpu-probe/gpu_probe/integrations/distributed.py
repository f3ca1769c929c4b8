"""torch.distributed: what ranks wait for one another in collectives is reported as communication_ns."""

from __future__ import annotations

import inspect
from contextlib import AbstractContextManager
from functools import wraps
from typing import Any, Protocol

COLLECTIVES = (
    "all_gather",
    "all_gather_into_tensor",
    "all_reduce",
    "all_to_all",
    "all_to_all_single",
    "barrier",
    "broadcast",
    "gather",
    "recv",
    "reduce",
    "reduce_scatter",
    "reduce_scatter_tensor",
    "scatter",
    "send",
)


class CommunicationProbe(Protocol):
    """What of a probe is needed."""

    def communication(self) -> AbstractContextManager[None]: ...


def install(probe: CommunicationProbe) -> None:
    """Brackets the collectives of ``torch.distributed`` that are called inside a step, from here on; once.

    One called with ``async_op=True`` is bracketed where it is waited for: what it overlaps with computation
    is none of the step's communication. Collectives inside a CUDA graph run when it is replayed, unseen.

    Raises ImportError where there is no PyTorch.
    """
    import torch.distributed as distributed

    for name in COLLECTIVES:
        function = getattr(distributed, name, None)
        if function is None or hasattr(function, "gpu_probe"):
            continue
        setattr(distributed, name, _bracket(function, probe))


def uninstall() -> None:
    """The collectives as they were."""
    import torch.distributed as distributed

    for name in COLLECTIVES:
        function: Any = getattr(distributed, name, None)
        if hasattr(function, "gpu_probe"):
            setattr(distributed, name, function.__wrapped__)


def _bracket(function: Any, probe: CommunicationProbe) -> Any:
    parameters = list(inspect.signature(function).parameters)
    place = parameters.index("async_op") if "async_op" in parameters else None

    @wraps(function)
    def collective(*arguments: Any, **options: Any) -> Any:
        given = place is not None and len(arguments) > place and arguments[place]
        if given or options.get("async_op"):
            work = function(*arguments, **options)
            return None if work is None else _Work(work, probe)
        with probe.communication():
            return function(*arguments, **options)

    collective.gpu_probe = True  # type: ignore[attr-defined]
    return collective


class _Work:
    """A collective under way. What it can do beside being waited for, it does itself."""

    def __init__(self, work: Any, probe: CommunicationProbe) -> None:
        self._work = work
        self._probe = probe

    def wait(self, *arguments: Any, **options: Any) -> Any:
        with self._probe.communication():
            return self._work.wait(*arguments, **options)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._work, name)
