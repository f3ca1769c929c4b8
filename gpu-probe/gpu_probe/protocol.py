"""What the integrations need of a probe.

``gpu_probe.Probe`` has it; a test may bring its own.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager
from typing import Protocol

from .usage import Usage


class SessionHandle(Protocol):
    """One open session: an inference request or stream. ``tokens_out``: what its caller got so far, where the
    engine knows better than a count of steps; None where it does not."""

    tokens_out: int | None

    @property
    def session_id(self) -> str: ...

    async def usage_soon(self, wait_s: float = 0.05, settled: bool = False) -> Usage:
        """What it has used so far, or why that is not known."""
        ...

    def note_prompt(self, tokens: int) -> None:
        """How long its prompt is, from an engine that has counted it; nothing where it was known."""
        ...

    def close(self, outcome: str = "ok", tokens_out: int | None = None) -> None:
        """The session is over for its caller: ok, error, timeout, cancelled or interrupted.

        May be called from any thread, never blocks and never touches the GPU. The first call counts, later
        ones do nothing: so a ``with`` block ends quietly after its session was closed by hand.
        """
        ...


Row = tuple[SessionHandle | str, int, int]
"""A session (or its session_id), tokens computed for it in the step, tokens in its context after the
step."""


class ProbeLike(Protocol):
    """Labels are the fields of the same name of gpu_time_event; a ``session_id`` of None makes a new one.

    Nothing here raises because of what the GPU, the sensor or the disk does: a probe that cannot measure
    counts what it missed and lets the model run.
    """

    def open_session(
        self,
        *,
        tenant_id: str,
        project_id: str,
        model: str,
        model_version: str = "unknown",
        user_id: str | None = None,
        session_id: str | None = None,
        prompt_tokens: int = 0,
        ticket: str | None = None,
        session_token: str | None = None,
    ) -> SessionHandle:
        """Opens a session and measures nothing by itself: its GPU time is its rows' in ``step``. By the
        ``ticket`` a server in another process may ask what it uses. Its events carry the
        ``session_token``, what a gateway signed for it."""
        ...

    def session(
        self,
        *,
        tenant_id: str,
        project_id: str,
        model: str,
        model_version: str = "unknown",
        user_id: str | None = None,
        session_id: str | None = None,
        prompt_tokens: int = 0,
        session_token: str | None = None,
    ) -> AbstractContextManager[SessionHandle]:
        """For plain code: opens a session, makes it the current one, measures the GPU work launched in the
        block as a step of its own (where no ``step`` is open inside), closes it with ok, or with cancelled
        (CancelledError, GeneratorExit), timeout (TimeoutError) or error by what left the block."""
        ...

    def use(self, session: SessionHandle) -> AbstractContextManager[None]:
        """Makes an open session the current one of this task or thread (contextvars); neither measures nor
        closes."""
        ...

    def current(self) -> SessionHandle | None:
        """The current session of this task or thread."""
        ...

    def step(self, rows: Sequence[Row]) -> AbstractContextManager[None]:
        """Measures the GPU work launched in the block as one step of these rows.

        Without rows it is nobody's, booked as unattributed. A step inside a step measures nothing: the outer
        one has it.
        """
        ...

    def warmup(
        self, model: str = "unknown", model_version: str = "unknown", phase: str = "warmup"
    ) -> AbstractContextManager[None]:
        """GPU work launched in the block is the operator's. ``phase`` is warmup or load."""
        ...
