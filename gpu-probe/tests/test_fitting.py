"""The hinge against the measured Shapley values: fitted on some batches, judged on others."""

import random

import pytest
from conftest import COALITIONS, TRACE

from gpu_probe.device.replay import read_trace
from gpu_probe.fitting import Sample, fit, judge, read_coalitions, shapley, trace_samples
from gpu_probe.sharing import Coefficients, Work, make_policy, shipped_coefficients
from gpu_probe.sharing.policy import FittedHinge

CASES = read_coalitions(COALITIONS)


def test_shapley_values_add_up_to_the_step():
    for case in CASES:
        assert sum(shapley(case)) == pytest.approx(case.elapsed_ns[-1])


def test_judged_on_batches_that_it_was_not_fitted_on_the_hinge_is_within_five_percent():
    order = random.Random(7).sample(CASES, len(CASES))
    wrong = {}
    for fold in range(3):
        fitted = fit([s for at, case in enumerate(order) if at % 3 != fold for s in case.samples()], "m", "g")
        for case in order[fold::3]:
            for kind, value in judge([case], FittedHinge(fitted.coefficients)).items():
                wrong.setdefault(kind, []).append(value)
    assert set(wrong) == {"decode", "prefill", "mixed"}
    for kind, values in wrong.items():
        assert sum(values) / len(values) <= 0.05, kind


def test_the_shipped_coefficients_come_from_the_trace_alone_and_hold_for_the_coalitions():
    fitted = fit(trace_samples(read_trace(TRACE)), "synthetic-7b", "NVIDIA H100 80GB HBM3")
    assert fitted.coefficients == shipped_coefficients()
    assert max(judge(CASES, make_policy("fitted-hinge")).values()) <= 0.05


def test_the_usual_keys_are_as_wrong_as_the_description_says():
    assert judge(CASES, make_policy("tokens"))["mixed"] == pytest.approx(0.45, abs=0.01)
    assert judge(CASES, make_policy("equal"))["prefill"] == pytest.approx(0.27, abs=0.01)


def test_known_coefficients_are_found_again():
    truth = Coefficients(
        1, "m", "g", 6_000_000_000_000, 20_000_000_000, 128, 3_000_000, 90_000_000, 0, 700_000_000
    )
    rng = random.Random(3)
    samples = []
    for _ in range(400):
        rows = [Work(1, rng.randint(1, 8000), False) for _ in range(rng.randint(1, 20))]
        if rng.random() < 0.5:
            new = rng.randint(16, 1500)
            rows.append(Work(new, new + rng.randint(0, 3000), True))
        tokens = sum(row.new_tokens for row in rows)
        pairs = sum(
            row.new_tokens * (2 * row.context_tokens - row.new_tokens + 1) / 2 for row in rows if row.prefill
        )
        contexts = [row.context_tokens for row in rows if not row.prefill]
        time = truth.fixed_fs + truth.token_fs * max(0, tokens - 128) + truth.prefill_fs * pairs
        time += truth.decode_fs * sum(contexts) + truth.longest_decode_fs * max(contexts, default=0)
        samples.append(Sample(tuple(rows), time / 1e6))
    found = fit(samples, "m", "g")
    assert found.error < 1e-6
    for name in truth._fields[3:]:
        assert getattr(found.coefficients, name) == pytest.approx(getattr(truth, name), rel=1e-4, abs=1000), (
            name
        )


def test_there_must_be_something_to_fit():
    with pytest.raises(ValueError, match="no measured step"):
        fit([], "m", "g")


@pytest.mark.parametrize("seed", range(6))
def test_half_of_the_batches_are_enough_to_judge_the_other_half(seed):
    order = random.Random(seed).sample(CASES, len(CASES))
    half = len(order) // 2
    fitted = fit([sample for case in order[:half] for sample in case.samples()], "m", "g")
    assert max(judge(order[half:], FittedHinge(fitted.coefficients)).values()) <= 0.05


@pytest.mark.parametrize("kind", ["decode", "prefill", "mixed"])
def test_a_kind_of_batch_that_was_never_fitted_is_shared_right_too(kind):
    others = [sample for case in CASES if case.kind != kind for sample in case.samples()]
    fitted = fit(others, "m", "g")
    wrong = judge([case for case in CASES if case.kind == kind], FittedHinge(fitted.coefficients))
    assert wrong[kind] <= 0.05
