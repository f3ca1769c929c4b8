"""Sessions, and the drafts of their events."""

from __future__ import annotations

from typing import Optional

from ..device.interface import Closed

INFERENCE = "inference"
# The operator's own use is shared with nobody.
SPAN_LABEL = "exclusive@1"


class Session:
    """An open session, or the operator's own use of the GPU. ``in_flight`` counts steps not yet booked."""

    __slots__ = (
        "closed",
        "draft",
        "in_flight",
        "last_end",
        "memory_peak",
        "memory_shared",
        "model",
        "model_version",
        "order",
        "phase",
        "project_id",
        "prompt_tokens",
        "quality",
        "seen_step",
        "sequence",
        "session_id",
        "tenant_id",
        "tokens_out",
        "user_id",
    )

    def __init__(
        self,
        order: int,
        session_id: str,
        tenant_id: str,
        project_id: str,
        user_id: Optional[str],
        model: str,
        model_version: str,
        prompt_tokens: int = 0,
        phase: str = INFERENCE,
    ) -> None:
        self.order = order
        self.session_id = session_id
        self.tenant_id = tenant_id
        self.project_id = project_id
        self.user_id = user_id
        self.model = model
        self.model_version = model_version
        self.prompt_tokens = prompt_tokens
        self.phase = phase
        self.sequence = 0
        self.in_flight = 0
        self.closed: Optional[Closed] = None
        self.draft: Optional[Draft] = None
        self.tokens_out = 0
        self.seen_step = False
        self.last_end = 0
        self.memory_peak = 0
        self.memory_shared = False
        self.quality = "measured"


class Draft:
    """An event in the making: one session in one minute. ``unsettled`` counts pieces that wait for the energy
    counter."""

    __slots__ = (
        "batch_size_sum",
        "begin",
        "busy_known",
        "busy_ns",
        "communication_ns",
        "covered_ns",
        "end",
        "energy_uj",
        "gpu_ns",
        "label",
        "memory_peak",
        "memory_shared",
        "nvlink_rx",
        "nvlink_tx",
        "outcome",
        "power_peak_mw",
        "power_time",
        "quality",
        "sequence",
        "session",
        "steps",
        "tokens_cached",
        "tokens_in",
        "tokens_out",
        "unsettled",
    )

    def __init__(self, session: Session, begin: int, policy_label: str) -> None:
        self.session = session
        self.label = policy_label if session.phase == INFERENCE else SPAN_LABEL
        self.begin = self.end = begin
        self.gpu_ns = self.communication_ns = self.busy_ns = 0
        self.busy_known = True
        self.steps = self.batch_size_sum = 0
        self.tokens_in = self.tokens_cached = self.tokens_out = 0
        self.energy_uj = self.covered_ns = self.power_time = self.power_peak_mw = 0
        self.nvlink_tx: Optional[int] = None
        self.nvlink_rx: Optional[int] = None
        self.unsettled = 0
        # Set when the draft is closed.
        self.outcome: Optional[str] = None
        self.sequence = 0
        self.memory_peak = 0
        self.memory_shared = False
        self.quality = "measured"
