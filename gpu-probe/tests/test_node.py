"""Processes that nobody instrumented: what a node's agent books to whom, and what it never counts."""

import json
from pathlib import Path

import pytest
from fake_node import MINUTE, SECOND, START, UID, Node, pod
from fake_nvml import FUNCTION_NOT_FOUND, NOT_SUPPORTED
from hypothesis import given
from hypothesis import strategies as st

from gpu_probe.node.host import ProcessKey
from gpu_probe.node.stretch import Stretch
from gpu_probe.records import decode, encode
from gpu_probe.records.schema import parse

SCHEMAS = Path(__file__).parents[1] / "gpu_probe" / "records" / "schemas"


def schema(name):
    """Version 2, whatever version the live probe writes."""
    return parse(json.loads((SCHEMAS / name / "v2.avsc").read_text()), "v2")


@pytest.fixture
def node(tmp_path, monkeypatch):
    return Node(tmp_path, monkeypatch)


def test_a_notebook_is_its_projects_and_a_stranger_is_visible(node):
    node.set_pods([pod(tenant="physics", project="lensing")])
    node.add_pod_process(41)
    node.proc.add(42)
    node.nvml.percents, node.nvml.total = {41: 30, 42: 20}, 50
    node.begin().run(120)
    assert node.busy_s(tenant_id="physics", project_id="lensing") == 36
    assert node.busy_s(tenant_id="unknown") == 24
    assert len(node.output.events) == 4, "an event per process and minute"
    first = node.output.events[0]
    assert (first["container_id"], first["model"], first["node"]) == ("notebook-0", "python3", "node-1")
    assert (first["apportionment"], first["time_quality"]) == ("process-utilization@1", "estimated")
    assert first["busy_quality"] == "sampled" and first["energy_quality"] == "model"


def test_records_are_of_version_2_and_no_id_comes_twice(node):
    node.proc.add(41)
    node.nvml.percents = {41: 30}
    node.begin().run(181, watts=300)
    node.agent.close()
    for name, records in (("gpu_time_event", node.output.events), ("gpu_totals", node.output.minutes)):
        assert len(records) == 4
        assert len({record[schema(name).id_field] for record in records}) == 4
        for record in records:
            assert decode(schema(name), encode(schema(name), record)) == record
            assert record["started_at"] // 60_000_000 == (record["ended_at"] - 1) // 60_000_000
    assert [event["sequence"] for event in node.output.events] == [0, 1, 2, 3]


def test_an_hours_end_is_an_edge_and_an_interval_across_it_is_cut(node):
    node.wall = START + 59 * SECOND + SECOND // 2
    node.proc.add(41)
    node.nvml.percents = {41: 100}
    node.begin().run(2)
    node.agent.close()
    times = [event["gpu_time_ns"] for event in node.output.events]
    assert times == [SECOND // 2, SECOND + SECOND // 2]
    assert node.output.events[0]["ended_at"] == (START + MINUTE) // 1000


def test_a_process_that_reports_itself_is_never_counted(node, monkeypatch):
    node.proc.add(41, start=7)
    node.proc.add(42, start=8)
    node.nvml.percents, node.nvml.total = {41: 60, 42: 30}, 90
    monkeypatch.setattr("gpu_probe.node.ledger.claimed", lambda *_: {ProcessKey(41, 7)})
    node.begin().run(60, watts=400)
    (event,) = node.output.events
    assert event["session_id"].startswith("process-42-8-") and event["gpu_time_ns"] == 18 * SECOND
    assert event["energy_uj"] == pytest.approx(400 * 60 * 1_000_000 // 3, abs=1)
    assert node.output.minutes == [], "the card's balance is the instrumented process's"


@pytest.mark.parametrize(("value", "counted"), [("true", 0), ("false", 18), ("", 18)])
def test_a_pod_labelled_as_instrumented_is_never_counted(node, value, counted):
    node.set_pods([pod(**{"tenant": "t", "meterhouse.io/gpu-probe": value})])
    node.add_pod_process(41)
    node.nvml.percents = {41: 30}
    node.begin().run(60)
    assert node.busy_s() == counted and len(node.output.minutes) == bool(counted)


def test_a_number_that_is_used_again_is_another_process(node):
    node.set_pods([pod(tenant="physics")])
    node.add_pod_process(41, start=1)
    node.nvml.percents = {41: 50}
    node.begin().run(30)
    node.proc.remove(41)
    node.proc.add(41, start=2)
    node.run(30)
    assert node.busy_s(tenant_id="physics") == node.busy_s(tenant_id="unknown") == 15


def test_a_process_that_ended_keeps_its_owner_though_its_pod_is_gone(node):
    node.set_pods([pod(tenant="physics")])
    node.add_pod_process(41)
    node.nvml.percents = {41: 50}
    node.begin().run(10)
    node.set_pods([])
    node.proc.remove(41)
    node.run(50)
    assert node.busy_s(tenant_id="physics") == 5
    assert node.output.events[0]["ended_at"] == (START + 10 * SECOND) // 1000


def test_rows_of_the_dead_and_rows_of_anything_are_left_out(node):
    node.proc.add(41)
    node.proc.add(43)
    node.nvml.percents = {41: 40, 99: 80}
    node.nvml.rows = [(10**18, 41, 90), (5, 41, 90), (10**15 + 10**6, 43, 2147483632), (10**15, 0, 50)]
    node.begin().run(60)
    assert node.busy_s() == 24 and len(node.output.events) == 1


def test_the_first_rows_are_means_of_minutes_and_do_not_count(node):
    node.proc.add(41)
    node.nvml.percents = {41: 100}
    node.begin()
    node.nvml.percents = {}
    node.run(60)
    assert node.busy_s() == 0


def test_the_newest_stamp_is_passed_on_and_never_zero_again(node):
    node.proc.add(41)
    node.nvml.percents = {41: 10}
    node.begin().run(3)
    assert node.nvml.seen[0] == 0 and node.nvml.seen[1:] == sorted(set(node.nvml.seen[1:]))
    node.nvml.percents = {}
    node.run(2)
    assert all(node.nvml.seen[1:])


def test_the_new_call_is_asked_first_and_the_old_one_where_there_is_no_other(tmp_path, monkeypatch):
    for number, refuse in enumerate(({}, {"nvmlDeviceGetProcessesUtilizationInfo": FUNCTION_NOT_FOUND})):
        folder = tmp_path / str(number)
        folder.mkdir()
        node = Node(folder, monkeypatch, **refuse)
        node.proc.add(41)
        node.nvml.percents = {41: 50}
        node.begin().run(60)
        assert node.busy_s() == 30


def test_under_mig_there_is_nothing_and_nothing_breaks(tmp_path, monkeypatch):
    calls = ("nvmlDeviceGetProcessesUtilizationInfo", "nvmlDeviceGetProcessUtilization")
    node = Node(tmp_path, monkeypatch, **dict.fromkeys(calls, NOT_SUPPORTED))
    node.proc.add(41)
    node.nvml.memory = {41: 7}
    node.begin().run(60)
    (event,) = node.output.events
    assert (event["gpu_time_ns"], event["memory_peak_bytes"]) == (0, 7), "held, not used"


def test_memory_is_the_peak_and_unknown_memory_is_none(node):
    node.proc.add(41)
    node.begin()
    for used in (5, 9, None, (1 << 64) - 1, 3):
        node.nvml.memory = {41: used}
        node.run(1)
    node.run(55)
    assert [event["memory_peak_bytes"] for event in node.output.events] == [9]


def test_utilisations_above_the_cards_own_are_scaled_down_to_it(node):
    node.proc.add(41)
    node.proc.add(42)
    node.nvml.percents, node.nvml.total = {41: 90, 42: 60}, 100
    node.begin().run(60)
    assert [event["gpu_time_ns"] for event in node.output.events] == [36 * SECOND, 24 * SECOND]
    assert node.output.minutes[0]["idle_ns"] == 0


def test_what_no_process_explains_is_unmetered_and_not_idle(node):
    node.proc.add(41)
    node.nvml.percents, node.nvml.total = {41: 30}, 80
    node.begin().run(60)
    (totals,) = node.output.minutes
    assert (totals["attributed_ns"], totals["unattributed_ns"]) == (18 * SECOND, 30 * SECOND)
    assert (totals["unmetered_ns"], totals["idle_ns"]) == (30 * SECOND, 12 * SECOND)


def test_an_mps_servers_work_is_nobodys(node):
    node.proc.add(41)
    node.proc.add(50, name="nvidia-cuda-mps")
    node.nvml.percents, node.nvml.total = {41: 30, 50: 40}, 70
    node.begin().run(60)
    assert [event["session_id"].split("-")[1] for event in node.output.events] == ["41"]
    (totals,) = node.output.minutes
    assert (totals["unattributed_ns"], totals["unmetered_processes"]) == (24 * SECOND, "50:nvidia-cuda-mps")


def test_idle_watts_are_apart_and_the_rest_goes_by_work(node):
    node.proc.add(41)
    node.proc.add(42)
    node.nvml.total = 0
    node.begin().run(60, watts=100)
    node.nvml.percents, node.nvml.total = {41: 60, 42: 20}, 80
    node.run(60, watts=500)
    idle, busy = node.output.minutes
    assert idle["energy_idle_uj"] == idle["energy_uj"] == 100 * 60 * 10**6
    assert busy["energy_uj"] == 500 * 60 * 10**6 and busy["energy_idle_uj"] == 100 * 60 * 10**6
    energies = {e["session_id"].split("-")[1]: e["energy_uj"] for e in node.output.events}
    assert energies == {"41": 300 * 60 * 10**6, "42": 100 * 60 * 10**6}


def test_energy_that_is_not_told_is_null(tmp_path, monkeypatch):
    calls = ("nvmlDeviceGetTotalEnergyConsumption", "nvmlDeviceGetPowerUsage", "field_186")
    node = Node(tmp_path, monkeypatch, **dict.fromkeys(calls, NOT_SUPPORTED))
    node.proc.add(41)
    node.nvml.percents = {41: 30}
    node.begin().run(60)
    (event,), (totals,) = node.output.events, node.output.minutes
    assert (event["energy_uj"], event["energy_quality"], event["power_avg_mw"]) == (None, "none", None)
    assert totals["energy_uj"] is None and totals["energy_idle_uj"] is None


@pytest.mark.parametrize("jump", [-600, -60, 60, 3600])
def test_a_wall_clock_that_is_set_moves_the_minutes_and_no_id_comes_twice(node, jump):
    node.proc.add(41)
    node.nvml.percents = {41: 50}
    node.begin().run(90)
    node.wall += jump * SECOND
    node.run(90)
    node.agent.close()
    records = node.output.events + node.output.minutes
    ids = [record.get("event_id", record.get("totals_id")) for record in records]
    assert len(set(ids)) == len(ids)
    assert max(event["ended_at"] for event in node.output.events[-2:]) == node.wall // 1000
    assert node.busy_s() == 89.5, "all but the second in which it was set"


def test_a_machine_that_slept_is_not_billed_for_it(node):
    node.proc.add(41)
    node.nvml.percents = {41: 100}
    node.begin().run(30)
    node.pass_time(3600 * SECOND)
    node.run(30)
    node.agent.close()
    assert node.busy_s() == 60


def test_small_corrections_of_the_clock_are_no_time(node):
    node.proc.add(41)
    node.nvml.percents = {41: 100}
    node.begin()
    for correction in (5, -5) * 30:
        node.wall += correction * 1_000_000
        node.run(1)
    node.agent.close()
    assert node.busy_s() == 60


USES = st.lists(st.integers(0, 60 * SECOND), max_size=6)


@given(
    USES, st.integers(0, 60 * SECOND), st.integers(0, 60 * SECOND), st.none() | st.integers(0, 60 * SECOND)
)
def test_a_stretch_adds_up_whatever_was_read(uses, claimed_ns, server_ns, total_ns):
    stretch = Stretch(START, START + MINUTE, claimed_ns=claimed_ns, server_ns=server_ns, total_ns=total_ns)
    for pid, busy in enumerate(uses):
        stretch.use(ProcessKey(pid, 0), START, START + MINUTE).busy_ns = busy
    stretch.add_energy(12_345_678_901, 700_000)
    result = stretch.share_out(60_000)
    parts = sum(bill.busy_ns for bill in result.bills.values())
    assert parts + result.claimed_ns + result.unattributed_ns == result.busy_ns <= MINUTE
    assert min(result.unattributed_ns, result.idle_uj, result.unattributed_uj, result.claimed_uj) >= 0
    energies = sum(bill.energy_uj for bill in result.bills.values())
    assert energies + result.claimed_uj + result.unattributed_uj + result.idle_uj == 12_345_678_901
    if total_ns:
        assert result.busy_ns <= total_ns


def test_a_pod_without_labels_is_known_by_its_namespace(node):
    node.set_pods([pod()])
    node.add_pod_process(41)
    node.nvml.percents = {41: 50}
    node.begin().run(60)
    assert node.busy_s(tenant_id="unknown", project_id="lab") == 30


def test_a_pod_that_the_kubelet_tells_late_is_found_before_the_minute_ends(node):
    node.add_pod_process(41)
    node.nvml.percents = {41: 50}
    node.begin().run(20)
    node.set_pods([pod(tenant="physics")])
    node.run(40)
    assert node.busy_s(tenant_id="physics") == 30


def test_pods_that_cannot_be_read_leave_what_was_known(node):
    node.set_pods([pod(tenant="physics")])
    node.add_pod_process(41)
    node.nvml.percents = {41: 50}
    node.begin().run(5)
    node.pods_file.write_text("{")
    node.add_pod_process(42, uid="9" * 8 + UID[8:])
    node.nvml.percents = {41: 50, 42: 10}
    node.run(55)
    assert node.busy_s(tenant_id="physics") == 30 and node.busy_s(tenant_id="unknown") > 0
    assert node.owners.errors > 1
