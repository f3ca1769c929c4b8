"""Sessions, and the drafts of their events."""

from __future__ import annotations

from dataclasses import dataclass, field

from ..device.interface import SessionClosed
from ..usage import Figures

INFERENCE = "inference"
# The operator's own use is shared with nobody.
SPAN_LABEL = "exclusive@1"
# So much of a session's busy time may come from classes of steps that the counter has taught little of.
_SAMPLED_PERCENT = 5


@dataclass(slots=True, eq=False)
class SessionUsage:
    """An open session, or the operator's own use of the GPU. ``in_flight`` counts steps not yet booked.

    ``given`` is what its events said so far, ``waiting`` are its closed drafts that are not events yet.
    ``ticket`` is what a server in front may ask by, ``session_token`` what a gateway signed."""

    order: int
    session_id: str
    tenant_id: str
    project_id: str
    user_id: str | None
    model: str
    model_version: str
    prompt_tokens: int = 0
    phase: str = INFERENCE
    sequence: int = 0
    in_flight: int = 0
    closed: SessionClosed | None = None
    draft: Draft | None = None
    tokens_out: int = 0
    seen_step: bool = False
    last_end: int = 0
    memory_peak: int = 0
    memory_shared: bool = False
    quality: str = "measured"
    given: Figures = field(default_factory=Figures)
    waiting: list[Draft] = field(default_factory=list)
    ticket: str | None = None
    session_token: str | None = None

    @property
    def is_over(self) -> bool:
        """Closed, and none of its steps is under way: nothing is added to it any more."""
        return self.closed is not None and self.in_flight == 0


@dataclass(slots=True, eq=False)
class Draft:
    """An event in the making: one session in one minute. ``label`` is the policy's. ``unsettled`` counts
    pieces that wait for the card's counters, ``unsettled_ns`` their time. Busy time is ``busy_measured`` of
    some piece, ``busy_known`` of every piece that must have it, and ``busy_counted`` where it is the activity
    counter's but for ``busy_sampled_ns``. ``outcome`` and what follows it are set when the draft is
    closed."""

    session: SessionUsage
    label: str
    begin: int
    end: int
    gpu_ns: int = 0
    communication_ns: int = 0
    busy_ns: int = 0
    busy_known: bool = True
    busy_measured: bool = False
    busy_counted: bool = True
    busy_sampled_ns: int = 0
    steps: int = 0
    batch_size_sum: int = 0
    tokens_in: int = 0
    tokens_cached: int = 0
    tokens_out: int = 0
    energy_uj: int = 0
    covered_ns: int = 0
    power_time: int = 0  # milliwatt nanoseconds of the whole device
    power_peak_mw: int = 0
    nvlink_tx: int | None = None
    nvlink_rx: int | None = None
    unsettled: int = 0
    unsettled_ns: int = 0
    outcome: str | None = None
    sequence: int = 0
    memory_peak: int = 0
    memory_shared: bool = False
    quality: str = "measured"

    @property
    def busy_quality(self) -> str:
        """counter, sampled, or elapsed: nothing measured it."""
        if not (self.busy_known and self.busy_measured):
            return "elapsed"
        is_counted = self.busy_counted and self.busy_sampled_ns * 100 <= self.busy_ns * _SAMPLED_PERCENT
        return "counter" if is_counted else "sampled"
