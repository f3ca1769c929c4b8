"""VLLM: a general plug-in that measures the model runner of every worker.

Written for vLLM 0.10 to 0.16, engine V1. vLLM loads ``register`` by itself (entry point group
``vllm.general_plugins``) in each of its processes; only a worker ever makes a probe. Labels travel with the
request's ``SamplingParams.extra_args``: ``VllmMiddleware`` puts the headers there, offline code uses
``extra_args(...)``.
"""

from __future__ import annotations

import functools
import importlib
import logging
from collections.abc import Callable
from typing import Any

from ..protocol import ProbeLike
from .default import get_probe
from .vllm_batch import ABORTED, Batches

log = logging.getLogger(__name__)
# The second one is the runner that VLLM_USE_V2_MODEL_RUNNER asks for.
RUNNERS = ("vllm.v1.worker.gpu_model_runner", "vllm.v1.worker.gpu.model_runner")
SCHEDULER = "vllm.v1.core.sched.scheduler"
# What a runner does before it serves; all of it is the operator's.
_COLD = {"load_model": "load", "profile_run": "warmup", "capture_model": "warmup", "_dummy_run": "warmup"}
_MARK = "_gpu_probe"


def register() -> None:
    """The plug-in.

    Safe to call again; where vLLM is not as expected it says so and leaves it alone.
    """
    found = False
    for module in RUNNERS:
        found = _patch(module, "GPUModelRunner", patch_runner) or found
    if not found:
        log.warning(
            "gpu-probe knows vLLM 0.10 to 0.16 (engine V1) and found no model runner of it: not measuring"
        )
    elif not _patch(SCHEDULER, "Scheduler", patch_scheduler):
        log.warning("gpu-probe found no vLLM scheduler: aborted requests are reported as ok")


def _patch(module: str, name: str, patch: Callable[[Any], None]) -> bool:
    try:
        target = getattr(importlib.import_module(module), name)
    except (ImportError, AttributeError):
        return False
    if not getattr(target, _MARK, False):
        patch(target)
        setattr(target, _MARK, True)
    return True


def patch_runner(runner: Any, probe: ProbeLike | None = None) -> None:
    """Wraps a GPUModelRunner class: each ``execute_model`` is a step of the requests that its scheduler
    output names, and ``sample_tokens`` (0.12 and later run the sampler there) a second one of the same
    requests."""
    runner.execute_model = _execute(runner.execute_model, probe)
    if hasattr(runner, "sample_tokens"):
        runner.sample_tokens = _sample(runner.sample_tokens)
    for name, phase in _COLD.items():
        if hasattr(runner, name):
            setattr(runner, name, _cold(getattr(runner, name), phase, probe))


def patch_scheduler(scheduler: Any) -> None:
    """Wraps a Scheduler class: sends the workers which of the finished requests were aborted."""
    finish, schedule = scheduler.finish_requests, scheduler.schedule

    @functools.wraps(finish)
    def finish_requests(self: Any, request_ids: Any, finished_status: Any, *more: Any, **named: Any) -> Any:
        if getattr(finished_status, "name", "") == "FINISHED_ABORTED" and request_ids is not None:
            ids = [request_ids] if isinstance(request_ids, str) else list(request_ids)
            request_ids = ids
            vars(self).setdefault(ABORTED, set()).update(ids)
        return finish(self, request_ids, finished_status, *more, **named)

    @functools.wraps(schedule)
    def scheduled(self: Any, *more: Any, **named: Any) -> Any:
        output = schedule(self, *more, **named)
        aborted = vars(self).get(ABORTED)
        if aborted:
            # An attribute of the instance is pickled with it, so that it reaches workers in other processes.
            setattr(output, ABORTED, aborted & set(output.finished_req_ids))
            aborted.clear()
        return output

    scheduler.finish_requests = finish_requests
    scheduler.schedule = scheduled


def extra_args(
    tenant_id: str, project_id: str, user_id: str | None = None, session_id: str | None = None
) -> dict[str, str]:
    """For ``SamplingParams(extra_args=…)`` and the ``vllm_xargs`` field of the OpenAI-compatible server."""
    labels = {"tenant": tenant_id, "project": project_id, "user": user_id, "session": session_id}
    return {f"meterhouse_{name}": value for name, value in labels.items() if value is not None}


def _execute(original: Callable[..., Any], given: ProbeLike | None) -> Callable[..., Any]:
    @functools.wraps(original)
    def execute_model(runner: Any, scheduler_output: Any, *more: Any, **named: Any) -> Any:
        batches = _batches(runner, given)
        if batches is None or named.get("dummy_run"):
            return original(runner, scheduler_output, *more, **named)
        rows = batches.begin(scheduler_output)
        if not rows:
            return original(runner, scheduler_output, *more, **named)
        with batches.probe.step(rows):
            return original(runner, scheduler_output, *more, **named)

    return execute_model


def _sample(original: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(original)
    def sample_tokens(runner: Any, *more: Any, **named: Any) -> Any:
        batches: Batches | None = vars(runner).get(_MARK)
        rows = batches.sampling_rows() if batches else None
        if batches is None or not rows:
            return original(runner, *more, **named)
        with batches.probe.step(rows):
            return original(runner, *more, **named)

    return sample_tokens


def _cold(original: Callable[..., Any], phase: str, given: ProbeLike | None) -> Callable[..., Any]:
    @functools.wraps(original)
    def cold(runner: Any, *more: Any, **named: Any) -> Any:
        batches = _batches(runner, given)
        if batches is None:
            return original(runner, *more, **named)
        with batches.probe.warmup(batches.model, phase=phase):
            return original(runner, *more, **named)

    return cold


def _batches(runner: Any, given: ProbeLike | None) -> Batches | None:
    """The runner's own; made at its first use, in the worker's process, and None where no probe can be
    made."""
    if _MARK not in vars(runner):
        batches = None
        try:
            batches = Batches(given or get_probe(), _model_name(runner))
        except Exception:
            # Serving goes on unmeasured; the log and the missing totals tell.
            log.exception("gpu-probe could not start: vLLM runs unmeasured")
        setattr(runner, _MARK, batches)
    made: Batches | None = vars(runner)[_MARK]
    return made


def _model_name(runner: Any) -> str:
    config = getattr(runner, "model_config", None)
    served = getattr(config, "served_model_name", None)
    if isinstance(served, (list, tuple)):
        served = served[0] if served else None
    return str(served or getattr(config, "model", "unknown"))
