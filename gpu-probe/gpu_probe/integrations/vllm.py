"""VLLM: a general plug-in that measures the model runner of every worker.

Written for vLLM 0.10 to 0.33, engine V1, both model runners; ``gpu-probe/bench/check_vllm_names.py`` compares
what is wrapped here with the source of a wheel. vLLM loads ``register`` by itself (entry point group
``vllm.general_plugins``) in each of its processes; only a worker ever makes a probe. Labels travel with the
request's ``SamplingParams.extra_args``: ``VllmMiddleware`` puts the headers there, offline code uses
``extra_args(...)``.
"""

from __future__ import annotations

import importlib
import logging
from collections.abc import Callable
from typing import Any

from .vllm_labels import extra_args
from .vllm_runner import patch_runner, patch_worker
from .vllm_scheduler import patch_scheduler

__all__ = ["extra_args", "register"]

log = logging.getLogger(__name__)
# The second is the runner of VLLM_USE_V2_MODEL_RUNNER, which 0.33 takes by default; the third extends it.
RUNNERS = (
    ("vllm.v1.worker.gpu_model_runner", "GPUModelRunner"),
    ("vllm.v1.worker.gpu.model_runner", "GPUModelRunner"),
    ("vllm.v1.worker.mm_encoder_model_runner", "MMEncoderModelRunner"),
)
WORKER = ("vllm.v1.worker.gpu_worker", "Worker")
SCHEDULER = ("vllm.v1.core.sched.scheduler", "Scheduler")
_MARK = "_gpu_probe"


def register() -> None:
    """The plug-in.

    Safe to call again; where vLLM is not as expected it says so and leaves it alone.
    """
    found = [_patch(*runner, patch_runner) for runner in RUNNERS]
    if not any(found):
        log.warning(
            "gpu-probe knows vLLM 0.10 to 0.33 (engine V1) and found no model runner of it: not measuring"
        )
        return
    if not _patch(*WORKER, patch_worker):
        log.warning("gpu-probe found no vLLM worker: kernels that are warmed up are booked to nobody")
    if not _patch(*SCHEDULER, patch_scheduler):
        log.warning("gpu-probe found no vLLM scheduler: aborted requests are reported as ok")


def _patch(module: str, name: str, patch: Callable[[Any], None]) -> bool:
    try:
        target = getattr(importlib.import_module(module), name)
    except (ImportError, AttributeError):
        return False
    # Its own mark, and not that of a class that it extends.
    if _MARK not in vars(target):
        patch(target)
        setattr(target, _MARK, True)
    return True
