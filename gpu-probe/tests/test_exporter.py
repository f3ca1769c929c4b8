"""Prometheus can read what the exporter says, the sums are the events' and the number of series is
bounded."""

import urllib.error
import urllib.request

import pytest
from conftest import Recorder
from test_outbox import EVENT, TOTALS

from gpu_probe.accounting import GpuMeter, run
from gpu_probe.device import ReplayDevice
from gpu_probe.device.replay import read_trace
from gpu_probe.exporter import Metrics, MetricsServer
from gpu_probe.sharing import make_policy

parsers = pytest.importorskip("prometheus_client.parser", reason="prometheus-client is of the test extra")
openmetrics_parser = pytest.importorskip("prometheus_client.openmetrics.parser")


def samples(metrics, openmetrics=False):
    module = openmetrics_parser if openmetrics else parsers
    families = module.text_string_to_metric_families(metrics.render(openmetrics))
    return {(s.name, tuple(sorted(s.labels.items()))): s for family in families for s in family.samples}


def value(metrics, name, **labels):
    return samples(metrics)[(name, tuple(sorted(labels.items())))].value


@pytest.fixture(scope="module")
def replayed():
    from conftest import TRACE

    recorder = Recorder()
    metrics = Metrics(recorder, tenants=["tenant-a", "acme"])
    device = ReplayDevice(read_trace(TRACE), 0, "node")
    run(device, GpuMeter(device.info, make_policy("equal"), metrics))
    return metrics, recorder


def test_both_formats_are_read_by_prometheus(replayed):
    metrics, _ = replayed
    plain, rich = samples(metrics), samples(metrics, openmetrics=True)
    assert len(plain) == len(rich) > 20


def test_the_sums_are_those_of_the_events_and_totals(replayed):
    metrics, recorder = replayed
    found = samples(metrics)

    def total(name):
        return sum(sample.value for (key, _), sample in found.items() if key == name)

    events = sum(record["gpu_time_ns"] for record in recorder.events)
    assert total("gpu_probe_model_gpu_seconds_total") == pytest.approx(events / 1e9, rel=1e-12)
    wall = sum(record["wall_time_ns"] for record in recorder.minutes)
    assert total("gpu_probe_gpu_wall_seconds_total") == pytest.approx(wall / 1e9, rel=1e-12)
    energy = sum(record["energy_uj"] for record in recorder.minutes if record["energy_uj"])
    assert total("gpu_probe_gpu_energy_joules_total") == pytest.approx(energy / 1e6, rel=1e-12)
    assert total("gpu_probe_events_total") == len(recorder.events)
    steps = sum(record["steps"] for record in recorder.minutes)
    assert total("gpu_probe_steps_total") == steps


def test_nanoseconds_are_exact_however_many():
    metrics = Metrics(Recorder(), tenants=["acme"])
    huge = 10**19 + 1
    metrics.event({**EVENT, "tenant_id": "acme", "phase": "inference", "gpu_time_ns": huge})
    assert 'gpu_probe_tenant_gpu_seconds_total{tenant="acme"} 10000000000.000000001\n' in metrics.render()


def test_tenants_that_are_not_listed_share_one_series():
    metrics = Metrics(Recorder(), tenants=["acme"])
    for number in range(1000):
        metrics.event(
            {**EVENT, "tenant_id": f"tenant-{number}", "model": f"model-{number}", "gpu_time_ns": 10**9}
        )
    metrics.event({**EVENT, "tenant_id": "acme", "gpu_time_ns": 10**9})
    assert value(metrics, "gpu_probe_tenant_gpu_seconds_total", tenant="other") == 1000
    assert value(metrics, "gpu_probe_tenant_gpu_seconds_total", tenant="acme") == 1
    assert len(samples(metrics)) < 1000


def test_the_session_is_an_exemplar_and_never_a_label():
    metrics = Metrics(Recorder(), tenants=["acme"])
    record = {**EVENT, "tenant_id": "acme", "session_id": "s-1", "user_id": "u-1", "gpu_time_ns": 5 * 10**8}
    metrics.event({**record, "phase": "inference", "ended_at": 1_700_000_000_000_001})
    key = ("gpu_probe_tenant_gpu_seconds_total", (("tenant", "acme"),))
    exemplar = samples(metrics, openmetrics=True)[key].exemplar
    assert exemplar.labels["session_id"] == "s-1"
    assert exemplar.labels["user_id"] == "u-1"
    assert (exemplar.value, float(exemplar.timestamp)) == (0.5, 1_700_000_000.000001)
    assert "s-1" not in metrics.render()


def test_a_long_session_id_leaves_the_exemplar_readable():
    metrics = Metrics(Recorder())
    metrics.event({**EVENT, "phase": "inference", "session_id": "s" * 128, "gpu_time_ns": 1})
    key = ("gpu_probe_tenant_gpu_seconds_total", (("tenant", "other"),))
    assert samples(metrics, openmetrics=True)[key].exemplar.labels == {}


def test_labels_with_quotes_and_line_ends_are_escaped():
    metrics = Metrics(Recorder())
    metrics.event({**EVENT, "model": 'a"b\\c\nd'})
    assert any(dict(labels).get("model") == 'a"b\\c\nd' for _, labels in samples(metrics))


def test_the_log_and_its_losses_are_shown():
    class State:
        backlog, lost, errors = 7, 3, 2

    metrics = Metrics(Recorder())
    metrics.watch(State())
    assert value(metrics, "gpu_probe_wal_backlog_records") == 7
    assert value(metrics, "gpu_probe_lost_events_total") == 3
    assert value(metrics, "gpu_probe_publish_errors_total") == 2


def test_energy_that_the_hardware_does_not_tell_is_absent():
    metrics = Metrics(Recorder())
    metrics.totals({**TOTALS, **dict.fromkeys(name for name in TOTALS if name.startswith("energy_"))})
    assert not any(name == "gpu_probe_gpu_energy_joules_total" for name, _ in samples(metrics))


@pytest.mark.parametrize(
    "name", ["gpu_probe_model_energy_joules_total", "gpu_probe_tenant_energy_joules_total"]
)
def test_energy_of_an_event_that_is_unknown_is_absent_and_not_zero(name):
    metrics = Metrics(Recorder(), ["acme"])
    event = {**EVENT, "phase": "inference", "tenant_id": "acme", "energy_uj": None}
    metrics.event(event)
    assert not any(key == name for key, _ in samples(metrics))
    metrics.event({**event, "energy_uj": 0})
    assert [sample.value for (key, _), sample in samples(metrics).items() if key == name] == [0]
    metrics.event({**event, "energy_uj": 1_500_000})
    metrics.event(event)
    assert [sample.value for (key, _), sample in samples(metrics).items() if key == name] == [1.5]


BUSY = {
    "busy_ns": 9 * 10**9,
    "busy_attributed_ns": 5 * 10**9,
    "busy_operator_ns": 3 * 10**9,
    "unmetered_ns": 10**9,
    "busy_quality": "counter",
    "energy_parked_uj": 2_000_000,
    "energy_unmetered_uj": 3_000_000,
}


def parts(metrics, name):
    found = [
        (dict(labels), sample.value) for (key, labels), sample in samples(metrics).items() if key == name
    ]
    return {labels["part"]: value for labels, value in found}


def test_busy_time_is_counted_by_bucket_and_quality():
    metrics = Metrics(Recorder())
    for _ in range(2):
        metrics.totals({**TOTALS, **BUSY})
    assert parts(metrics, "gpu_probe_gpu_busy_seconds_total") == {
        "attributed": 10,
        "operator": 6,
        "unmetered": 2,
    }
    energy = parts(metrics, "gpu_probe_gpu_energy_joules_total")
    assert (energy["parked"], energy["unmetered"]) == (4, 6)
    keys = [labels for (name, labels) in samples(metrics) if name == "gpu_probe_gpu_busy_seconds_total"]
    assert all(("quality", "counter") in labels for labels in keys)


@pytest.mark.parametrize("absent", [{}, dict.fromkeys(BUSY) | {"busy_quality": "elapsed"}])
def test_busy_time_that_nothing_measures_is_absent(absent):
    metrics = Metrics(Recorder())
    metrics.totals({**{name: value for name, value in TOTALS.items() if name not in BUSY}, **absent})
    metrics.event({**EVENT, "gpu_busy_ns": None})
    assert not any("busy" in name for name, _ in samples(metrics))


def test_busy_time_of_sessions_is_counted_with_its_quality():
    metrics = Metrics(Recorder(), ["acme"])
    event = {**EVENT, "phase": "inference", "tenant_id": "acme", "model": "m", "gpu_busy_ns": 2 * 10**9}
    metrics.event({**event, "busy_quality": "counter"})
    metrics.event({**event, "busy_quality": "elapsed"})
    assert value(metrics, "gpu_probe_tenant_busy_seconds_total", tenant="acme") == 4
    labels = [
        dict(labels) for (name, labels) in samples(metrics) if name == "gpu_probe_model_busy_seconds_total"
    ]
    assert {each["quality"] for each in labels} == {"counter", "elapsed"}


def test_it_is_served():
    server = MetricsServer(Metrics(Recorder()), 0, "127.0.0.1")
    base = f"http://127.0.0.1:{server.port}"
    with urllib.request.urlopen(f"{base}/metrics") as answer:
        assert answer.headers["Content-Type"].startswith("text/plain; version=0.0.4")
        assert b"gpu_probe_info" in answer.read()
    asked = urllib.request.Request(f"{base}/metrics", headers={"Accept": "application/openmetrics-text"})
    with urllib.request.urlopen(asked) as answer:
        assert answer.read().endswith(b"# EOF\n")
    with urllib.request.urlopen(f"{base}/healthz") as answer:
        assert answer.read() == b"ok\n"
    with pytest.raises(urllib.error.HTTPError):
        urllib.request.urlopen(f"{base}/")
    server.close()
