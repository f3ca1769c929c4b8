"""SGLang: a plug-in that measures the scheduler of every rank.

Written from the source of SGLang 0.5.23 and tested against stand-ins of it, never on a GPU. SGLang loads
``register`` by itself (entry point group ``sglang.srt.plugins``). Labels travel in the request's
``custom_params`` (of ``sampling_params``), under the names that ``extra_args(...)`` gives them.
"""

from __future__ import annotations

import functools
import importlib
import logging
import weakref
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import Any

from ..protocol import ProbeLike, Row
from .computed import PromptProgress
from .default import get_probe
from .labels import UNKNOWN, clean_label, from_headers
from .streams import begun_on
from .vllm_labels import by_header, extra_args

__all__ = ["extra_args", "register"]

log = logging.getLogger(__name__)
SCHEDULER = ("sglang.srt.managers.scheduler", "Scheduler")
RUNNER = ("sglang.srt.model_executor.model_runner", "ModelRunner")
# What a runner does before it serves.
COLD = {
    "load_model": "load",
    "init_cuda_graphs": "warmup",
    "init_decode_cuda_graph": "warmup",
    "init_prefill_cuda_graph": "warmup",
}
_MARK = "_gpu_probe"
_SESSION = "gpu_probe_session"


def register() -> None:
    """The plug-in.

    Safe to call again; where SGLang is not as expected it says so and leaves it alone.
    """
    try:
        scheduler = getattr(importlib.import_module(SCHEDULER[0]), SCHEDULER[1])
        runner = getattr(importlib.import_module(RUNNER[0]), RUNNER[1])
    except (ImportError, AttributeError):
        log.warning("gpu-probe knows SGLang 0.5.23 and found no scheduler of it: not measuring")
        return
    if _MARK not in vars(scheduler):
        patch_scheduler(scheduler)
        patch_runner(runner)
        setattr(scheduler, _MARK, True)


def patch_scheduler(scheduler: Any, probe: ProbeLike | None = None) -> None:
    """Wraps a Scheduler class: each ``run_batch`` is a step of the batch's requests; a request ends where
    ``process_batch_result`` has found it finished."""
    scheduler.run_batch = _run(scheduler.run_batch, probe)
    scheduler.process_batch_result = _process(scheduler.process_batch_result)


def patch_runner(runner: Any, probe: ProbeLike | None = None) -> None:
    """Wraps a ModelRunner class: what it does before it serves is the operator's."""
    for name, phase in COLD.items():
        if hasattr(runner, name):
            setattr(runner, name, _bracket(getattr(runner, name), phase, probe))


def _run(original: Callable[..., Any], given: ProbeLike | None) -> Callable[..., Any]:
    @functools.wraps(original)
    def run_batch(scheduler: Any, batch: Any, *more: Any, **named: Any) -> Any:
        step = _step(scheduler, batch, given)
        if step is None:
            return original(scheduler, batch, *more, **named)
        # The forward runs on a stream of its own where the scheduler plans ahead.
        with begun_on(_forward_stream(scheduler), step):
            return original(scheduler, batch, *more, **named)

    return run_batch


def _step(scheduler: Any, batch: Any, given: ProbeLike | None) -> AbstractContextManager[None] | None:
    """The step of a batch; None for one without a forward, or where SGLang is another than expected, which is
    logged once."""
    if vars(scheduler).get(_MARK) == "failed":
        return None
    try:
        mode = batch.forward_mode
        if mode.is_idle() or mode.is_prebuilt():
            return None
        probe = given or get_probe()
        return probe.step(_rows(probe, scheduler, batch))
    except Exception:
        # Serving goes on unmeasured; the log and the missing totals tell.
        log.exception("gpu-probe does not know this SGLang's batches, or could not start: not measuring")
        setattr(scheduler, _MARK, "failed")
        return None


def _rows(probe: ProbeLike, scheduler: Any, batch: Any) -> list[Row]:
    extends = batch.forward_mode.is_extend() and batch.extend_lens is not None
    rows: list[Row] = []
    for at, req in enumerate(batch.reqs):
        progress = vars(req).get(_SESSION)
        if progress is None:
            progress = _open(probe, scheduler, req)
        if extends:
            rows += progress.rows(batch.extend_lens[at], batch.prefix_lens[at] + batch.extend_lens[at])
        else:
            rows += progress.rows(1, req.seqlen)
    return rows


def _open(probe: ProbeLike, scheduler: Any, req: Any) -> PromptProgress:
    arguments = scheduler.server_args
    model = getattr(arguments, "served_model_name", None) or arguments.model_path
    given: Mapping[str, Any] = getattr(req.sampling_params, "custom_params", None) or {}
    # SGLang names an adapter by the id that it has given it.
    labels = from_headers(by_header(given), model, getattr(req, "lora_id", None) or UNKNOWN)
    labels = labels._replace(session_id=labels.session_id or clean_label(req.rid))
    tokens = len(req.origin_input_ids)
    progress = PromptProgress(probe.open_session(**labels.fields(), prompt_tokens=tokens), tokens)
    setattr(req, _SESSION, progress)
    # One that is aborted while it waits again is dropped without a word.
    weakref.finalize(req, progress.session.close, "cancelled").atexit = False
    return progress


def _process(original: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(original)
    def process_batch_result(scheduler: Any, batch: Any, result: Any, *more: Any, **named: Any) -> Any:
        # Finished requests leave the batch in it.
        reqs = list(batch.reqs)
        answer = original(scheduler, batch, result, *more, **named)
        for req in reqs:
            progress: PromptProgress | None = vars(req).get(_SESSION)
            if progress is not None and req.finished():
                aborted = type(req.finished_reason).__name__ == "FINISH_ABORT"
                # What speculation proposed and the model refused is not in it.
                progress.session.close("cancelled" if aborted else "ok", len(req.output_ids))
        return answer

    return process_batch_result


def _forward_stream(scheduler: Any) -> AbstractContextManager[Any]:
    if not getattr(scheduler, "enable_overlap", False):
        return nullcontext()
    scope: AbstractContextManager[Any] = scheduler.device_module.stream(scheduler.forward_stream)
    return scope


def _bracket(original: Callable[..., Any], phase: str, given: ProbeLike | None) -> Callable[..., Any]:
    @functools.wraps(original)
    def cold(runner: Any, *more: Any, **named: Any) -> Any:
        try:
            probe = given or get_probe()
        except Exception:
            log.exception("gpu-probe could not start: SGLang runs unmeasured")
            return original(runner, *more, **named)
        arguments = getattr(runner, "server_args", None)
        name = getattr(arguments, "served_model_name", None) or getattr(arguments, "model_path", UNKNOWN)
        with probe.warmup(str(name), phase=phase):
            return original(runner, *more, **named)

    return cold
