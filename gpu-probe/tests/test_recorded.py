"""A serving loop that the probe itself recorded on an H100 plays to the events it gave out there."""

import hashlib

from conftest import TRACE, Recorder

from gpu_probe.accounting import Account, GpuMeter, run
from gpu_probe.device.replay import ReplayDevice, read_trace
from gpu_probe.records.schema import SCHEMAS
from gpu_probe.sharing import make_policy

RECORDED = TRACE.with_name("h100-probe-trace.jsonl.gz")
# Of the events and totals, written down on the machine with the GPU (bench/serving.py, BENCHMARKS.md).
DIGEST = "8a890c78743919970ebf28393a7862f2f84fa13a60a7e96fc18b9fbb5ecf3473"


def in_version_1(record):
    """A record as the probe that recorded would have given it out."""
    (schema,) = (
        schema
        for schema in SCHEMAS
        if schema.version == "v1" and all(field.name in record for field in schema.fields)
    )
    older = {field.name: record[field.name] for field in schema.fields}
    if "gpu_busy_ns" in older and record["busy_quality"] == "elapsed":
        older["gpu_busy_ns"] = None
    return older | {"probe_version": "gpu-probe 0.1.0"}


def test_the_events_are_those_of_the_gpu_to_the_last_unit():
    trace = read_trace(RECORDED)
    output = Recorder()
    account = Account(output)
    device = ReplayDevice(trace)
    run(device, GpuMeter(device.info, make_policy("fitted-hinge"), account))
    assert account.faults() == []
    records = [sorted(in_version_1(record).items()) for record in (*output.events, *output.minutes)]
    assert hashlib.sha256(repr(records).encode()).hexdigest() == DIGEST
    readings = [line["energy_mj"] for line in trace.lines if line["t"] == "power"]
    parts = account.energy_uj
    counter = (readings[-1] - readings[0]) * 1000
    assert (
        parts["sessions"] + parts["operator"] + parts["idle"] == parts["physical"] == counter == 2_599_710_000
    )
    assert len({event["session_id"] for event in output.events if event["phase"] == "inference"}) == 36
