"""VLLM's model runner and worker: what of their work is a step, and what is the operator's."""

from __future__ import annotations

import functools
import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from ..protocol import ProbeLike
from .default import get_probe
from .vllm_batch import Batches

log = logging.getLogger(__name__)
# What a runner does before it serves; all of it is the operator's. ``_dummy_run`` also fills the steps of an
# idle rank of a data-parallel group.
COLD = {
    "load_model": "load",
    "add_lora": "load",
    "profile_run": "warmup",
    "profile_cudagraph_memory": "warmup",
    "capture_model": "warmup",
    "_dummy_run": "warmup",
    "_dummy_sampler_run": "warmup",
    "_dummy_pooler_run": "warmup",
}
# What a worker does around its runner: kernel_warmup and warmup_kernels, which send made-up requests through
# execute_model, are called in it.
WORKER_COLD = {"compile_or_warm_up_model": "warmup"}
_BATCHES = "_gpu_probe_batches"
_cold = threading.local()


def patch_runner(runner: Any, probe: ProbeLike | None = None) -> None:
    """Wraps a GPUModelRunner class: each ``execute_model`` is a step of the requests that its scheduler
    output names. Where it leaves sampling (or pooling) to a call of its own, the step ends with that."""
    runner.execute_model = _execute(runner.execute_model, probe)
    for name in ("sample_tokens", "pool"):
        if hasattr(runner, name):
            setattr(runner, name, _finish(getattr(runner, name)))
    for name, phase in COLD.items():
        if hasattr(runner, name):
            setattr(runner, name, _bracket(getattr(runner, name), phase, probe))


def patch_worker(worker: Any, probe: ProbeLike | None = None) -> None:
    """Wraps a Worker class."""
    for name, phase in WORKER_COLD.items():
        if hasattr(worker, name):
            setattr(worker, name, _bracket(getattr(worker, name), phase, probe, _runner_of))


def _execute(original: Callable[..., Any], given: ProbeLike | None) -> Callable[..., Any]:
    @functools.wraps(original)
    def execute_model(runner: Any, scheduler_output: Any, *more: Any, **named: Any) -> Any:
        batches = None if getattr(_cold, "depth", 0) else batches_of(runner, given)
        if batches is None or named.get("dummy_run") or batches.executing:
            return original(runner, scheduler_output, *more, **named)
        batches.end_step()
        rows = batches.begin(scheduler_output)
        if not rows:
            return original(runner, scheduler_output, *more, **named)
        batches.open_step(rows)
        pending = False
        try:
            result = original(runner, scheduler_output, *more, **named)
            pending = result is None
            return result
        finally:
            batches.executing = False
            if not pending:
                batches.end_step()

    return execute_model


def _finish(original: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(original)
    def finish(runner: Any, *more: Any, **named: Any) -> Any:
        batches: Batches | None = vars(runner).get(_BATCHES)
        try:
            return original(runner, *more, **named)
        finally:
            if batches is not None and not batches.executing:
                batches.end_step()

    return finish


def _bracket(
    original: Callable[..., Any],
    phase: str,
    given: ProbeLike | None,
    runner_of: Callable[[Any], Any] = lambda runner: runner,
) -> Callable[..., Any]:
    @functools.wraps(original)
    def cold(owner: Any, *more: Any, **named: Any) -> Any:
        runner = runner_of(owner)
        batches = None if runner is None else batches_of(runner, given)
        with _being_cold():
            if batches is None:
                return original(owner, *more, **named)
            with batches.probe.warmup(_adapter(more, named) or batches.model, phase=phase):
                return original(owner, *more, **named)

    return cold


@contextmanager
def _being_cold() -> Iterator[None]:
    _cold.depth = getattr(_cold, "depth", 0) + 1
    try:
        yield
    finally:
        _cold.depth -= 1


def batches_of(runner: Any, given: ProbeLike | None) -> Batches | None:
    """The runner's own; made at its first use, in the worker's process, and None where no probe can be
    made."""
    if _BATCHES not in vars(runner):
        batches = None
        try:
            batches = Batches(given or get_probe(), _model_name(runner))
        except Exception:
            # Serving goes on unmeasured; the log and the missing totals tell.
            log.exception("gpu-probe could not start: vLLM runs unmeasured")
        setattr(runner, _BATCHES, batches)
    made: Batches | None = vars(runner)[_BATCHES]
    return made


def _runner_of(worker: Any) -> Any:
    return getattr(worker, "model_runner", None)


def _adapter(more: tuple[Any, ...], named: dict[str, Any]) -> str | None:
    """The name of the LoRA adapter that a call loads; None where it loads none."""
    for value in (*more, *named.values()):
        name = getattr(value, "lora_name", None)
        if isinstance(name, str):
            return name
    return None


def _model_name(runner: Any) -> str:
    config = getattr(runner, "model_config", None)
    served = getattr(config, "served_model_name", None)
    if isinstance(served, (list, tuple)):
        served = served[0] if served else None
    return str(served or getattr(config, "model", "unknown"))
