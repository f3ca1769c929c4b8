"""Where the books are kept while a probe lives."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

from ..accounting import Output
from ..folders import check_owner, lock_file, make_folder, open_file
from ..journal import JournalError
from ..publish.spool import Spool
from ..wal import Wal
from .service import Service
from .watch import Repeating

_PAUSE_S = 0.05
_BACKLOG = 1000


class Runner(Protocol):
    """``journals`` is the folder the probe writes to."""

    journals: Path

    def start(self) -> None: ...

    def stop(self, timeout_s: float) -> None:
        """The journals are closed: returns when they are booked, or after so long."""
        ...

    def detach(self) -> None:
        """In a forked child: nothing of this is ours."""
        ...


class StateFolder:
    """A folder of one process at a time; the lock is free again when it dies."""

    def __init__(self, path: str | Path | None) -> None:
        found = path or os.environ.get("GPU_PROBE_STATE_DIR")
        self.path = Path(found) if found else Path(tempfile.mkdtemp(prefix="gpu-probe-"))
        self.journals = self.path / "journals"
        make_folder(self.path)
        check_owner(self.path)
        make_folder(self.journals)
        self._lock = lock_file(self.path / "probe.lock")
        if self._lock is None:
            raise JournalError(f"{self.path} belongs to another process; give each its own state_dir")

    def release(self) -> None:
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None


class JournalOnlyRunner:
    """Only the journal: a process that is not ours reads it."""

    def __init__(self, state: StateFolder) -> None:
        self.journals = state.journals
        self._state = state

    def start(self) -> None:
        return

    def stop(self, timeout_s: float) -> None:
        self._state.release()

    def detach(self) -> None:
        self._state.release()


class ThreadRunner:
    """Books in a thread of this process."""

    def __init__(self, state: StateFolder, output: Output | None) -> None:
        self.journals = state.journals
        self._state = state
        self._wal = None if output is not None else Wal(state.path / "wal" / "0")
        if output is None:
            assert self._wal is not None
            output = Spool(self._wal)
        self._service = Service(state.journals, output)
        self._thread: Repeating | None = None

    def start(self) -> None:
        self._thread = Repeating("gpu-probe-books", self._poll, 0.0)

    def _poll(self) -> None:
        try:
            self._service.poll()
        finally:
            self._service.wait(_PAUSE_S)

    def stop(self, timeout_s: float) -> None:
        if self._thread is not None:
            self._thread.stop(timeout_s)
        self._service.poll()
        self._service.close()
        if self._wal is not None:
            self._wal.close()
        self._state.release()

    def detach(self) -> None:
        self._service.detach()
        self._state.release()


class ProcessRunner:
    """Books in a process beside this one, which outlives it for as long as there is something to book."""

    def __init__(self, state: StateFolder, options: Sequence[str]) -> None:
        self.journals = state.journals
        self._state = state
        self._options = options
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        root = str(Path(__file__).resolve().parents[2])
        path = os.pathsep.join(part for part in (root, os.environ.get("PYTHONPATH")) if part)
        with open_file(self._state.path / "meter.log", "ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "gpu_probe", "meter", str(self._state.path), *self._options],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env={**os.environ, "PYTHONPATH": path, "CUDA_VISIBLE_DEVICES": ""},
                # Its parent's Ctrl-C is not for it: it has that one's last steps to book.
                start_new_session=True,
            )

    def stop(self, timeout_s: float) -> None:
        self._state.release()
        if self._process is not None:
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(timeout_s)

    def detach(self) -> None:
        self._state.release()
        self._process = None


def make_runner(
    mode: str, state_dir: str | Path | None, output: Output | None, options: Sequence[str]
) -> Runner:
    """``mode`` is process, thread or later."""
    if mode not in ("process", "thread", "later"):
        raise ValueError(f"accounting is process, thread or later, not {mode!r}")
    state = StateFolder(state_dir)
    if mode == "later":
        return JournalOnlyRunner(state)
    if mode == "thread":
        return ThreadRunner(state, output)
    return ProcessRunner(state, options)


def follow(state_dir: Path, service: Service, pause_s: float = _PAUSE_S) -> None:
    """Books until the state folder's process is gone and nothing of it is left to book."""
    while True:
        gone = _is_free(state_dir / "probe.lock")
        busy = service.poll()
        if gone and not busy and not service.open:
            return
        # A backlog is read through; else what comes in gathers a little, or until somebody asks.
        service.wait(pause_s if busy < _BACKLOG else 0.0)


def _is_free(path: Path) -> bool:
    lock = lock_file(path)
    if lock is None:
        return False
    os.close(lock)
    return True
