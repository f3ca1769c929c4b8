"""What a probe takes from the environment reaches its meter."""

import pytest

from gpu_probe import environment


@pytest.fixture
def given(monkeypatch):
    made = []
    monkeypatch.setattr(environment, "Probe", lambda device, **options: made.append(options["meter_options"]))

    def options(**variables):
        environment.probe_from_environment({"GPU_PROBE_STATE_DIR": "/none", **variables})
        return made[-1]

    return options


def test_metrics_are_this_machines_alone_unless_a_host_is_set(given):
    assert given(METERHOUSE_METRICS_PORT="9400") == ["--metrics-port", "9400"]
    options = given(METERHOUSE_METRICS_PORT="9400", METERHOUSE_METRICS_HOST="0.0.0.0")
    assert options == ["--metrics-host", "0.0.0.0", "--metrics-port", "9400"]
