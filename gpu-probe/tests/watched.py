"""A probe on made-up GPUs, with its events at hand."""

from conftest import Recorder
from fake_gpu import InstantGpu

from gpu_probe import Probe
from gpu_probe.accounting import Account

MS = 1_000_000
LABELS = {"tenant_id": "acme", "project_id": "chat", "model": "m"}


class Watched:
    """A probe with its GPUs and its events at hand."""

    def __init__(self, folder, gpus=1, power=None, **options):
        self.output = Recorder()
        self.account = Account(self.output)
        self.gpus = [InstantGpu(power=power, uuid=f"GPU-{number}") for number in range(gpus)]
        self.gpu = self.gpus[0]
        options = {"policy": "equal", "cold_start": False, **options}
        self.probe = Probe(self.gpus, output=self.account, state_dir=folder, **options)

    def end(self):
        self.probe.close(20)
        assert self.account.faults() == []
        return self.output.events

    def of(self, session_id):
        """The events of a session, added up: GPU time, steps, tokens; the last one's outcome."""
        mine = [event for event in self.output.events if event["session_id"] == session_id]
        sums = [sum(event[name] for event in mine) for name in ("gpu_time_ns", "batch_steps", "tokens_out")]
        return (*sums, mine[-1]["outcome"])
