"""The steps of one call of ``generate``."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager
from typing import Any

from ..protocol import ProbeLike, Row, SessionHandle


class Steps:
    """A stopping criterion that never stops: called by ``generate`` after each step with all tokens so far.

    ``generate`` itself waits for the GPU right after it has asked its criteria, so reading the last tokens
    here moves that wait, and adds none.
    """

    def __init__(
        self, probe: ProbeLike, sessions: list[SessionHandle], model: Any, arguments: Mapping[str, Any]
    ) -> None:
        self._probe = probe
        self._sessions = sessions
        named = arguments.get("kwargs", {})
        config = arguments.get("generation_config") or getattr(model, "generation_config", None)
        self._ends = _ends(named.get("eos_token_id", getattr(config, "eos_token_id", None)))
        self._prompts = _prompts(arguments, named)
        self._length = self._start = _width(arguments, named)
        self._max_length = _max_length(named, config, self._start)
        self._beams = int(named.get("num_beams", getattr(config, "num_beams", 1)) or 1)
        self._done: set[int] = set()
        self._open: AbstractContextManager[None] | None = None

    def begin(self) -> None:
        """The prefill."""
        self._enter([(self._session(at), prompt, prompt) for at, prompt in enumerate(self._prompts)])

    def end(self) -> None:
        """Ends the step that is open, if any; for the end of the call and for exceptions."""
        step, self._open = self._open, None
        if step is not None:
            step.__exit__(None, None, None)

    def __call__(self, input_ids: Any, scores: Any, **_: Any) -> Any:
        self.end()
        count, length = int(input_ids.shape[0]), int(input_ids.shape[1])
        if self._ends and self._beams == 1 and length > self._length:
            for at, tokens in enumerate(input_ids[:, self._length - length :].tolist()):
                if any(token in self._ends for token in tokens):
                    self._done.add(at)
        # Some models begin a sequence of their own instead of continuing the prompt's.
        self._start = min(self._start, length - 1)
        self._length = length
        if self._beams > 1:
            # Beam search shows its candidates, twice as many as the beams that run.
            count = len(self._prompts) * self._beams
        if len(self._done) < count and not (self._max_length and length >= self._max_length):
            self._enter(self._rows(count, length - self._start))
        return _nobody_stops(input_ids)

    def _rows(self, count: int, generated: int) -> list[Row]:
        """Beams and returned sequences of one prompt lie side by side."""
        each = max(1, count // len(self._prompts))
        rows: list[Row] = []
        for at in range(count):
            if at not in self._done:
                prompt = min(at // each, len(self._prompts) - 1)
                rows.append((self._session(prompt), 1, self._prompts[prompt] + generated))
        return rows

    def _session(self, at: int) -> SessionHandle:
        return self._sessions[at if at < len(self._sessions) else -1]

    def _enter(self, rows: list[Row]) -> None:
        self._open = self._probe.step(rows)
        self._open.__enter__()


def _inputs(arguments: Mapping[str, Any], named: Mapping[str, Any]) -> Any:
    for name in ("inputs", "input_ids", "inputs_embeds", "input_features", "pixel_values"):
        value = arguments.get(name, named.get(name))
        if value is not None:
            return value
    return None


def _width(arguments: Mapping[str, Any], named: Mapping[str, Any]) -> int:
    inputs = _inputs(arguments, named)
    return int(inputs.shape[1]) if inputs is not None and len(inputs.shape) > 1 else 1


def _prompts(arguments: Mapping[str, Any], named: Mapping[str, Any]) -> list[int]:
    """Tokens of each prompt, without its padding."""
    mask = named.get("attention_mask")
    if mask is not None and len(mask.shape) == 2:
        return [max(1, int(tokens)) for tokens in mask.sum(-1).tolist()]
    inputs = _inputs(arguments, named)
    return [_width(arguments, named)] * (int(inputs.shape[0]) if inputs is not None else 1)


def _ends(declared: Any) -> set[int]:
    if declared is None:
        return set()
    if hasattr(declared, "tolist"):
        declared = declared.tolist()
    return set(declared) if isinstance(declared, (list, tuple, set)) else {int(declared)}


def _max_length(named: Mapping[str, Any], config: Any, width: int) -> int | None:
    """Where ``generate`` will stop, so that no empty step is begun after the last one; a guess costs
    nothing more."""
    new = named.get("max_new_tokens", getattr(config, "max_new_tokens", None))
    if new is not None:
        return width + int(new)
    length = named.get("max_length", getattr(config, "max_length", None))
    return None if length is None else int(length)


def _nobody_stops(input_ids: Any) -> Any:
    import torch

    return torch.zeros(input_ids.shape[0], dtype=torch.bool, device=input_ids.device)
