"""Avro schemas of the published records, with the fingerprint that starts every message.

Only flat records are understood: long, int, string, fixed and enum fields, each of them alone or in a union
with null.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, NamedTuple

_EMPTY = 0xC15D213AA4D7A795
_PRIMITIVES = ("int", "long", "string")


def _rabin_table() -> tuple[int, ...]:
    table = []
    for byte in range(256):
        value = byte
        for _ in range(8):
            value = (value >> 1) ^ (_EMPTY if value & 1 else 0)
        table.append(value)
    return tuple(table)


_TABLE = _rabin_table()


def rabin(data: bytes) -> int:
    """CRC-64-AVRO of the Avro specification, "Schema Fingerprints"."""
    value = _EMPTY
    for byte in data:
        value = (value >> 8) ^ _TABLE[(value ^ byte) & 0xFF]
    return value


class Field(NamedTuple):
    """One field of a flat record. ``null_branch`` is the index of null in the union, None if there is no
    union."""

    name: str
    kind: str  # int | long | string | fixed | enum
    null_branch: int | None = None
    symbols: tuple[str, ...] = ()
    size: int = 0


class Schema(NamedTuple):
    """A record's schema. ``fingerprint`` is the CRC-64-AVRO of ``canonical``; messages carry it little
    endian."""

    name: str
    version: str
    fields: tuple[Field, ...]
    canonical: str
    fingerprint: int

    @property
    def header(self) -> bytes:
        """The ten bytes in front of every message: C3 01 and the fingerprint."""
        return b"\xc3\x01" + self.fingerprint.to_bytes(8, "little")

    @property
    def id_field(self) -> str:
        """The field with the 16 bytes that are the message's key."""
        return self.fields[0].name


def parse(document: dict[str, Any], version: str) -> Schema:
    """Reads a schema. Raises ValueError for a type that a flat record does not have."""
    canonical = json.dumps(
        _canonical(document, str(document.get("namespace", ""))), separators=(",", ":"), ensure_ascii=False
    )
    fields = tuple(_field(entry) for entry in document["fields"])
    return Schema(document["name"], version, fields, canonical, rabin(canonical.encode()))


def _canonical(node: Any, namespace: str) -> Any:
    """Parsing canonical form: full names, no documentation, no logical types, fields in the specified
    order."""
    if isinstance(node, str):
        return node
    if isinstance(node, list):
        return [_canonical(branch, namespace) for branch in node]
    kind = node["type"]
    if kind in _PRIMITIVES:
        return kind
    name = node["name"] if "." in node["name"] or not namespace else f"{namespace}.{node['name']}"
    if kind == "enum":
        return {"name": name, "type": kind, "symbols": node["symbols"]}
    if kind == "fixed":
        return {"name": name, "type": kind, "size": node["size"]}
    if kind == "record":
        fields = [{"name": f["name"], "type": _canonical(f["type"], namespace)} for f in node["fields"]]
        return {"name": name, "type": kind, "fields": fields}
    raise ValueError(f"type {kind!r} is not part of a flat record")


def _field(entry: dict[str, Any]) -> Field:
    name, declared, null_branch = entry["name"], entry["type"], None
    if isinstance(declared, list):
        if len(declared) != 2 or "null" not in declared:
            raise ValueError(f"{name}: only a union of null and one type is understood")
        null_branch = declared.index("null")
        declared = declared[1 - null_branch]
    if isinstance(declared, str):
        kind, details = declared, {}
    else:
        kind, details = declared["type"], declared
    if kind not in (*_PRIMITIVES, "enum", "fixed"):
        raise ValueError(f"{name}: type {kind!r} is not part of a flat record")
    return Field(name, kind, null_branch, tuple(details.get("symbols", ())), details.get("size", 0))


def _load(name: str, version: str) -> Schema:
    path = Path(__file__).parent / "schemas" / name / f"{version}.avsc"
    return parse(json.loads(path.read_text(encoding="utf-8")), version)


GPU_TIME_EVENT = _load("gpu_time_event", "v2")
# Of a session that a gateway signed.
SIGNED_GPU_TIME_EVENT = _load("gpu_time_event", "v3")
GPU_TOTALS = _load("gpu_totals", "v2")
EVENT_VOID = _load("event_void", "v1")
# What is written, by name, where no gateway signs.
RECORDS: dict[str, Schema] = {schema.name: schema for schema in (GPU_TIME_EVENT, GPU_TOTALS, EVENT_VOID)}
# What is read: write-ahead logs of an older probe hold older versions.
SCHEMAS: tuple[Schema, ...] = (
    *RECORDS.values(),
    SIGNED_GPU_TIME_EVENT,
    _load("gpu_time_event", "v1"),
    _load("gpu_totals", "v1"),
)
_BY_HEADER: dict[bytes, Schema] = {schema.header: schema for schema in SCHEMAS}


def schema_of(message: bytes) -> Schema | None:
    """The schema whose fingerprint the message carries, None if it is not one of this package's."""
    return _BY_HEADER.get(bytes(message[:10]))
