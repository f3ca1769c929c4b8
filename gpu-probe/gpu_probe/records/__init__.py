"""The three Avro records that a probe publishes: schemas, encoding and ids."""

from .avro import AvroError, decode, decode_single_object, encode, encode_single_object
from .ids import event_id, totals_id
from .plain import from_plain, to_plain
from .schema import EVENT_VOID, GPU_TIME_EVENT, GPU_TOTALS, RECORDS, SIGNED_GPU_TIME_EVENT, Schema

__all__ = [
    "EVENT_VOID",
    "GPU_TIME_EVENT",
    "GPU_TOTALS",
    "RECORDS",
    "SIGNED_GPU_TIME_EVENT",
    "AvroError",
    "Schema",
    "decode",
    "decode_single_object",
    "encode",
    "encode_single_object",
    "event_id",
    "from_plain",
    "to_plain",
    "totals_id",
]
