"""gpu-probe fit and judge: the hinge's coefficients from measured steps, and how far a policy is from the
truth."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

from ..device.replay import read_trace
from ..fitting import (
    Sample,
    fit,
    judge,
    judge_sampled,
    read_coalitions,
    read_permutations,
    trace_samples,
)
from ..sharing import POLICIES, load_coefficients, make_policy


def register(commands: Any) -> None:
    parser: argparse.ArgumentParser = commands.add_parser(
        "fit", help="fit the hinge's coefficients to measured steps", description=__doc__
    )
    parser.add_argument(
        "sources", nargs="+", type=Path, help="traces (.jsonl, .jsonl.gz) and coalitions (.json)"
    )
    parser.add_argument("-o", "--out", type=Path, required=True, metavar="FILE", help="the coefficients file")
    parser.add_argument("--model", help="default: the first source's")
    parser.add_argument("--gpu-model", help="default: the first source's")
    parser.add_argument(
        "--version", type=int, default=1, help="version of the coefficients, printed on bills"
    )
    parser.set_defaults(run=run_fit)
    parser = commands.add_parser(
        "judge", help="compare a policy with measured Shapley shares", description=__doc__
    )
    parser.add_argument("coalitions", type=Path)
    parser.add_argument("--policy", default="fitted-hinge", choices=sorted(POLICIES))
    parser.add_argument("--coefficients", metavar="FILE")
    parser.add_argument(
        "--json",
        action="store_true",
        help="end with the mean half-L1 by kind as one JSON line; with its interval where it was sampled",
    )
    parser.set_defaults(run=run_judge)


def run_fit(options: argparse.Namespace) -> int:
    samples: list[Sample] = []
    models: list[str] = []
    gpus: list[str] = []
    for source in options.sources:
        if source.suffix == ".json":
            document = json.loads(source.read_text(encoding="utf-8"))
            samples += [sample for case in read_coalitions(source) for sample in case.samples()]
            samples += [sample for case in read_permutations(source) for sample in case.samples()]
        else:
            trace = read_trace(source)
            document = {"model": trace.meta["model"].split(" (")[0], "gpu": trace.meta["gpu_model"]}
            samples += trace_samples(trace)
        models.append(document.get("model", "unknown"))
        gpus.append(document.get("gpu", "unknown"))
    result = fit(samples, options.model or models[0], options.gpu_model or gpus[0], options.version)
    fitted_on = {
        "sources": [source.name for source in options.sources],
        "steps": result.samples,
        "mean_relative_error": f"{result.error:.4f}",
    }
    options.out.write_text(result.coefficients.to_json(fitted_on), encoding="utf-8")
    print(f"{options.out}: {result.samples} steps, mean error of a step's time {result.error:.1%}")
    return 0


def run_judge(options: argparse.Namespace) -> int:
    coefficients = load_coefficients(options.coefficients) if options.coefficients else None
    policy = make_policy(options.policy, coefficients)
    result = judge(read_coalitions(options.coalitions), policy)
    sampled = judge_sampled(read_permutations(options.coalitions), policy)
    if options.json:
        document: dict[str, Any] = {kind: round(value, 6) for kind, value in result.items()}
        for kind, found in sampled.items():
            document[kind] = {name: round(value, 6) for name, value in found._asdict().items()}
        print(json.dumps(document, separators=(",", ":")))
        return 0
    for kind, value in result.items():
        print(f"{kind:<10}{value:>7.1%} of a step on the wrong request")
    for kind, found in sampled.items():
        print(
            f"{kind:<10}{found.wrong:>7.1%} of a step on the wrong request ({found.low:.1%} to "
            f"{found.high:.1%}; sampling error {found.sampling_error:.1%}, "
            f"{found.wrong_uncontrolled:.1%} without control variate)"
        )
    return 0
