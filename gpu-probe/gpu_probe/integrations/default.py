"""The process's own probe, for frameworks that load plug-ins and give them no arguments."""

from __future__ import annotations

import threading

from ..protocol import ProbeLike

_lock = threading.Lock()
_probe: ProbeLike | None = None


def set_probe(probe: ProbeLike | None) -> None:
    """Makes a probe the process's own; integrations that were given none use it from their next request
    on."""
    global _probe
    with _lock:
        _probe = probe


def get_probe() -> ProbeLike:
    """The process's own probe, made from the environment (``gpu_probe.environment``) where none was set."""
    global _probe
    with _lock:
        if _probe is None:
            from ..environment import probe_from_environment

            _probe = probe_from_environment()
        return _probe
