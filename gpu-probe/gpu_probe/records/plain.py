"""Records as plain JSON: bytes as hexadecimal text, enums as their symbol, a union's value or null, integers
as they are.

The examples in schemas/ and the file publisher use this form.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .avro import AvroError
from .schema import Schema


def to_plain(schema: Schema, record: Mapping[str, Any]) -> dict[str, Any]:
    """A decoded record as a JSON object."""
    return {
        field.name: record[field.name].hex() if field.kind == "fixed" else record[field.name]
        for field in schema.fields
    }


def from_plain(schema: Schema, document: Mapping[str, Any]) -> dict[str, Any]:
    """A JSON object as a record that can be encoded. Raises AvroError where bytes are not hexadecimal
    text."""
    record = dict(document)
    for field in schema.fields:
        if field.kind == "fixed" and field.name in record:
            try:
                record[field.name] = bytes.fromhex(record[field.name])
            except (TypeError, ValueError) as error:
                raise AvroError(f"{schema.name}.{field.name} is not hexadecimal text") from error
    return record
