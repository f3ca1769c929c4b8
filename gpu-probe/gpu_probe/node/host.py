"""What the host says of a process: when it started, its control group, its numbers in inner namespaces."""

from __future__ import annotations

import os
from pathlib import Path
from typing import NamedTuple

from .cgroup import Group, parse_cgroup

_PROC = Path("/proc")
_START = 22  # the field of /proc/PID/stat, counted from 1
MPS_SERVER = "nvidia-cuda-mps"  # the kernel keeps 15 characters


class ProcessKey(NamedTuple):
    """Numbers of processes are used again; with the start, in clock ticks since the machine's, they are
    not."""

    pid: int
    start: int


class Host:
    """Reads ``/proc``; another folder in tests."""

    def __init__(self, proc: Path = _PROC) -> None:
        self._proc = proc

    def key(self, pid: int) -> ProcessKey | None:
        """The running process of that number, None where there is none."""
        start = read_start(self._proc, pid)
        return None if start is None else ProcessKey(pid, start)

    def name(self, pid: int) -> str:
        """Its program's name, at most 15 characters."""
        return (self._text(pid, "comm") or "").strip() or "unknown"

    def group(self, pid: int) -> Group:
        return parse_cgroup(self._text(pid, "cgroup") or "")

    def owner_uid(self, pid: int) -> int | None:
        try:
            return (self._proc / str(pid)).stat().st_uid
        except OSError:
            return None

    def inner_pids(self, pid: int) -> tuple[int, ...]:
        """Its numbers from the host's to the innermost namespace's."""
        for line in (self._text(pid, "status") or "").splitlines():
            if line.startswith("NSpid:"):
                return tuple(int(number) for number in line.split()[1:] if number.isdigit())
        return (pid,)

    def namespace(self, pid: int) -> str | None:
        """The namespace of process numbers, None where we may not ask."""
        return read_namespace(self._proc, pid)

    def _text(self, pid: int, name: str) -> str | None:
        try:
            return (self._proc / str(pid) / name).read_text(encoding="utf-8", errors="replace")
        except OSError:
            return None


def read_start(proc: Path, pid: int) -> int | None:
    """Field 22 of ``/proc/PID/stat``. The program's name, in brackets, may hold blanks and brackets."""
    try:
        text = (proc / str(pid) / "stat").read_text(encoding="utf-8", errors="replace")
        return int(text.rpartition(")")[2].split()[_START - 3])
    except (OSError, ValueError, IndexError):
        return None


def read_namespace(proc: Path, pid: int) -> str | None:
    """The name of a process's namespace of numbers, such as ``pid:[4026531836]``."""
    try:
        return os.readlink(proc / str(pid) / "ns" / "pid")
    except OSError:
        return None
