"""From vLLM's scheduler output to sessions and the rows of a step."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

from ..protocol import ProbeLike, Row, SessionHandle
from .labels import PROJECT, SESSION, TENANT, USER, from_headers

log = logging.getLogger(__name__)
ABORTED = "gpu_probe_aborted"
_HEADERS = (TENANT, PROJECT, USER, SESSION)


class Batches:
    """The open sessions of one model runner, by vLLM's request id."""

    def __init__(self, probe: ProbeLike, model: str) -> None:
        self.probe = probe
        self.model = model
        self._sessions: dict[str, SessionHandle] = {}
        self._rows: list[Row] = []
        self._failed = False

    def begin(self, output: Any) -> list[Row]:
        """Closes what has finished and opens what is new; the rows of the step.

        No rows where vLLM hands over something else than expected, which is logged once: better unmeasured
        than served wrong.
        """
        try:
            self._close(output)
            self._rows = self._scheduled(output)
        except (AttributeError, TypeError, KeyError, IndexError):
            self._rows = []
            if not self._failed:
                log.exception(
                    "gpu-probe does not know this vLLM's scheduler output: its steps are not measured"
                )
            self._failed = True
        return self._rows

    def sampling_rows(self) -> list[Row]:
        """The rows of the last step, with no new tokens: their tokens are counted already."""
        rows: list[Row] = [(session, 0, context) for session, _, context in self._rows]
        self._rows = []
        return rows

    def _close(self, output: Any) -> None:
        aborted = getattr(output, ABORTED, ())
        for request in output.finished_req_ids:
            session = self._sessions.pop(request, None)
            if session is not None:
                session.close("cancelled" if request in aborted else "ok")

    def _scheduled(self, output: Any) -> list[Row]:
        computed: dict[str, int] = {}
        for new in output.scheduled_new_reqs:
            computed[new.req_id] = new.num_computed_tokens
            # A request that was preempted can come as new again; it is the same session.
            if new.req_id not in self._sessions:
                self._sessions[new.req_id] = self._open(new)
        cached = output.scheduled_cached_reqs
        computed.update(zip(cached.req_ids, cached.num_computed_tokens))
        return [
            (self._sessions[request], tokens, computed[request] + tokens)
            for request, tokens in output.num_scheduled_tokens.items()
            if request in self._sessions
        ]

    def _open(self, new: Any) -> SessionHandle:
        labels = from_headers(_labels(new), self.model)
        fields = labels.fields()
        fields["session_id"] = labels.session_id or new.req_id
        return self.probe.open_session(**fields, prompt_tokens=_prompt_tokens(new))


def _labels(new: Any) -> dict[str, str]:
    """The labels of a request, under the names of the headers."""
    parameters: Mapping[str, Any] = {}
    if new.sampling_params is not None:
        parameters = getattr(new.sampling_params, "extra_args", None) or {}
    elif new.pooling_params is not None:
        parameters = getattr(new.pooling_params, "extra_kwargs", None) or {}
    names = {header: header.replace("x-meterhouse-", "meterhouse_") for header in _HEADERS}
    return {header: str(parameters[name]) for header, name in names.items() if name in parameters}


def _prompt_tokens(new: Any) -> int:
    if new.prompt_token_ids is not None:
        return len(new.prompt_token_ids)
    embeds = getattr(new, "prompt_embeds", None)
    return 0 if embeds is None else int(embeds.shape[0])
