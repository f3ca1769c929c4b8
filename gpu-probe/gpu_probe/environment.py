"""A probe made from the environment, for frameworks that load plug-ins and give them no arguments."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from .journal import JournalError
from .probe import Probe
from .sharing import load_coefficients

# Options of gpu-probe meter by the variable that sets them.
_METER_OPTIONS = {
    "METERHOUSE_KAFKA_BROKERS": "--brokers",
    "METERHOUSE_TOPIC": "--topic",
    "METERHOUSE_GATEWAY_URL": "--url",
    "GPU_PROBE_KAFKA_OPTION_FILE": "--kafka-option-file",
    "GPU_PROBE_TOKEN_FILE": "--token-file",
    "GPU_PROBE_CA_FILE": "--ca-file",
    "METERHOUSE_METRICS_HOST": "--metrics-host",
    "GPU_PROBE_METRICS_TENANTS": "--metrics-tenants",
}
_PROCESSES_MAX = 64


def probe_from_environment(environment: Mapping[str, str] | None = None) -> Probe:
    """GPU_PROBE_DEVICE (cuda), GPU_PROBE_STATE_DIR, GPU_PROBE_POLICY, GPU_PROBE_COEFFICIENTS (a file),
    GPU_PROBE_REFIT (1), GPU_PROBE_SPREAD (1), GPU_PROBE_OPERATOR, GPU_PROBE_BUSY_SAMPLING, and where to
    publish: METERHOUSE_KAFKA_BROKERS or METERHOUSE_GATEWAY_URL, and METERHOUSE_METRICS_PORT with
    METERHOUSE_METRICS_HOST (127.0.0.1; in a pod 0.0.0.0).

    Several processes may be given the same GPU_PROBE_STATE_DIR (the workers of one engine): each takes the
    first of its folders 0, 1, … that is free, and the metrics port that many above the one given.
    """
    variables = os.environ if environment is None else environment
    options: list[str] = []
    for name, option in _METER_OPTIONS.items():
        if variables.get(name):
            options += [option, variables[name]]
    port = int(variables.get("METERHOUSE_METRICS_PORT") or 0)
    for number in range(_PROCESSES_MAX):
        at_port = ["--metrics-port", str(port + number)] if port else []
        try:
            return _probe(variables, number, options + at_port)
        except JournalError:
            if not variables.get("GPU_PROBE_STATE_DIR") or number == _PROCESSES_MAX - 1:
                raise
    raise AssertionError("unreachable")


def _probe(variables: Mapping[str, str], number: int, options: list[str]) -> Probe:
    folder = variables.get("GPU_PROBE_STATE_DIR")
    coefficients = variables.get("GPU_PROBE_COEFFICIENTS")
    return Probe(
        variables.get("GPU_PROBE_DEVICE", "cuda"),
        state_dir=Path(folder) / str(number) if folder else None,
        policy=variables.get("GPU_PROBE_POLICY", "fitted-hinge"),
        coefficients=load_coefficients(coefficients) if coefficients else None,
        refit=variables.get("GPU_PROBE_REFIT") == "1",
        spread=variables.get("GPU_PROBE_SPREAD") == "1",
        operator=variables.get("GPU_PROBE_OPERATOR", "operator"),
        busy_sampling=float(variables.get("GPU_PROBE_BUSY_SAMPLING", 0)),
        meter_options=options,
    )
