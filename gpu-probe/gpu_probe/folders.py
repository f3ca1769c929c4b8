"""Folders and files of a probe's state. They name tenants and users, so they are their owner's alone: what
is made here has mode 0700 or 0600, whatever the umask allows."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path
from typing import IO, Any

FOLDER_MODE = 0o700
FILE_MODE = 0o600


def make_folder(path: Path) -> None:
    """Makes a folder and those above it that are missing. Raises OSError where one cannot be made."""
    if path.is_dir():
        return
    make_folder(path.parent)
    path.mkdir(FOLDER_MODE, exist_ok=True)


def open_file(path: Path, mode: str, buffering: int = -1) -> IO[Any]:
    """``open`` for writing; a file that it makes is readable by its owner alone."""
    return open(path, mode, buffering, opener=_owner_only)


def write_file(path: Path, data: bytes) -> None:
    """A whole file, readable by its owner alone."""
    with open_file(path, "wb") as file:
        file.write(data)


def check_owner(path: Path) -> None:
    """Raises PermissionError for a folder that another user owns, who could read and change what is in it.
    One that is not there yet is fine.

    A folder of root's is taken: volumes are mounted so, and root can do all that anyway.
    """
    try:
        owner = path.stat().st_uid
    except FileNotFoundError:
        return
    if owner not in (os.geteuid(), 0):
        raise PermissionError(
            f"{path} is owned by another user (uid {owner}, this process is uid {os.geteuid()}): "
            "use a folder of your own, or run as its owner"
        )


def lock_file(path: Path) -> int | None:
    """The exclusive lock of a file, which is made if need be, as a descriptor; None where another has it."""
    lock = os.open(path, os.O_RDWR | os.O_CREAT, FILE_MODE)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(lock)
        return None
    return lock


def _owner_only(path: str, flags: int) -> int:
    return os.open(path, flags, FILE_MODE)
