"""The package's schemas are those of schemas/, and every example goes through the encoder."""

import io
import json

import fastavro
import fastavro.schema
import pytest
from conftest import SCHEMAS

from gpu_probe.records import (
    RECORDS,
    decode_single_object,
    encode,
    encode_single_object,
    from_plain,
    to_plain,
)

EXAMPLES = sorted(SCHEMAS.glob("*/examples/*/*.json"))


def document(name, version="v1"):
    return json.loads((SCHEMAS / name / f"{version}.avsc").read_text())


def test_there_are_examples_of_every_record():
    assert (
        {path.parts[-4] for path in EXAMPLES}
        == set(RECORDS)
        == {path.name for path in SCHEMAS.iterdir() if path.is_dir()}
    )


@pytest.mark.parametrize("name", sorted(RECORDS))
def test_the_package_carries_the_published_schema(name):
    from gpu_probe.records import schema

    carried = sorted(path.name for path in (schema.Path(schema.__file__).parent / "schemas" / name).iterdir())
    assert carried == sorted(path.name for path in (SCHEMAS / name).glob("*.avsc"))
    for file in carried:
        copy = (schema.Path(schema.__file__).parent / "schemas" / name / file).read_bytes()
        assert copy == (SCHEMAS / name / file).read_bytes()


@pytest.mark.parametrize("name", sorted(RECORDS))
def test_canonical_form_and_fingerprint_are_those_of_fastavro(name):
    canonical = fastavro.schema.to_parsing_canonical_form(document(name))
    assert RECORDS[name].canonical == canonical
    # fastavro prints the fingerprint's bytes in the order in which a message carries them
    assert RECORDS[name].header == b"\xc3\x01" + bytes.fromhex(
        fastavro.schema.fingerprint(canonical, "CRC-64-AVRO")
    )


@pytest.mark.parametrize("name", sorted(RECORDS))
def test_the_readme_tells_the_fingerprint(name):
    text = (SCHEMAS / "README.md").read_text()
    assert f"{RECORDS[name].fingerprint:016x}" in text
    assert RECORDS[name].header.hex(" ") in text


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: f"{path.parts[-4]}-{path.stem}")
def test_an_example_survives_encoding_and_decoding(path):
    schema = RECORDS[path.parts[-4]]
    example = json.loads(path.read_text())
    record = from_plain(schema, example)
    body = encode(schema, record)
    read_schema, read = decode_single_object(encode_single_object(schema, record))
    assert read_schema is schema
    assert to_plain(schema, read) == example
    assert list(example) == [field.name for field in schema.fields]
    reference = io.BytesIO()
    fastavro.schemaless_writer(reference, fastavro.parse_schema(document(schema.name)), record)
    assert body == reference.getvalue()
