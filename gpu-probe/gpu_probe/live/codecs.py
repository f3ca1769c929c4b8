"""How a snapshot writes and reads a value of each declared type. Whatever is read is checked."""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Callable
from collections.abc import Sequence as AbstractSequence
from dataclasses import is_dataclass
from functools import cache
from operator import attrgetter
from types import UnionType
from typing import (
    Any,
    NamedTuple,
    Protocol,
    Union,
    get_args,
    get_origin,
    get_type_hints,
)

SCALARS = (int, str, bool, float, None)
_CONTAINERS: dict[Any, Callable[[Any], Any]] = {
    list: list,
    tuple: tuple,
    set: set,
    deque: deque,
    AbstractSequence: tuple,
}


class SnapshotError(ValueError):
    """The values are not those of the declared types."""


class Writer(Protocol):
    """Numbers the objects that are referred to."""

    def refer(self, item: Any) -> int:
        """The number that stands for an object."""
        ...


class Reader(Protocol):
    """Knows the objects by their numbers."""

    def find(self, kind: type, number: Any) -> Any:
        """The object of a class that a number stands for. Raises SnapshotError where there is none."""
        ...


class Codec(NamedTuple):
    """``is_plain``: what is written is the value itself, as JSON writes it."""

    write: Callable[[Writer, Any], Any]
    read: Callable[[Reader, Any], Any]
    is_plain: bool = False
    is_scalar: bool = False


class Layout(NamedTuple):
    """The fields of a class: their names, a function that gets all their values, and their codecs."""

    names: tuple[str, ...]
    values_of: Callable[[Any], tuple[Any, ...]]
    codecs: tuple[Codec, ...]


def write_fields(writer: Writer, item: Any) -> list[Any]:
    """The fields of an object or a part."""
    layout = _layout(item.__class__)
    return [codec.write(writer, value) for codec, value in zip(layout.codecs, layout.values_of(item))]


def fill(reader: Reader, item: Any, values: Any) -> None:
    """Sets all fields of an object or a part. Raises SnapshotError where they are not what it declares."""
    names, _, codecs = _layout(item.__class__)
    if len(as_list(values)) != len(names):
        raise SnapshotError(f"a {type(item).__name__} has {len(names)} fields, not {len(values)}")
    for name, codec, value in zip(names, codecs, values):
        if codec is not _PART:
            setattr(item, name, codec.read(reader, value))
        elif getattr(item, name) is not None:
            fill(reader, getattr(item, name), value)
        elif value is not None:
            raise SnapshotError(f"there is no {name} to fill")


@cache
def codec_of(kind: Any) -> Codec:
    """The codec of a declared type."""
    origin, arguments = get_origin(kind), get_args(kind)
    if kind in SCALARS:
        return _scalar(kind)
    if origin is None:
        if issubclass(kind, tuple):
            return _value(kind)
        return _object(kind) if is_dataclass(kind) else _PART
    if is_optional(kind):
        inner = codec_of(arguments[0])
        return inner if inner is _PART else _optional(inner)
    if origin in (dict, OrderedDict):
        return _mapping(origin, codec_of(arguments[0]), codec_of(arguments[1]))
    if origin is tuple and arguments[-1] is not ...:
        return _row(tuple(codec_of(argument) for argument in arguments), tuple)
    return _container(_CONTAINERS[origin], codec_of(arguments[0]), origin in (list, tuple))


def is_optional(kind: Any) -> bool:
    """The only union that is kept is one with None."""
    return get_origin(kind) in (Union, UnionType)


def as_list(values: Any) -> list[Any]:
    """The values, where they are a list. Raises SnapshotError where not."""
    if type(values) is not list:
        raise SnapshotError(f"{type(values).__name__} in place of a list")
    return values


@cache
def _layout(kind: Any) -> Layout:
    hints = get_type_hints(kind)
    getter: Any = attrgetter(*hints)
    values_of = getter if len(hints) > 1 else lambda item: (getter(item),)
    return Layout(tuple(hints), values_of, tuple(codec_of(hint) for hint in hints.values()))


def _scalar(kind: Any) -> Codec:
    allowed = (int, float) if kind is float else (type(None) if kind is None else kind,)

    def read(reader: Reader, value: Any) -> Any:
        if type(value) not in allowed:
            raise SnapshotError(f"{type(value).__name__} in place of {allowed[0].__name__}")
        return value

    return Codec(_same, read, is_plain=True, is_scalar=True)


def _value(kind: Any) -> Codec:
    return _row(tuple(codec_of(hint) for hint in get_type_hints(kind).values()), kind._make)


def _row(codecs: tuple[Codec, ...], make: Callable[[Any], Any]) -> Codec:
    """A fixed number of values, each of its own type."""
    is_plain = all(codec.is_plain for codec in codecs)
    is_scalar = all(codec.is_scalar for codec in codecs)
    # Types of rows of scalars that were checked: thousands of rows have the same.
    accepted: set[tuple[type, ...]] = set()

    def write(writer: Writer, row: Any) -> Any:
        return [codec.write(writer, value) for codec, value in zip(codecs, row)]

    def read(reader: Reader, values: Any) -> Any:
        if len(as_list(values)) != len(codecs):
            raise SnapshotError(f"{len(values)} values in place of {len(codecs)}")
        return make([codec.read(reader, value) for codec, value in zip(codecs, values)])

    def read_scalars(reader: Reader, values: Any) -> Any:
        types = tuple(map(type, as_list(values)))
        if types in accepted:
            return make(values)
        row = read(reader, values)
        accepted.add(types)
        return row

    return Codec(_same if is_plain else write, read_scalars if is_scalar else read, is_plain)


def _optional(inner: Codec) -> Codec:
    def write(writer: Writer, value: Any) -> Any:
        return None if value is None else inner.write(writer, value)

    def read(reader: Reader, value: Any) -> Any:
        return None if value is None else inner.read(reader, value)

    return Codec(_same if inner.is_plain else write, read, inner.is_plain, inner.is_scalar)


def _container(make: Callable[[Any], Any], inner: Codec, is_array: bool) -> Codec:
    def write(writer: Writer, items: Any) -> Any:
        return list(items) if inner.is_plain else [inner.write(writer, item) for item in items]

    def read(reader: Reader, values: Any) -> Any:
        return make([inner.read(reader, value) for value in as_list(values)])

    is_plain = inner.is_plain and is_array
    return Codec(_same if is_plain else write, read, is_plain)


def _mapping(make: Callable[[Any], Any], key: Codec, value: Codec) -> Codec:
    """As a list of pairs: JSON has no keys but text."""
    pair = _row((key, value), tuple)

    def write(writer: Writer, items: Any) -> Any:
        return list(items.items()) if pair.is_plain else [pair.write(writer, item) for item in items.items()]

    def read(reader: Reader, values: Any) -> Any:
        items = make(pair.read(reader, item) for item in as_list(values))
        if len(items) != len(values):
            raise SnapshotError("a key is there twice")
        return items

    return Codec(write, read)


def _object(kind: Any) -> Codec:
    return Codec(lambda writer, item: writer.refer(item), lambda reader, number: reader.find(kind, number))


def _same(writer: Writer, value: Any) -> Any:
    return value


def _write_part(writer: Writer, part: Any) -> Any:
    return None if part is None else write_fields(writer, part)


def _read_part(reader: Reader, value: Any) -> Any:
    raise SnapshotError("a part stands only in a part")


_PART = Codec(_write_part, _read_part)
