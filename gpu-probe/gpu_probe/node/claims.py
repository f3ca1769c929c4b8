"""Claims: an instrumented process says that it reports a GPU's time itself, so that the node's agent leaves
it out.

A claim is the file ``/run/gpu-probe/GPU-UUID/PID-START.claim``; PID and START are the process's own, as it
sees them (in a container, those of its namespace). It holds ``{"pid_namespace": …}`` and counts while it is
renewed.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import time
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from .host import Host, ProcessKey, read_namespace, read_start

CLAIMS = Path("/run/gpu-probe")
FRESH_S = 10.0
_PROC = Path("/proc")
_NAME = re.compile(r"(\d{1,10})-(\d{1,20})\.claim")
_UUID = re.compile(r"(?:GPU|MIG)-[0-9A-Za-z-]{1,100}")
_CONTENT_BYTES = 4096


class Claim:
    """Held by a probe for one GPU: ``renew`` at every tick, ``release`` at the end. None of it raises or
    waits. Without an agent on the node (no folder) it does nothing, and is taken when the agent comes."""

    def __init__(self, gpu_uuid: str, folder: Path = CLAIMS) -> None:
        self._path: Path | None = None
        self._folder = folder
        start = read_start(_PROC, os.getpid())
        if start is not None and _UUID.fullmatch(gpu_uuid):
            self._path = folder / gpu_uuid / f"{os.getpid()}-{start}.claim"
        self.renew()

    def renew(self) -> None:
        """Says that this process still reports the GPU."""
        if self._path is None or not self._folder.is_dir():
            return
        try:
            os.utime(self._path, follow_symlinks=False)
        except OSError:
            with contextlib.suppress(OSError):
                self._take(self._path)

    def release(self) -> None:
        path, self._path = self._path, None
        if path is not None:
            with contextlib.suppress(OSError):
                path.unlink()

    def _take(self, path: Path) -> None:
        content = json.dumps({"pid_namespace": read_namespace(_PROC, os.getpid())}).encode()
        path.parent.mkdir(mode=0o1777, exist_ok=True)
        file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o644)
        try:
            os.write(file, content)
        finally:
            os.close(file)


class _Held(NamedTuple):
    pid: int
    start: int
    uid: int
    namespace: str | None


def make_folders(folder: Path, gpu_uuids: Iterable[str]) -> None:
    """The agent's part: folders that any user may put claims in, and take out his own only. Raises
    OSError."""
    for path in (folder, *(folder / uuid for uuid in gpu_uuids)):
        path.mkdir(parents=True, exist_ok=True)
        path.chmod(0o1777)


def claimed(folder: Path, gpu_uuid: str, keys: Iterable[ProcessKey], host: Host) -> set[ProcessKey]:
    """Those of the processes that report the GPU themselves.

    A claim counts for ten seconds after it was renewed, and for a process of the user who owns the file (or
    root's file): nobody claims another's process.
    """
    held = _read(folder / gpu_uuid)
    if not held:
        return set()
    return {key for key in keys if any(_matches(claim, key, host) for claim in held)}


def _matches(claim: _Held, key: ProcessKey, host: Host) -> bool:
    if claim.start != key.start or claim.pid not in (key.pid, *host.inner_pids(key.pid)):
        return False
    if claim.uid not in (0, host.owner_uid(key.pid)):
        return False
    namespace = host.namespace(key.pid)
    return claim.namespace is None or namespace is None or claim.namespace == namespace


def _read(folder: Path) -> list[_Held]:
    found: list[_Held] = []
    now = time.time()
    with contextlib.suppress(OSError), os.scandir(folder) as files:
        for file in files:
            name = _NAME.fullmatch(file.name)
            with contextlib.suppress(OSError):
                status = file.stat(follow_symlinks=False)
                # A date in the future would count for ever.
                if name and file.is_file(follow_symlinks=False) and abs(now - status.st_mtime) <= FRESH_S:
                    found.append(_Held(int(name[1]), int(name[2]), status.st_uid, _namespace(file.path)))
    return found


def _namespace(path: str) -> str | None:
    try:
        file = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
        try:
            document = json.loads(os.read(file, _CONTENT_BYTES))
        finally:
            os.close(file)
    except (OSError, ValueError):
        return None
    namespace = document.get("pid_namespace") if isinstance(document, dict) else None
    return namespace if isinstance(namespace, str) else None
