"""Whether a vLLM has what the plug-in wraps and reads, from its source alone.

    pip download --no-deps vllm==0.33.0 -d /tmp/vllm
    python gpu-probe/bench/check_vllm_names.py /tmp/vllm/vllm-0.33.0-*.whl

Takes a wheel or a folder with the package in it; imports nothing of it. Prints what is missing, and exits
with 1 where the plug-in could not measure.
"""

from __future__ import annotations

import ast
import sys
import zipfile
from collections.abc import Callable, Collection
from pathlib import Path
from typing import NamedTuple

from gpu_probe.integrations.vllm import RUNNERS, SCHEDULER, WORKER
from gpu_probe.integrations.vllm_runner import COLD, WORKER_COLD

Read = Callable[[str], str | None]
# Name and first parameters of what is wrapped: the wrappers take these by place.
STEP = {"execute_model": ("self", "scheduler_output"), "sample_tokens": ("self",), "pool": ("self",)}
SCHEDULING = {
    "finish_requests": ("self", "request_ids", "finished_status"),
    "update_from_output": ("self", "scheduler_output", "model_runner_output"),
    "schedule": ("self",),
}
FIELDS = {
    ("vllm/v1/core/sched/output.py", "NewRequestData"): (
        "req_id",
        "prompt_token_ids",
        "sampling_params",
        "pooling_params",
        "num_computed_tokens",
        "lora_request",
    ),
    ("vllm/v1/core/sched/output.py", "CachedRequestData"): ("req_ids", "num_computed_tokens"),
    ("vllm/v1/core/sched/output.py", "SchedulerOutput"): (
        "scheduled_new_reqs",
        "scheduled_cached_reqs",
        "num_scheduled_tokens",
        "finished_req_ids",
    ),
    ("vllm/v1/engine/__init__.py", "EngineCoreOutput"): ("request_id", "new_token_ids"),
    ("vllm/v1/engine/__init__.py", "EngineCoreOutputs"): ("outputs",),
    ("vllm/sampling_params.py", "SamplingParams"): ("extra_args",),
}


class Finding(NamedTuple):
    """``fatal``: without it the plug-in does not measure; else it measures less."""

    text: str
    fatal: bool


def check(read: Read) -> list[Finding]:
    """What is missing in a vLLM whose files ``read`` gives, by path from the package's parent; None for a
    file that is not there."""
    findings: list[Finding] = []
    runners = [(module, name) for module, name in RUNNERS if _class(read, _path(module), name)]
    if not runners:
        findings.append(Finding("no model runner", True))
    present: set[str] = set()
    for module, name in runners:
        found = _methods(read, _path(module), name)
        present |= found.keys()
        required = ("execute_model",) if name == "GPUModelRunner" else ()
        findings += _compare(f"{module}.{name}", found, STEP, required)
    mixin = _methods(read, "vllm/v1/worker/lora_model_runner_mixin.py", "LoRAModelRunnerMixin")
    absent = sorted(COLD.keys() - present - mixin.keys())
    findings += [Finding(f"no runner has {name}: its time is nobody's", False) for name in absent]
    worker = _methods(read, _path(WORKER[0]), WORKER[1])
    findings += _compare(".".join(WORKER), worker, dict.fromkeys(WORKER_COLD, ("self",)), WORKER_COLD)
    scheduler = _methods(read, _path(SCHEDULER[0]), SCHEDULER[1])
    findings += _compare(".".join(SCHEDULER), scheduler, SCHEDULING, SCHEDULING)
    for (path, name), fields in FIELDS.items():
        known = _fields(read, path, name)
        findings += [Finding(f"{path}: {name} has no {one}", True) for one in fields if one not in known]
    return findings


def _compare(
    owner: str,
    found: dict[str, tuple[str, ...]],
    wrapped: dict[str, tuple[str, ...]],
    required: Collection[str],
) -> list[Finding]:
    findings = []
    for name, first in wrapped.items():
        parameters = found.get(name)
        if parameters is None:
            findings.append(Finding(f"{owner} has no {name}", name in required))
        elif parameters[: len(first)] != first:
            got = ", ".join(parameters)
            findings.append(Finding(f"{owner}.{name}({got}) does not begin with {', '.join(first)}", True))
    return findings


def _path(module: str) -> str:
    return module.replace(".", "/") + ".py"


def _class(read: Read, path: str, name: str) -> ast.ClassDef | None:
    text = read(path)
    if text is None:
        return None
    for node in ast.parse(text).body:
        if isinstance(node, ast.ClassDef) and node.name == name:
            return node
    return None


def _methods(read: Read, path: str, name: str) -> dict[str, tuple[str, ...]]:
    found = _class(read, path, name)
    return {
        node.name: tuple(argument.arg for argument in (*node.args.posonlyargs, *node.args.args))
        for node in (found.body if found else ())
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))
    }


def _fields(read: Read, path: str, name: str) -> set[str]:
    found = _class(read, path, name)
    return {
        node.target.id
        for node in (found.body if found else ())
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name)
    }


def reader(source: Path) -> Read:
    """Reads from a wheel, or from a folder."""
    if source.is_dir():
        return lambda path: (source / path).read_text("utf-8") if (source / path).is_file() else None
    wheel = zipfile.ZipFile(source)
    names = set(wheel.namelist())
    return lambda path: wheel.read(path).decode("utf-8") if path in names else None


def main(arguments: list[str]) -> int:
    if len(arguments) != 1 or not Path(arguments[0]).exists():
        print("usage: check_vllm_names.py WHEEL|FOLDER", file=sys.stderr)
        return 2
    findings = check(reader(Path(arguments[0])))
    for finding in findings:
        print(("missing: " if finding.fatal else "less: ") + finding.text)
    print(
        "the plug-in can measure" if not any(one.fatal for one in findings) else "the plug-in cannot measure"
    )
    return int(any(finding.fatal for finding in findings))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
