from pathlib import Path

import pytest
from hypothesis import settings

ROOT = Path(__file__).resolve().parents[2]
TRACE = ROOT / "gpu-probe" / "traces" / "h100-serving-trace.jsonl.gz"
COALITIONS = ROOT / "gpu-probe" / "traces" / "h100-batch-coalitions.json"
SCHEMAS = ROOT / "schemas"

# The same cases on every run: a failure in CI is the failure at the desk. No deadline, the machine is shared.
settings.register_profile("meterhouse", deadline=None, derandomize=True)
settings.load_profile("meterhouse")


class Recorder:
    """An output that keeps what it is given."""

    def __init__(self):
        self.events = []
        self.minutes = []

    def event(self, record):
        self.events.append(record)

    def totals(self, record):
        self.minutes.append(record)


@pytest.fixture
def recorder():
    return Recorder()
