"""Who else works on a card: names for an alarm, never for a bill."""

from __future__ import annotations

import logging
import os
from pathlib import Path
from typing import Any

from ..labels import clean_label
from .session import Handle, session_of
from .utilization import ProcessUtilization

_log = logging.getLogger("gpu_probe")
_NAMES_MAX = 16
_PROC = Path("/proc")
# The kernel's number of the first namespace of processes, in which the driver counts them.
_FIRST_NAMESPACE = "pid:[4026531836]"


class Neighbours:
    """Processes other than this one that used the card.

    In a container the driver's numbers are the host's and this process does not know its own there. Of
    several numbers one may be this process's: then it is said that others are among them, and not which.
    """

    def __init__(self, nvml: Any, handle: Any, proc: Path = _PROC) -> None:
        session = session_of(nvml)
        try:
            uuid = nvml.nvmlDeviceGetUUID(handle)
            uuid = uuid.decode() if isinstance(uuid, bytes) else str(uuid)
        except (nvml.NVMLError, AttributeError):
            uuid = ""
        self._proc = proc
        self._processes = ProcessUtilization(nvml, Handle(session, handle, uuid))
        self._are_named = self._is_first_namespace()

    @property
    def reason(self) -> str | None:
        """Why the others are not known by name; None where they are."""
        if not self._processes.is_known:
            return "the driver tells no use per process of this card, as under MIG"
        if not self._are_named:
            return "the driver numbers processes as the host does: share its numbers (hostPID) for names"
        return None

    def read(self) -> tuple[str, ...]:
        """Those that used the card since the last call, each as ``1234:python3``, the busiest first, at most
        16; empty at the first call. Never raises."""
        try:
            percents = self._processes.read() or {}
        except Exception as error:
            # An alarm's text is no reason to stop what counts.
            _log.info("processes on the card are not known: %s", error)
            return ()
        working = [pid for pid in sorted(percents, key=lambda pid: -percents[pid]) if percents[pid]]
        if self._are_named:
            others = [pid for pid in working if pid != os.getpid()]
            return tuple(f"{pid}:{self._name(pid)}" for pid in others[:_NAMES_MAX])
        if len(working) < 2:
            return ()
        numbers = " ".join(str(pid) for pid in working[:_NAMES_MAX])
        return (f"{len(working) - 1} or more of the host's processes {numbers}",)

    def _name(self, pid: int) -> str:
        try:
            text = (self._proc / str(pid) / "comm").read_text(encoding="utf-8", errors="replace").strip()
        except OSError:
            text = ""
        return clean_label(text.replace(",", " ")) or "unknown"

    def _is_first_namespace(self) -> bool:
        try:
            return os.readlink(self._proc / "self" / "ns" / "pid") == _FIRST_NAMESPACE
        except OSError:
            return False
