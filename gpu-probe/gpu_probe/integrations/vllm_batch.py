"""From vLLM's scheduler output to sessions and the rows of a step."""

from __future__ import annotations

import logging
from contextlib import AbstractContextManager
from typing import Any

from ..protocol import ProbeLike, Row
from .computed import PromptProgress
from .labels import clean_label, from_headers
from .vllm_labels import labels_of
from .vllm_scheduler import ABORTED, TOKENS

log = logging.getLogger(__name__)
# Made-up requests that compile kernels, where they come outside of a worker's warm-up.
_WARMUP = ("_warmup_", "_v2_mixed_warmup_")


class Batches:
    """The open sessions of one model runner, by vLLM's request id, and its step under way."""

    def __init__(self, probe: ProbeLike, model: str) -> None:
        self.probe = probe
        self.model = model
        # A runner that extends another calls the other's execute_model inside of its own.
        self.executing = False
        self._sessions: dict[str, PromptProgress] = {}
        self._step: AbstractContextManager[None] | None = None
        self._failed = False

    def open_step(self, rows: list[Row]) -> None:
        """A step begins. It ends with ``end_step``, which may be in another call of vLLM's."""
        self.executing = True
        self._step = self.probe.step(rows)
        self._step.__enter__()

    def end_step(self) -> None:
        """Ends the step that is open, if any."""
        step, self._step = self._step, None
        if step is not None:
            step.__exit__(None, None, None)

    def begin(self, output: Any) -> list[Row]:
        """Closes what has finished and opens what is new; the rows of the step.

        No rows where vLLM hands over something else than expected, which is logged once: better unmeasured
        than served wrong.
        """
        try:
            self._close(output)
            return self._scheduled(output)
        except (AttributeError, TypeError, KeyError, IndexError):
            if not self._failed:
                log.exception(
                    "gpu-probe does not know this vLLM's scheduler output: its steps are not measured"
                )
            self._failed = True
            return []

    def _close(self, output: Any) -> None:
        aborted, tokens = getattr(output, ABORTED, ()), getattr(output, TOKENS, {})
        for request in output.finished_req_ids:
            progress = self._sessions.pop(request, None)
            if progress is not None:
                outcome = "cancelled" if request in aborted else "ok"
                progress.session.close(outcome, tokens.get(request))

    def _scheduled(self, output: Any) -> list[Row]:
        computed: dict[str, int] = {}
        for new in output.scheduled_new_reqs:
            if new.req_id.startswith(_WARMUP):
                continue
            computed[new.req_id] = new.num_computed_tokens
            # A request that was preempted can come as new again; it is the same session.
            if new.req_id not in self._sessions:
                self._sessions[new.req_id] = self._open(new)
        cached = output.scheduled_cached_reqs
        computed.update(zip(cached.req_ids, cached.num_computed_tokens))
        rows: list[Row] = []
        for request, tokens in output.num_scheduled_tokens.items():
            progress = self._sessions.get(request)
            if progress is not None:
                rows += progress.rows(tokens, computed[request] + tokens)
        return rows

    def _open(self, new: Any) -> PromptProgress:
        adapter = getattr(getattr(new, "lora_request", None), "lora_name", None)
        labels = from_headers(labels_of(new), adapter or self.model)
        labels = labels._replace(session_id=labels.session_id or clean_label(new.req_id))
        tokens = _prompt_tokens(new)
        return PromptProgress(self.probe.open_session(**labels.fields(), prompt_tokens=tokens), tokens)


def _prompt_tokens(new: Any) -> int:
    if new.prompt_token_ids is not None:
        return len(new.prompt_token_ids)
    embeds = getattr(new, "prompt_embeds", None)
    return 0 if embeds is None else int(embeds.shape[0])
