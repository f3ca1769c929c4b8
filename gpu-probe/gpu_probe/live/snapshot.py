"""Turns objects into plain values (numbers, text, lists) and back, by the types that their classes declare.

What a class declares in its body is what is kept of it, in that order. Nothing else is written, and reading
makes objects of no other classes, without calling anything of theirs. There are three kinds of classes:

- a **value** (NamedTuple) stands where it is used;
- an **object** (dataclass) may be shared, and objects may refer to each other: each is written once, in a
  table of its class, and its number stands for it;
- a **part** (any other class) works with others that are not kept: reading fills one that is there already.
"""

from __future__ import annotations

import hashlib
from dataclasses import is_dataclass
from functools import cache
from typing import Any, get_args, get_origin, get_type_hints

from .codecs import SCALARS, SnapshotError, as_list, codec_of, fill, is_optional, write_fields


def describe(kept: Any) -> list[str]:
    """Every class that is kept with a class, with its fields and their types: one line per class, by name."""
    found: dict[Any, str] = {}

    def text(kind: Any) -> str:
        if kind is None or kind is ...:
            return str(kind)
        if is_optional(kind):
            return f"{text(get_args(kind)[0])} or None"
        if get_origin(kind) is not None:
            return f"{get_origin(kind).__name__}[{', '.join(map(text, get_args(kind)))}]"
        if kind not in SCALARS and kind not in found:
            found[kind] = ""
            fields = ", ".join(f"{name}: {text(of)}" for name, of in get_type_hints(kind).items())
            found[kind] = f"{kind.__name__}({fields})"
        return str(kind.__name__)

    text(kept)
    return sorted(found.values())


@cache
def fingerprint(kept: Any) -> str:
    """Changes whenever a field of what is kept is added, removed, renamed, moved or given another type."""
    return hashlib.sha256("\n".join(describe(kept)).encode()).hexdigest()[:16]


def take(part: Any) -> dict[str, Any]:
    """A part as plain values, with the objects that it refers to."""
    writer = _Writer()
    values = write_fields(writer, part)
    return {"part": values, "objects": writer.tables()}


def restore(part: Any, document: Any) -> None:
    """Gives a part what ``take`` made of another one. Raises SnapshotError where that is not what its class
    declares; the part is of no use then."""
    if type(document) is not dict or document.keys() != {"part", "objects"}:
        raise SnapshotError("a snapshot is a part and its objects")
    fill(_Reader(type(part), document["objects"]), part, document["part"])


def plain(kind: Any, value: Any) -> Any:
    """A value without objects as plain values."""
    return codec_of(kind).write(_Writer(), value)


def parse(kind: Any, values: Any) -> Any:
    """Reads what ``plain`` wrote. Raises SnapshotError where that is not what the class declares."""
    return codec_of(kind).read(_Reader(kind, {}), values)


class _Writer:
    def __init__(self) -> None:
        self._numbers: dict[int, int] = {}
        self._counts: dict[type, int] = {}
        self._waiting: list[Any] = []

    def refer(self, item: Any) -> int:
        number = self._numbers.get(id(item))
        if number is None:
            number = self._numbers[id(item)] = self._counts.get(type(item), 0)
            self._counts[type(item)] = number + 1
            self._waiting.append(item)
        return number

    def tables(self) -> dict[str, list[Any]]:
        tables: dict[str, list[Any]] = {}
        # Grows while it is read: an object may be the first to refer to another.
        for item in self._waiting:
            tables.setdefault(type(item).__name__, []).append(write_fields(self, item))
        return tables


class _Reader:
    """Objects are made before they are filled, so that they can refer to each other."""

    def __init__(self, kept: Any, tables: Any) -> None:
        kinds = {kind.__name__: kind for kind in _objects_of(kept)}
        if type(tables) is not dict or not tables.keys() <= kinds.keys():
            raise SnapshotError("there are objects of a class that is not kept")
        self._objects: dict[type, list[Any]] = {kind: [] for kind in kinds.values()}
        for name, rows in tables.items():
            self._objects[kinds[name]] = [object.__new__(kinds[name]) for _ in as_list(rows)]
        for name, rows in tables.items():
            for item, values in zip(self._objects[kinds[name]], rows):
                fill(self, item, values)

    def find(self, kind: type, number: Any) -> Any:
        objects = self._objects[kind]
        if type(number) is not int or not 0 <= number < len(objects):
            raise SnapshotError(f"there is no {kind.__name__} {number!r}")
        return objects[number]


def _objects_of(kept: Any) -> list[Any]:
    """The dataclasses among what is kept with a class."""
    seen: dict[Any, None] = {}
    waiting: list[Any] = [kept]
    while waiting:
        kind = waiting.pop()
        if get_origin(kind) is not None:
            waiting += get_args(kind)
        elif kind not in (*SCALARS, type(None), ...) and kind not in seen:
            seen[kind] = None
            waiting += get_type_hints(kind).values()
    return [kind for kind in seen if is_dataclass(kind)]
