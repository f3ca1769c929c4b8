"""The records that a device gives the accounting, in order.

All ``*_ns`` instants are nanoseconds since the Unix epoch on the GPU's axis (a live device maps CUDA event
times to it), all durations nanoseconds. Sessions and steps are named by the device with whole numbers that
grow in order of opening.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple, Protocol


class DeviceInfo(NamedTuple):
    """One GPU (or MIG instance) as one process of one rank sees it.

    ``power`` is false where the hardware does not report energy: events then carry null and not 0;
    ``energy_quality`` says what the readings are, the counter's or integrated power. ``activity`` says what
    the card's busy time is read from, None where nothing tells it; ``bare_idle_mw`` is what the card draws
    without any process, None where nobody measured it.
    ``probe_start_ns`` is when the probe began to watch; with session, sequence and rank it makes an event's
    id.
    """

    node: str
    container_id: str | None
    gpu_uuid: str
    gpu_model: str
    mig_profile: str | None
    sharing: str  # exclusive | mps | timeslice
    rank: int
    world_size: int
    memory_total_bytes: int
    power: bool
    power_limit_mw: int | None
    probe_start_ns: int
    energy_quality: str = "counter"  # counter | integral
    activity: str | None = None  # counter | sampled
    bare_idle_mw: int | None = None


class SessionOpened(NamedTuple):
    """A session begins. ``prompt_tokens`` tell its prefill rows from its decode rows. ``ticket`` is what a
    server in front of the engine may ask by, ``session_token`` what a gateway signed for it."""

    session: int
    at_ns: int
    session_id: str
    tenant_id: str
    project_id: str
    user_id: str | None
    model: str
    model_version: str
    prompt_tokens: int
    ticket: str | None = None
    session_token: str | None = None


class SessionClosed(NamedTuple):
    """A session is over for its caller. Steps in flight still count for it. ``tokens_out`` is None where not
    known."""

    session: int
    at_ns: int
    outcome: str  # ok | error | timeout | cancelled | interrupted
    tokens_out: int | None


class Row(NamedTuple):
    """A session's part in a step: tokens computed in it, and tokens in its context after it."""

    session: int
    new_tokens: int
    context_tokens: int


class StepSubmitted(NamedTuple):
    """A step went to the GPU with these sessions in it. Each is answered by one Measured or Missed."""

    step: int
    sessions: tuple[int, ...]


class StepMeasured(NamedTuple):
    """A step has ended. No step that is still unmeasured begins before ``settled_ns``.

    ``host_submit_ns`` is how long the host took to launch it, ``memory_peak_bytes`` the allocator's peak
    since the last report, ``busy_ppm`` the sampled part of it in which kernels ran, millionths; None where
    not known. ``communication_ns`` of it went to collectives. A ``cold`` step compiled, captured or met its
    shape for the first time: its time is the operator's, its tokens are the sessions'.
    """

    step: int
    begin_ns: int
    elapsed_ns: int
    rows: tuple[Row, ...]
    settled_ns: int
    host_submit_ns: int | None = None
    memory_peak_bytes: int | None = None
    communication_ns: int = 0
    busy_ppm: int | None = None
    cold: bool = False


class StepMissed(NamedTuple):
    """A step ran without being measured, somewhere in [begin_ns, end_ns): time used, and nobody's."""

    step: int
    begin_ns: int
    end_ns: int
    settled_ns: int


class OperatorSpan(NamedTuple):
    """The operator's own use of the GPU: loading a model, warming up. ``quality`` as in
    gpu_time_event.time_quality."""

    phase: str  # load | warmup
    begin_ns: int
    elapsed_ns: int
    quality: str
    model: str
    model_version: str
    settled_ns: int
    memory_peak_bytes: int | None = None


class PowerSample(NamedTuple):
    """A reading of the power sensor: instantaneous milliwatts and the cumulative counter in millijoules.

    The NVLink counters are cumulative too; None where the hardware has no links or does not say.
    """

    at_ns: int
    power_mw: int
    energy_mj: int
    nvlink_tx_bytes: int | None = None
    nvlink_rx_bytes: int | None = None


class ActivitySample(NamedTuple):
    """The card worked ``busy_ns`` of [begin_ns, end_ns), as it says some time later (busy/lag.py)."""

    begin_ns: int
    end_ns: int
    busy_ns: int
    quality: str  # counter | sampled


class Neighbours(NamedTuple):
    """Other processes used the card by ``at_ns``, each as pid:name."""

    at_ns: int
    names: tuple[str, ...]


class MemorySample(NamedTuple):
    """The allocator's peak since the last report and what it holds now, read where a session opens or
    closes."""

    peak_bytes: int
    allocated_bytes: int


class TimeAdvanced(NamedTuple):
    """No step that is still unmeasured begins before ``settled_ns``: lets an idle GPU's minutes be
    written."""

    settled_ns: int


class ClockSet(NamedTuple):
    """Somebody set the wall clock, or the machine slept: it is ``shift_ns`` ahead of the axis of all other
    instants, from the next minute on."""

    shift_ns: int


class WatchEnded(NamedTuple):
    """The probe stops watching. Sessions still open end as interrupted."""

    at_ns: int


Record = (
    SessionOpened
    | SessionClosed
    | StepSubmitted
    | StepMeasured
    | StepMissed
    | OperatorSpan
    | PowerSample
    | ActivitySample
    | Neighbours
    | MemorySample
    | TimeAdvanced
    | ClockSet
    | WatchEnded
)


class Device(Protocol):
    """A source of records: ``replay`` reads a recording; a live device fills a queue from the serving
    threads."""

    @property
    def info(self) -> DeviceInfo: ...

    def records(self) -> Iterator[Record]:
        """The records in order, the last of them Ended. Can be called once."""
        ...
