"""The steps of one call of ``generate``."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager
from typing import Any

from ..protocol import ProbeLike, Row, SessionHandle


class Prompts:
    """The inputs of one call of ``generate``: their padded ``width``, and the ``tokens`` of each without its
    padding."""

    def __init__(self, arguments: Mapping[str, Any]) -> None:
        named = arguments.get("kwargs", {})
        self.width = _width(arguments, named)
        self.tokens = _prompt_tokens(arguments, named)


class Steps:
    """A stopping criterion that never stops: called by ``generate`` after each step with all tokens so far.

    ``generate`` itself waits for the GPU right after it has asked its criteria, so reading the last tokens
    here moves that wait, and adds none.
    """

    def __init__(
        self,
        probe: ProbeLike,
        sessions: list[SessionHandle],
        model: Any,
        prompts: Prompts,
        arguments: Mapping[str, Any],
    ) -> None:
        self._probe = probe
        self._sessions = sessions
        named = arguments.get("kwargs", {})
        config = arguments.get("generation_config") or getattr(model, "generation_config", None)
        self._ends = _ends(named.get("eos_token_id", getattr(config, "eos_token_id", None)))
        self._length = self._start = prompts.width
        self._max_length = _max_length(named, config, self._start)
        self._beams = int(named.get("num_beams", getattr(config, "num_beams", 1)) or 1)
        self._prompts = prompts.tokens
        self._contexts = self._place_prompts()
        self._done: set[int] = set()
        self._made: dict[int, int] = {}
        self._open: AbstractContextManager[None] | None = None
        self._none: tuple[int, Any] = (0, None)

    def begin(self) -> None:
        """The prefill."""
        prompts = zip(self._prompts, self._contexts)
        self._enter([(self._session(at), tokens, context) for at, (tokens, context) in enumerate(prompts)])

    def note_result(self, result: Any) -> None:
        """What beams have made is known when the best of them are chosen."""
        sequences = getattr(result, "sequences", result)
        if self._beams == 1 or not hasattr(sequences, "shape"):
            return
        # The prompt is part of the result, unless the model has begun a sequence of its own.
        rows = sequences[:, min(self._start, int(sequences.shape[1])) :].tolist()
        for at, tokens in enumerate(rows):
            self._add_tokens(min(at * len(self._prompts) // len(rows), len(self._prompts) - 1), tokens)

    def note_tokens(self) -> None:
        """Tells the sessions what their callers got."""
        for prompt, tokens in self._made.items():
            session = self._session(prompt)
            session.tokens_out = (session.tokens_out or 0) + tokens
        self._made = {}

    def end(self) -> None:
        """Ends the step that is open, if any; for the end of the call and for exceptions."""
        step, self._open = self._open, None
        if step is not None:
            step.__exit__(None, None, None)

    def __call__(self, input_ids: Any, scores: Any, **_: Any) -> Any:
        self.end()
        count, length = int(input_ids.shape[0]), int(input_ids.shape[1])
        if self._beams == 1 and length > self._length:
            each = max(1, count // len(self._prompts))
            for at, tokens in enumerate(input_ids[:, self._length - length :].tolist()):
                if at not in self._done:
                    self._add_tokens(min(at // each, len(self._prompts) - 1), tokens)
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
        return self._nobody_stops(input_ids)

    def _rows(self, count: int, generated: int) -> list[Row]:
        """Beams and returned sequences of one prompt lie side by side."""
        each = max(1, count // len(self._prompts))
        rows: list[Row] = []
        for at in range(count):
            if at not in self._done:
                prompt = min(at // each, len(self._prompts) - 1)
                rows.append((self._session(prompt), 1, self._contexts[prompt] + generated))
        return rows

    def _place_prompts(self) -> list[int]:
        """The context behind each prompt. Prompts of one session follow one another, so that it has as many
        prompt tokens as they have together, and all its decoding is behind them."""
        ends: dict[int, int] = {}
        contexts = []
        for at, tokens in enumerate(self._prompts):
            key = id(self._session(at))
            ends[key] = ends.get(key, 0) + tokens
            contexts.append(ends[key])
        return contexts

    def _add_tokens(self, prompt: int, tokens: list[int]) -> None:
        """Up to the one that ends the sequence; what follows is padding."""
        last = next((at for at, token in enumerate(tokens) if token in self._ends), len(tokens) - 1)
        self._made[prompt] = self._made.get(prompt, 0) + last + 1

    def _session(self, at: int) -> SessionHandle:
        return self._sessions[at if at < len(self._sessions) else -1]

    def _nobody_stops(self, input_ids: Any) -> Any:
        """Made once: ``generate`` joins what criteria say into a tensor of its own."""
        count = input_ids.shape[0]
        if self._none[0] != count:
            import torch

            self._none = (count, torch.zeros(count, dtype=torch.bool, device=input_ids.device))
        return self._none[1]

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


def _prompt_tokens(arguments: Mapping[str, Any], named: Mapping[str, Any]) -> list[int]:
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
