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
from collections import OrderedDict, deque
from collections.abc import Sequence as AbstractSequence
from dataclasses import is_dataclass
from functools import cache
from operator import attrgetter
from typing import (
    Any,
    Callable,
    Dict,
    List,
    NamedTuple,
    Tuple,
    Union,
    get_args,
    get_origin,
    get_type_hints,
)

Write = Callable[["_Writer", Any], Any]
Read = Callable[["_Reader", Any], Any]
_SCALARS = (int, str, bool, float, type(None))
_CONTAINERS: Dict[Any, Callable[[Any], Any]] = {
    list: list,
    tuple: tuple,
    set: set,
    deque: deque,
    AbstractSequence: tuple,
}


class SnapshotError(ValueError):
    """The values are not those of the declared types."""


def describe(part: type) -> List[str]:
    """Every class that is kept of a part, with its fields and their types: one line per class, by name."""
    found: Dict[type, str] = {}

    def text(kind: Any) -> str:
        if get_origin(kind) is not None:
            inner = ", ".join("..." if argument is ... else text(argument) for argument in get_args(kind))
            return f"{'Union' if _is_optional(kind) else get_origin(kind).__name__}[{inner}]"
        if kind not in _SCALARS and kind not in found:
            found[kind] = ""
            fields = ", ".join(f"{name}: {text(of)}" for name, of in get_type_hints(kind).items())
            found[kind] = f"{kind.__name__}({fields})"
        return str(kind.__name__)

    text(part)
    return sorted(found.values())


@cache
def fingerprint(part: Any) -> str:
    """Changes whenever a field of what is kept is added, removed, renamed, moved or given another type."""
    return hashlib.sha256("\n".join(describe(part)).encode()).hexdigest()[:16]


def take(part: Any) -> Dict[str, Any]:
    """A part as plain values, with the objects that it refers to."""
    writer = _Writer()
    values = _write_fields(writer, part)
    return {"part": values, "objects": writer.tables()}


def restore(part: Any, document: Any) -> None:
    """Gives a part what ``take`` made of another one. Raises SnapshotError where that is not what its class
    declares; the part is of no use then."""
    if type(document) is not dict or document.keys() != {"part", "objects"}:
        raise SnapshotError("a snapshot is a part and its objects")
    reader = _Reader(type(part), document["objects"])
    _fill(reader, part, document["part"])


def plain(kind: type, value: Any) -> Any:
    """A value without objects as plain values."""
    return _codec(kind).write(_Writer(), value)


def parse(kind: type, values: Any) -> Any:
    """Reads what ``plain`` wrote. Raises SnapshotError where that is not what the class declares."""
    return _codec(kind).read(_Reader(kind, {}), values)


class Codec(NamedTuple):
    """``is_plain``: what is written is the value itself, as JSON writes it."""

    write: Write
    read: Read
    is_plain: bool = False
    is_scalar: bool = False


class _Writer:
    def __init__(self) -> None:
        self._numbers: Dict[int, int] = {}
        self._counts: Dict[type, int] = {}
        self._waiting: List[Any] = []

    def refer(self, item: Any) -> int:
        """The number that stands for an object."""
        number = self._numbers.get(id(item))
        if number is None:
            number = self._numbers[id(item)] = self._counts.get(type(item), 0)
            self._counts[type(item)] = number + 1
            self._waiting.append(item)
        return number

    def tables(self) -> Dict[str, List[Any]]:
        tables: Dict[str, List[Any]] = {}
        # Grows while it is read: an object may be the first to refer to another.
        for item in self._waiting:
            tables.setdefault(type(item).__name__, []).append(_write_fields(self, item))
        return tables


class _Reader:
    """Objects are made before they are filled, so that they can refer to each other."""

    def __init__(self, part: type, tables: Any) -> None:
        kinds = {kind.__name__: kind for kind in _objects_of(part)}
        if type(tables) is not dict or not tables.keys() <= kinds.keys():
            raise SnapshotError("there are objects of a class that is not kept")
        self._objects: Dict[type, List[Any]] = {kind: [] for kind in kinds.values()}
        for name, rows in tables.items():
            self._objects[kinds[name]] = [object.__new__(kinds[name]) for _ in _as_list(rows)]
        for name, rows in tables.items():
            for item, values in zip(self._objects[kinds[name]], rows):
                _fill(self, item, values)

    def find(self, kind: type, number: Any) -> Any:
        objects = self._objects[kind]
        if type(number) is not int or not 0 <= number < len(objects):
            raise SnapshotError(f"there is no {kind.__name__} {number!r}")
        return objects[number]


def _write_fields(writer: _Writer, item: Any) -> List[Any]:
    _, values_of, codecs = _layout_of(item)
    return [codec.write(writer, value) for codec, value in zip(codecs, values_of(item))]


def _fill(reader: _Reader, item: Any, values: Any) -> None:
    names, _, codecs = _layout_of(item)
    if len(_as_list(values)) != len(names):
        raise SnapshotError(f"a {type(item).__name__} has {len(names)} fields, not {len(values)}")
    for name, codec, value in zip(names, codecs, values):
        if codec is not _PART:
            setattr(item, name, codec.read(reader, value))
        elif getattr(item, name) is not None:
            _fill(reader, getattr(item, name), value)
        elif value is not None:
            raise SnapshotError(f"there is no {name} to fill")


def _layout_of(item: Any) -> Tuple[Tuple[str, ...], Callable[[Any], Tuple[Any, ...]], Tuple[Codec, ...]]:
    kind: Any = type(item)
    return _layout(kind)


@cache
def _layout(kind: Any) -> Tuple[Tuple[str, ...], Callable[[Any], Tuple[Any, ...]], Tuple[Codec, ...]]:
    hints = get_type_hints(kind)
    names = tuple(hints)
    getter: Any = attrgetter(*names)
    values_of = getter if len(names) > 1 else lambda item: (getter(item),)
    return names, values_of, tuple(_codec(hint) for hint in hints.values())


def _objects_of(part: Any) -> List[Any]:
    """The dataclasses among what is kept of a part."""
    seen: Dict[Any, None] = {}
    waiting: List[Any] = [part]
    while waiting:
        kind = waiting.pop()
        if get_origin(kind) is not None:
            waiting += [argument for argument in get_args(kind) if argument is not ...]
        elif kind not in _SCALARS and kind not in seen:
            seen[kind] = None
            waiting += get_type_hints(kind).values()
    return [kind for kind in seen if is_dataclass(kind)]


@cache
def _codec(kind: Any) -> Codec:
    origin = get_origin(kind)
    if kind in _SCALARS:
        return _scalar(kind)
    if origin is None:
        if issubclass(kind, tuple):
            return _value(kind)
        return _object(kind) if is_dataclass(kind) else _PART
    arguments = get_args(kind)
    if _is_optional(kind):
        inner = _codec(arguments[0])
        return inner if inner is _PART else _optional(inner)
    if origin in (dict, OrderedDict):
        return _mapping(origin, _codec(arguments[0]), _codec(arguments[1]))
    if origin is tuple and arguments[-1] is not ...:
        return _row(tuple(_codec(argument) for argument in arguments), tuple)
    return _container(_CONTAINERS[origin], _codec(arguments[0]), origin in (list, tuple))


def _scalar(kind: type) -> Codec:
    allowed = (int, float) if kind is float else (kind,)

    def read(reader: _Reader, value: Any) -> Any:
        if type(value) not in allowed:
            raise SnapshotError(f"{type(value).__name__} in place of {kind.__name__}")
        return value

    return Codec(_same, read, is_plain=True, is_scalar=True)


def _value(kind: Any) -> Codec:
    return _row(tuple(_codec(hint) for hint in get_type_hints(kind).values()), kind._make)


def _row(codecs: Tuple[Codec, ...], make: Callable[[Any], Any]) -> Codec:
    """A fixed number of values, each of its own type."""
    is_plain = all(codec.is_plain for codec in codecs)
    # Types of rows that were checked: thousands of rows have the same.
    passed = set()

    def write(writer: _Writer, row: Any) -> Any:
        return [codec.write(writer, value) for codec, value in zip(codecs, row)]

    def read(reader: _Reader, values: Any) -> Any:
        if len(_as_list(values)) != len(codecs):
            raise SnapshotError(f"{len(values)} values in place of {len(codecs)}")
        return make([codec.read(reader, value) for codec, value in zip(codecs, values)])

    def read_scalars(reader: _Reader, values: Any) -> Any:
        types = tuple(map(type, _as_list(values)))
        if types in passed:
            return make(values)
        row = read(reader, values)
        passed.add(types)
        return row

    all_scalar = all(codec.is_scalar for codec in codecs)
    return Codec(_same if is_plain else write, read_scalars if all_scalar else read, is_plain)


def _optional(inner: Codec) -> Codec:
    def write(writer: _Writer, value: Any) -> Any:
        return None if value is None else inner.write(writer, value)

    def read(reader: _Reader, value: Any) -> Any:
        return None if value is None else inner.read(reader, value)

    return Codec(_same if inner.is_plain else write, read, inner.is_plain, inner.is_scalar)


def _container(make: Callable[[Any], Any], inner: Codec, is_array: bool) -> Codec:
    def write(writer: _Writer, items: Any) -> Any:
        return list(items) if inner.is_plain else [inner.write(writer, item) for item in items]

    def read(reader: _Reader, values: Any) -> Any:
        return make([inner.read(reader, value) for value in _as_list(values)])

    is_plain = inner.is_plain and is_array
    return Codec(_same if is_plain else write, read, is_plain)


def _mapping(make: Callable[[Any], Any], key: Codec, value: Codec) -> Codec:
    """As a list of pairs: JSON has no keys but text."""

    def write(writer: _Writer, items: Any) -> Any:
        return [(key.write(writer, name), value.write(writer, item)) for name, item in items.items()]

    def read(reader: _Reader, values: Any) -> Any:
        pairs = map(_pair, _as_list(values))
        items = make((key.read(reader, name), value.read(reader, item)) for name, item in pairs)
        if len(items) != len(values):
            raise SnapshotError("a key is there twice")
        return items

    return Codec(write, read)


def _object(kind: Any) -> Codec:
    return Codec(_Writer.refer, lambda reader, number: reader.find(kind, number))


def _same(writer: _Writer, value: Any) -> Any:
    return value


def _write_part(writer: _Writer, part: Any) -> Any:
    return None if part is None else _write_fields(writer, part)


def _read_part(reader: _Reader, value: Any) -> Any:
    raise SnapshotError("a part stands only in a part")


_PART = Codec(_write_part, _read_part)


def _as_list(values: Any) -> List[Any]:
    if type(values) is not list:
        raise SnapshotError(f"{type(values).__name__} in place of a list")
    return values


def _pair(values: Any) -> Tuple[Any, Any]:
    if len(_as_list(values)) != 2:
        raise SnapshotError(f"{len(values)} values in place of a key and its value")
    return values[0], values[1]


def _is_optional(kind: Any) -> bool:
    return get_origin(kind) is Union
