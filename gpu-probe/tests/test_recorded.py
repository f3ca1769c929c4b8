"""Serving loops that the probe itself recorded on an H100 play to the events it gave out there."""

import hashlib
from collections import defaultdict

from conftest import TRACE, Recorder

from gpu_probe.accounting import Account, GpuMeter, run
from gpu_probe.device.replay import ReplayDevice, read_trace
from gpu_probe.records.schema import SCHEMAS
from gpu_probe.sharing import make_policy

RECORDED = TRACE.with_name("h100-probe-trace.jsonl.gz")
# Of the events and totals, written down on the machine with the GPU (bench/serving.py, BENCHMARKS.md).
DIGEST = "8a890c78743919970ebf28393a7862f2f84fa13a60a7e96fc18b9fbb5ecf3473"
BUSY_RECORDED = TRACE.with_name("h100-busy-trace.jsonl.gz")
# Of the recording of recording.py, split as it is now; the first split on the card found less unmetered work.
BUSY_DIGEST = "dda7d6942f2a7c2f0575d05657b1d234944fb08f80831e7d25de0168dd8e67df"


def played(path):
    """The recording, its account, and the events and totals that came of it."""
    trace = read_trace(path)
    output = Recorder()
    account = Account(output)
    device = ReplayDevice(trace)
    run(device, GpuMeter(device.info, make_policy("fitted-hinge"), account))
    assert account.faults() == []
    return trace, account, output


def digest(records):
    plain = [sorted(record.items()) for record in records]
    return hashlib.sha256(repr(plain).encode()).hexdigest()


def counted_uj(trace):
    """The difference of the card's energy counter."""
    readings = [line["energy_mj"] for line in trace.lines if line["t"] == "power"]
    return (readings[-1] - readings[0]) * 1000


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
    trace, account, output = played(RECORDED)
    assert digest(map(in_version_1, (*output.events, *output.minutes))) == DIGEST
    parts = account.energy_uj
    assert (
        parts["sessions"] + parts["operator"] + parts["idle"]
        == parts["physical"]
        == counted_uj(trace)
        == 2_599_710_000
    )
    assert len({event["session_id"] for event in output.events if event["phase"] == "inference"}) == 36


def test_busy_time_is_that_of_the_gpu_and_adds_up_to_its_counter():
    trace, account, output = played(BUSY_RECORDED)
    records = (record | {"probe_version": "gpu-probe 0.1.0"} for record in (*output.events, *output.minutes))
    assert digest(records) == BUSY_DIGEST
    assert account.summary()["gpu_time_ns"] == {
        "physical": "14517105047",
        "sessions": "12505604067",
        "operator": "263365269",
        "idle": "1748135711",
        "unattributed": "0",
    }
    busy = account.summary()["gpu_busy_ns"]
    assert busy == {
        "physical": "8704731318",
        "sessions": "7167155103",
        "operator": "60172562",
        "unmetered": "1477403653",
    }
    # 1,040 matrix products outside any session, each 1.481 ms by the counter when it is alone.
    assert abs(int(busy["unmetered"]) - 1040 * 1_481_000) < 0.1 * 1040 * 1_481_000
    # The first tick began before the probe: what it would have said is learned from the later ones.
    before, *ticks = [line["busy_ns"] for line in trace.lines if line["t"] == "activity"]
    assert 0 < int(busy["physical"]) - sum(ticks) < before
    assert account.energy_uj["physical"] == counted_uj(trace) == 5_412_504_000


def test_eager_threads_hold_the_card_many_times_longer_than_they_work_it():
    _, _, output = played(BUSY_RECORDED)
    elapsed, busy = defaultdict(int), defaultdict(int)
    for event in output.events:
        if event["phase"] == "inference":
            elapsed[event["model"], event["tenant_id"]] += event["gpu_time_ns"]
            busy[event["model"], event["tenant_id"]] += event["gpu_busy_ns"]
    assert (elapsed["llama", "short"], busy["llama", "short"]) == (3_799_283_522, 333_939_954)
    assert (elapsed["llama", "batch"], busy["llama", "batch"]) == (3_717_983_788, 329_530_744)
    # CUDA graphs, with two streams beside: more than their part of the elapsed time.
    served = [of for of in busy if of[0] == "synthetic-12-layers"]
    assert sum(busy[of] for of in served) > sum(elapsed[of] for of in served)
