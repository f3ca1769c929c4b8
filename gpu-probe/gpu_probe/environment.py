"""A probe made from the environment, for frameworks that load plug-ins and give them no arguments."""

from __future__ import annotations

import os
from typing import List, Mapping, Optional

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
}


def probe_from_environment(environment: Optional[Mapping[str, str]] = None) -> Probe:
    """GPU_PROBE_DEVICE (cuda), GPU_PROBE_STATE_DIR, GPU_PROBE_POLICY, GPU_PROBE_COEFFICIENTS (a file),
    GPU_PROBE_OPERATOR, GPU_PROBE_BUSY_SAMPLING, and where to publish: METERHOUSE_KAFKA_BROKERS or
    METERHOUSE_GATEWAY_URL."""
    given = os.environ if environment is None else environment
    options: List[str] = []
    for name, option in _METER_OPTIONS.items():
        if given.get(name):
            options += [option, given[name]]
    coefficients = given.get("GPU_PROBE_COEFFICIENTS")
    return Probe(
        given.get("GPU_PROBE_DEVICE", "cuda"),
        state_dir=given.get("GPU_PROBE_STATE_DIR"),
        policy=given.get("GPU_PROBE_POLICY", "fitted-hinge"),
        coefficients=load_coefficients(coefficients) if coefficients else None,
        operator=given.get("GPU_PROBE_OPERATOR", "operator"),
        busy_sampling=float(given.get("GPU_PROBE_BUSY_SAMPLING", 0)),
        meter_options=options,
    )
