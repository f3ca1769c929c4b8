"""Hugging Face transformers: measures ``generate`` step by step.

Written for transformers 4.57 to 5.24 (4.40 and later have the same hooks). ``install()`` wraps
``GenerationMixin.generate`` for all models. A stopping criterion, which ``generate`` asks after every step,
marks the steps; a sequence that has ended takes no part in later ones, so a padded batch's tail is paid by
those that made it long.
"""

from __future__ import annotations

import functools
import inspect
import logging
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from typing import Any

from ..outcome import outcome_of
from ..protocol import ProbeLike, SessionHandle
from . import transformers_batching
from .default import get_probe
from .labels import Labels
from .transformers_requests import caller
from .transformers_steps import Prompts, Steps

log = logging.getLogger(__name__)
_MARK = "_gpu_probe"


def install(probe: ProbeLike | None = None, default: Labels | None = None) -> None:
    """Wraps ``GenerationMixin.generate``; a second call does nothing.

    Whose a call is: ``generate(…, probe_sessions=[…])`` names an open session for each sequence (or one for
    all); else the current session; else a session with the ``default`` labels is opened for the call.
    Threads do not inherit the current session: with a TextIteratorStreamer give ``probe_sessions``.
    Continuous batching is wrapped too (transformers_batching.py).
    """
    try:
        from transformers.generation.utils import GenerationMixin
    except ImportError as error:
        raise RuntimeError("gpu_probe.integrations.transformers needs transformers 4.40 or later") from error
    if getattr(GenerationMixin, _MARK, False):
        return
    GenerationMixin.generate = measured(GenerationMixin.generate, probe, default)
    setattr(GenerationMixin, _MARK, True)
    transformers_batching.install(probe, default)


def measured(
    original: Callable[..., Any], given: ProbeLike | None = None, default: Labels | None = None
) -> Callable[..., Any]:
    """``generate`` with measuring around it; all its arguments are kept."""
    signature = inspect.signature(original)

    @functools.wraps(original)
    def generate(model: Any, *args: Any, probe_sessions: Any = None, **named: Any) -> Any:
        probe = given or get_probe()
        call = signature.bind(model, *args, **named)
        with ExitStack() as cleanup:
            prompts = Prompts(call.arguments)
            sessions = _sessions(probe, probe_sessions, model, default or Labels(), prompts, cleanup)
            steps = Steps(probe, sessions, model, prompts, call.arguments)
            _add_criterion(call.arguments, steps)
            cleanup.callback(steps.note_tokens)
            cleanup.callback(steps.end)
            steps.begin()
            result = original(*call.args, **call.kwargs)
            steps.note_result(result)
            return result

    return generate


def _sessions(
    probe: ProbeLike, given: Any, model: Any, default: Labels, prompts: Prompts, cleanup: ExitStack
) -> list[SessionHandle]:
    if given is not None:
        return list(given) if isinstance(given, Sequence) else [given]
    by = caller(probe, default, model)
    if by.session is not None:
        by.session.note_prompt(sum(prompts.tokens))
        return [by.session]
    labels = by.labels._replace(session_id=by.next_session_id())
    session = probe.open_session(**labels.fields(), prompt_tokens=sum(prompts.tokens))
    cleanup.push(lambda kind, error, trace: session.close(_outcome(error)))
    return [session]


def _outcome(error: BaseException | None) -> str:
    # ``transformers serve`` raises it in the streamer, when the client has gone.
    return "cancelled" if "Cancelled" in type(error).__name__ else outcome_of(error)


def _add_criterion(arguments: Any, steps: Steps) -> None:
    """``stopping_criteria`` is a list; ``generate`` puts ours behind its own."""
    given = arguments.get("stopping_criteria")
    arguments["stopping_criteria"] = type(given)([*given, steps]) if given else _criteria_list([steps])


def _criteria_list(criteria: list[Any]) -> Any:
    from transformers import StoppingCriteriaList

    return StoppingCriteriaList(criteria)
