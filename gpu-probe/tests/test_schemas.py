"""The package's schemas are those of schemas/, and every example goes through the encoder."""

import io
import json

import fastavro
import fastavro.schema
import pytest
from conftest import SCHEMAS

from gpu_probe.records import (
    RECORDS,
    decode,
    decode_single_object,
    encode,
    encode_single_object,
    from_plain,
    to_plain,
)
from gpu_probe.records.schema import parse

EXAMPLES = sorted(SCHEMAS.glob("*/examples/*/*.json"))
VERSIONS = {
    (path.parts[-2], path.stem): parse(json.loads(path.read_text()), path.stem)
    for path in SCHEMAS.glob("*/v*.avsc")
}


def version_of(path):
    """The version whose fields the example has."""
    keys = list(json.loads(path.read_text()))
    matches = [
        version
        for (name, version), schema in VERSIONS.items()
        if name == path.parts[-4] and [field.name for field in schema.fields] == keys
    ]
    assert len(matches) == 1, f"{path} has the fields of {matches or 'no version'}"
    return matches[0]


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


@pytest.mark.parametrize(("name", "version"), sorted(VERSIONS))
def test_canonical_form_and_fingerprint_are_those_of_fastavro(name, version):
    schema = VERSIONS[name, version]
    canonical = fastavro.schema.to_parsing_canonical_form(document(name, version))
    assert schema.canonical == canonical
    # fastavro prints the fingerprint's bytes in the order in which a message carries them
    assert schema.header == b"\xc3\x01" + bytes.fromhex(fastavro.schema.fingerprint(canonical, "CRC-64-AVRO"))


@pytest.mark.parametrize("name", sorted(RECORDS))
def test_the_probe_writes_a_published_version(name):
    assert RECORDS[name] == VERSIONS[name, RECORDS[name].version]


@pytest.mark.parametrize(("name", "version"), sorted(VERSIONS))
def test_the_readme_tells_the_fingerprint(name, version):
    text = (SCHEMAS / "README.md").read_text()
    assert f"{VERSIONS[name, version].fingerprint:016x}" in text
    assert VERSIONS[name, version].header.hex(" ") in text


@pytest.mark.parametrize(("name", "version"), sorted(VERSIONS))
def test_there_are_examples_of_every_version(name, version):
    assert any(path.parts[-4] == name and version_of(path) == version for path in EXAMPLES)


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: "-".join(path.parts[-4::2]))
def test_an_example_lies_in_the_folder_of_its_version(path):
    folder = path.parts[-2]
    assert version_of(path) == (folder.split("-")[0] if "-" in folder else "v1")


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: "-".join(path.parts[-4:]))
def test_an_example_survives_encoding_and_decoding(path):
    schema = VERSIONS[path.parts[-4], version_of(path)]
    example = json.loads(path.read_text())
    record = from_plain(schema, example)
    body = encode(schema, record)
    message = encode_single_object(schema, record)
    assert message == schema.header + body
    assert decode(schema, body) == record
    assert to_plain(schema, record) == example
    # a version that the probe does not write may be one that it does not know
    if schema == RECORDS[schema.name]:
        assert decode_single_object(message) == (RECORDS[schema.name], record)
    assert list(example) == [field.name for field in schema.fields]
    reference = io.BytesIO()
    fastavro.schemaless_writer(
        reference, fastavro.parse_schema(document(schema.name, schema.version)), record
    )
    assert body == reference.getvalue()
