"""Avro binary encoding of flat records.

Written out here (and checked against fastavro in the tests) because it is a page of code, and a probe that
lives in other teams' serving images should bring no binary wheel that it does not need.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .schema import Field, Schema, schema_of

Record = dict[str, Any]
_LIMITS = {"int": 1 << 31, "long": 1 << 63}


class AvroError(ValueError):
    """A value that the schema does not allow, or bytes that do not follow it."""


def encode(schema: Schema, record: Mapping[str, Any]) -> bytes:
    """The Avro body. Raises AvroError naming the field that is missing, unknown or of another type."""
    unknown = set(record) - {field.name for field in schema.fields}
    if unknown:
        raise AvroError(f"{schema.name} has no field {', '.join(sorted(unknown))}")
    out = bytearray()
    for field in schema.fields:
        if field.name not in record:
            raise AvroError(f"{schema.name}.{field.name} is missing")
        value = record[field.name]
        if field.null_branch is not None:
            branch = field.null_branch if value is None else 1 - field.null_branch
            out += _long(branch)
            if value is None:
                continue
        _write(out, schema, field, value)
    return bytes(out)


def encode_single_object(schema: Schema, record: Mapping[str, Any]) -> bytes:
    """C3 01, fingerprint, body: what a Kafka message holds."""
    return schema.header + encode(schema, record)


def decode(schema: Schema, body: bytes) -> Record:
    """Reads a whole body. Raises AvroError if it is too short, too long or does not follow the schema."""
    record: Record = {}
    at = 0
    for field in schema.fields:
        if field.null_branch is not None:
            branch, at = _read_long(body, at)
            if branch == field.null_branch:
                record[field.name] = None
                continue
            if branch != 1 - field.null_branch:
                raise AvroError(f"{schema.name}.{field.name}: union branch {branch}")
        record[field.name], at = _read(schema, field, body, at)
    if at != len(body):
        raise AvroError(f"{schema.name}: {len(body) - at} bytes left over")
    return record


def decode_single_object(message: bytes) -> tuple[Schema, Record]:
    """Reads a message of this package. Raises AvroError if its fingerprint is unknown or its body is bad."""
    schema = schema_of(message)
    if schema is None:
        raise AvroError(f"no known schema for a message that starts with {bytes(message[:10]).hex()}")
    return schema, decode(schema, message[10:])


def _write(out: bytearray, schema: Schema, field: Field, value: Any) -> None:
    kind = field.kind
    if kind in _LIMITS:
        if type(value) is not int or not -_LIMITS[kind] <= value < _LIMITS[kind]:
            raise AvroError(f"{schema.name}.{field.name}: {value!r} is not an Avro {kind}")
        out += _long(value)
    elif kind == "string":
        if not isinstance(value, str):
            raise AvroError(f"{schema.name}.{field.name}: {value!r} is not text")
        data = value.encode("utf-8")
        out += _long(len(data))
        out += data
    elif kind == "enum":
        if value not in field.symbols:
            raise AvroError(f"{schema.name}.{field.name}: {value!r} is none of {', '.join(field.symbols)}")
        out += _long(field.symbols.index(value))
    else:
        if not isinstance(value, (bytes, bytearray)) or len(value) != field.size:
            raise AvroError(f"{schema.name}.{field.name}: {value!r} is not {field.size} bytes")
        out += value


def _read(schema: Schema, field: Field, body: bytes, at: int) -> tuple[Any, int]:
    if field.kind in _LIMITS:
        return _read_long(body, at)
    if field.kind == "enum":
        index, at = _read_long(body, at)
        if not 0 <= index < len(field.symbols):
            raise AvroError(f"{schema.name}.{field.name}: symbol {index}")
        return field.symbols[index], at
    size = field.size
    if field.kind == "string":
        size, at = _read_long(body, at)
    end = at + size
    if size < 0 or end > len(body):
        raise AvroError(f"{schema.name}.{field.name}: the body ends too early")
    data = bytes(body[at:end])
    if field.kind == "fixed":
        return data, end
    try:
        return data.decode("utf-8"), end
    except UnicodeDecodeError as error:
        raise AvroError(f"{schema.name}.{field.name}: not UTF-8") from error


def _long(value: int) -> bytes:
    zigzag = (value << 1) ^ (value >> 63)
    out = bytearray()
    while zigzag > 0x7F:
        out.append((zigzag & 0x7F) | 0x80)
        zigzag >>= 7
    out.append(zigzag)
    return bytes(out)


def _read_long(body: bytes, at: int) -> tuple[int, int]:
    zigzag = shift = 0
    while True:
        if at >= len(body):
            raise AvroError("the body ends too early")
        byte = body[at]
        at += 1
        zigzag |= (byte & 0x7F) << shift
        if byte < 0x80:
            break
        shift += 7
        if shift > 63:
            raise AvroError("a number is longer than 64 bits")
    return (zigzag >> 1) ^ -(zigzag & 1), at
