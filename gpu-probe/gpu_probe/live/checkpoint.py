"""The state of a journal's books in a file, so that the part of the journal that was read can go.

The file is a line of text, then JSON::

    GPCKP07 FINGERPRINT CRC32

FINGERPRINT stands for the classes and fields that the JSON is made of (snapshot.py), CRC32 for its bytes,
both in hexadecimal. A file of another version or with other fields, a damaged one, and one of another user's
are refused. Reading runs nothing and makes nothing but the classes declared here.
"""

from __future__ import annotations

import json
import os
import zlib
from pathlib import Path
from typing import NamedTuple

from ..accounting import Output
from ..folders import write_file
from ..journal import Place
from . import snapshot
from .books import Books, Terms
from .codecs import SnapshotError

VERSION = b"GPCKP07"
NAME = "checkpoint"


class CheckpointError(ValueError):
    """The file cannot be read on; the text says why."""


class Contents(NamedTuple):
    """What the file holds: how far the journal was read, and the books by then, where they have begun."""

    place: Place
    terms: Terms | None
    books: Books | None


def write_checkpoint(folder: Path, place: Place, books: Books | None) -> None:
    """Replaces the folder's checkpoint. Raises OSError where the disk does not take it; the old one stays."""
    document = {
        "place": snapshot.plain(Place, place),
        "terms": None if books is None else snapshot.plain(Terms, books.terms),
        "books": None if books is None else snapshot.take(books),
    }
    body = json.dumps(document, separators=(",", ":"), check_circular=False).encode("ascii")
    fresh = folder / f"{NAME}.new"
    write_file(fresh, _head(body) + body)
    os.replace(fresh, folder / NAME)


def read_checkpoint(folder: Path, output: Output) -> tuple[Place, Books | None] | None:
    """The place and the books, which go on giving out to ``output``; None where there is no checkpoint.

    Raises CheckpointError for a file that is not exactly what this version writes.
    """
    try:
        with open(folder / NAME, "rb") as file:
            owner = os.fstat(file.fileno()).st_uid
            data = file.read()
    except FileNotFoundError:
        return None
    if owner != os.geteuid():
        raise CheckpointError(
            f"{folder}: the checkpoint is owned by another user "
            f"(uid {owner}, this process is uid {os.geteuid()})"
        )
    head, _, body = data.partition(b"\n")
    if head + b"\n" != _head(body):
        raise CheckpointError(f"{folder}: the checkpoint is damaged or of another version of gpu-probe")
    try:
        return _parse(body, output)
    except (ValueError, RecursionError, OverflowError) as error:
        raise CheckpointError(f"{folder}: the checkpoint is not one of gpu-probe's ({error})") from error


def _parse(body: bytes, output: Output) -> tuple[Place, Books | None]:
    document = json.loads(body)
    if type(document) is not dict or document.keys() != {"place", "terms", "books"}:
        raise SnapshotError("a checkpoint is a place, terms and books")
    place: Place = snapshot.parse(Place, document["place"])
    if document["terms"] is None and document["books"] is None:
        return place, None
    books = Books(snapshot.parse(Terms, document["terms"]), output)
    snapshot.restore(books, document["books"])
    return place, books


def _head(body: bytes) -> bytes:
    fields = snapshot.fingerprint(Contents).encode("ascii")
    return b"%s %s %08x\n" % (VERSION, fields, zlib.crc32(body))
