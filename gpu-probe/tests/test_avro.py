"""The encoder agrees with fastavro on any record, and bad bytes are an error and never a wrong record."""

import io
import json

import fastavro
import pytest
from conftest import SCHEMAS
from hypothesis import given, settings
from hypothesis import strategies as st

from gpu_probe.records import GPU_TIME_EVENT, RECORDS, AvroError, decode, decode_single_object, encode

PARSED = {
    name: fastavro.parse_schema(json.loads((SCHEMAS / name / f"{schema.version}.avsc").read_text()))
    for name, schema in RECORDS.items()
}


def value_of(field):
    kinds = {
        "int": st.integers(-(2**31), 2**31 - 1),
        "long": st.integers(-(2**63), 2**63 - 1),
        "string": st.text(max_size=40),
        "enum": st.sampled_from(field.symbols or ("",)),
        "fixed": st.binary(min_size=field.size, max_size=field.size),
    }
    value = kinds[field.kind]
    return value if field.null_branch is None else st.none() | value


def record_of(schema):
    return st.fixed_dictionaries({field.name: value_of(field) for field in schema.fields})


@settings(max_examples=100)
@given(
    st.sampled_from(sorted(RECORDS)).flatmap(lambda name: st.tuples(st.just(name), record_of(RECORDS[name])))
)
def test_any_record_is_encoded_as_fastavro_does(case):
    name, record = case
    body = encode(RECORDS[name], record)
    reference = io.BytesIO()
    # raw longs: fastavro would take the timestamps for datetimes only when given some
    fastavro.schemaless_writer(reference, PARSED[name], record)
    assert body == reference.getvalue()
    assert decode(RECORDS[name], body) == record


@settings(max_examples=20)
@given(record_of(GPU_TIME_EVENT), st.data())
def test_a_body_cut_anywhere_is_an_error(record, data):
    body = encode(GPU_TIME_EVENT, record)
    cut = data.draw(st.integers(0, len(body) - 1))
    with pytest.raises(AvroError):
        decode(GPU_TIME_EVENT, body[:cut])
    with pytest.raises(AvroError, match="left over"):
        decode(GPU_TIME_EVENT, body + b"\0")


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"sequence": 1.5}, "sequence: 1.5 is not an Avro long"),
        ({"sequence": True}, "sequence"),
        ({"rank": 2**31}, "rank"),
        ({"phase": "idle"}, "none of load, warmup, inference"),
        ({"event_id": b"short"}, "16 bytes"),
        ({"tenant_id": None}, "not text"),
        ({"surprise": 1}, "has no field surprise"),
    ],
)
def test_a_wrong_value_is_told_by_its_field(change, told):
    folder = "valid" if GPU_TIME_EVENT.version == "v1" else f"{GPU_TIME_EVENT.version}-valid"
    path = next((SCHEMAS / "gpu_time_event" / "examples" / folder).glob("*.json"))
    example = json.loads(path.read_text())
    example["event_id"] = bytes.fromhex(example["event_id"])
    with pytest.raises(AvroError, match=told):
        encode(GPU_TIME_EVENT, {**example, **change})
    del example["model"]
    with pytest.raises(AvroError, match="model is missing"):
        encode(GPU_TIME_EVENT, example)


def test_an_unknown_fingerprint_is_an_error():
    with pytest.raises(AvroError, match="no known schema"):
        decode_single_object(b"\xc3\x01" + bytes(8) + b"body")
