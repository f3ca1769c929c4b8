"""What of a piece goes to the drafts of its sessions, beside its time and energy."""

from __future__ import annotations

from ..sharing import share
from .axis import Piece, Step
from .session import INFERENCE

_MILLION = 1_000_000


def book_communication(piece: Piece) -> None:
    """What of a piece's time was collectives."""
    step = piece.step
    if step.communication_ns and piece.drafts:
        communication = min(step.communication_ns, piece.device_ns)
        step.communication_ns -= communication
        for draft, part in zip(piece.drafts, share(communication, piece.shares)):
            draft.communication_ns += part


def book_profiled(piece: Piece) -> None:
    """What of a piece's time was kernels, where steps of its shape were looked into."""
    busy_ppm = piece.step.busy_ppm
    for draft, part in zip(piece.drafts, piece.shares):
        draft.busy_counted = False
        if busy_ppm is None:
            draft.busy_known = False
        else:
            draft.busy_measured = True
            draft.busy_ns += part * busy_ppm // _MILLION


def book_busy(piece: Piece) -> None:
    """What of a piece's time the card worked, by its own counter. Shared like time: who needs more of a step
    keeps the card busy for longer."""
    use, minute = piece.use, piece.minute
    if use is None:
        return
    if piece.drafts[0].session.phase == INFERENCE:
        minute.busy_attributed_ns += use.busy_ns
    else:
        minute.busy_operator_ns += use.busy_ns
    for draft, part, time in zip(piece.drafts, share(use.busy_ns, piece.shares), piece.shares):
        draft.busy_ns += part
        if use.quality == "elapsed":
            draft.busy_sampled_ns += time
            continue
        draft.busy_measured = True
        if use.quality == "sampled":
            draft.busy_sampled_ns += part


def share_nvlink(piece: Piece) -> None:
    if piece.nvlink_tx is not None:
        for draft, part in zip(piece.drafts, share(piece.nvlink_tx, piece.shares)):
            draft.nvlink_tx = (draft.nvlink_tx or 0) + part
    if piece.nvlink_rx is not None:
        for draft, part in zip(piece.drafts, share(piece.nvlink_rx, piece.shares)):
            draft.nvlink_rx = (draft.nvlink_rx or 0) + part


def count_tokens(step: Step, last: Piece) -> None:
    for session, draft, (new, context, prefill) in zip(step.sessions, last.drafts, step.works):
        if session.phase != INFERENCE:
            continue
        prompt = session.prompt_tokens
        if not session.seen_step:
            session.seen_step = True
            draft.tokens_cached += min(context - new, prompt)
        if prefill:
            draft.tokens_in += min(context, prompt) - (context - new)
        if context >= prompt:
            draft.tokens_out += 1
            session.tokens_out += 1
