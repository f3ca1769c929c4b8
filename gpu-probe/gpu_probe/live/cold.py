"""Which steps are cold: the operator's time, and not that of the sessions in them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from ..device.interface import Row
from .session_table import SessionTable


@dataclass(slots=True, eq=False)
class ColdSteps:
    """A step is cold when it is the first of about its size, of a model that nobody warmed up."""

    enabled: bool
    _warm_models: set[str] = field(default_factory=set)
    _shapes: set[tuple[str, bool, int]] = field(default_factory=set)

    def warm_up(self, model: str) -> None:
        """The model was loaded or warmed up: its steps are never cold by their size."""
        self._warm_models.add(model)

    def take(self, rows: Sequence[Row], sessions: SessionTable) -> bool:
        """Whether a step of these rows is cold; the next one of its size is not."""
        if not rows or not self.enabled:
            return False
        opened = sessions.of(rows[0].session)
        if opened.model in self._warm_models:
            return False
        prefill = any(
            row.context_tokens - row.new_tokens < sessions.of(row.session).prompt_tokens for row in rows
        )
        shape = (opened.model, prefill, sum(row.new_tokens for row in rows).bit_length())
        if shape in self._shapes:
            return False
        self._shapes.add(shape)
        return True
