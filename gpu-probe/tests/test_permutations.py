"""Sampled permutations: the Shapley shares of cost functions whose shares are known."""

import itertools
import json
import random

import pytest
from conftest import COALITIONS, ROOT

from gpu_probe.cli.main import main
from gpu_probe.fitting import judge_sampled, read_coalitions, read_permutations, shapley
from gpu_probe.fitting.coalitions import Case
from gpu_probe.fitting.fit import predict
from gpu_probe.fitting.permutations import (
    Run,
    Sampled,
    balanced_orders,
    contributions,
    hinge_values,
    mean_values,
)
from gpu_probe.fitting.sampled_judge import controls, half_distance
from gpu_probe.sharing import Coefficients, Work, make_policy, shipped_coefficients
from gpu_probe.sharing.policy import FittedHinge, staircase

CASES = read_coalitions(COALITIONS)
FIXED, TOKEN, LONGEST = 5e6, 9e3, 400.0


def batch(count, rng, prompts=0):
    rows = [Work(1, rng.randint(200, 8000), False) for _ in range(count - prompts)]
    return [*rows, *(Work(new, new, True) for new in (rng.randint(32, 400) for _ in range(prompts)))]


def cost(rows):
    """A floor, a part by tokens, and one by the longest context: each with shares in closed form."""
    return (
        FIXED
        + TOKEN * sum(row.new_tokens for row in rows)
        + LONGEST * max(row.context_tokens for row in rows)
    )


def shares(rows):
    airport = staircase([row.context_tokens for row in rows])
    unit = sum(airport) / max(row.context_tokens for row in rows)
    return [
        FIXED / len(rows) + TOKEN * row.new_tokens + LONGEST * part / unit for row, part in zip(rows, airport)
    ]


def sampled(rows, permutations, rng, noise=0.003, kind="decode"):
    whole = cost(rows)
    runs = []
    for order in balanced_orders(len(rows), permutations, rng):
        times = [cost([rows[row] for row in order[: end + 1]]) for end in range(len(rows) - 1)]
        runs.append(Run(order, (*(time * (1 + rng.gauss(0, noise)) for time in times), whole)))
    return Sampled(kind, tuple(rows), tuple(runs))


def exact(case):
    """All orders of a batch whose subsets were all timed."""
    runs = []
    for order in itertools.permutations(range(len(case.rows))):
        masks = itertools.accumulate(1 << row for row in order)
        runs.append(Run(order, tuple(case.elapsed_ns[mask] for mask in masks)))
    return Sampled(case.kind, case.rows, tuple(runs))


@pytest.mark.parametrize(
    "control", [None, shipped_coefficients(), Coefficients(1, "m", "g", 7, 9, 3, 2, 5, 1, 8)]
)
def test_all_orders_give_the_shapley_values_whatever_the_control_variate(control):
    for case in CASES[::3]:
        found = mean_values(contributions(exact(case), control))
        # The hinge's own value is sampled, to some thousandths of the step.
        assert found == pytest.approx(shapley(case), abs=0.003 * case.elapsed_ns[-1])
        assert sum(found) == pytest.approx(case.elapsed_ns[-1])


def test_the_hinge_has_the_values_that_all_its_subsets_give():
    fit = shipped_coefficients()._replace(longest_prefill_fs=300_000_000)
    for case in CASES:
        subsets = [
            [row for bit, row in enumerate(case.rows) if mask >> bit & 1]
            for mask in range(1 << len(case.rows))
        ]
        whole = Case(case.kind, case.rows, (0.0, *(predict(fit, rows) for rows in subsets[1:])))
        assert hinge_values(fit, case.rows) == pytest.approx(shapley(whole), rel=0.02)
        assert sum(hinge_values(fit, case.rows)) == pytest.approx(whole.elapsed_ns[-1])


def test_each_permutation_adds_up_to_the_step():
    case = sampled(batch(16, random.Random(1), prompts=3), 4, random.Random(2))
    for values in contributions(case, shipped_coefficients()):
        assert sum(values) == pytest.approx(cost(case.rows))


@pytest.mark.parametrize(("count", "prompts"), [(16, 0), (16, 3), (32, 0), (32, 4)])
def test_a_dozen_permutations_find_known_shares_and_the_control_variate_pays(count, prompts):
    rng = random.Random(count + prompts)
    cases = [sampled(batch(count, rng, prompts), 12, rng) for _ in range(4)]
    plain, controlled = [], []
    for case, control in zip(cases, controls(cases)):
        truth = shares(case.rows)
        plain.append(half_distance(mean_values(contributions(case, None)), truth))
        controlled.append(half_distance(mean_values(contributions(case, control)), truth))
    assert sum(controlled) / 4 < 0.025
    assert sum(controlled) < sum(plain) / 3


def test_orders_are_permutations_and_rows_meet_all_positions():
    orders = balanced_orders(16, 32, random.Random(1))
    assert all(sorted(order) == list(range(16)) for order in orders)
    starts = [order[0] for order in orders]
    assert set(starts[:16]) == set(starts[16:]) == set(range(16))
    assert len({order[0] for order in balanced_orders(32, 12, random.Random(2))}) == 12
    assert len(balanced_orders(32, 12, random.Random(1))) == 12
    met = [{order[at] for order in orders} for at in range(16)]
    assert min(map(len, met)) >= 10


class Known:
    """A policy that shares by the truth, or wrongly by a known part."""

    label = "known@1"

    def __init__(self, moved=0.0):
        self.moved = moved

    def weights(self, rows):
        parts = shares(rows)
        whole = sum(parts)
        order = sorted(range(len(parts)), key=parts.__getitem__)
        parts[order[-1]] -= self.moved * whole
        parts[order[0]] += self.moved * whole
        return [round(part) for part in parts]


def test_a_policy_is_judged_with_an_interval_that_holds_what_it_does_wrong():
    rng = random.Random(5)
    cases = [sampled(batch(16, rng), 16, rng) for _ in range(3)]
    right = judge_sampled(cases, Known())["decode-16"]
    assert right.wrong < 0.02 and right.wrong < 2.5 * right.sampling_error
    wrong = judge_sampled(cases, Known(0.05))["decode-16"]
    assert wrong.low - 0.01 < 0.05 < wrong.high + 0.01
    assert wrong.low <= wrong.wrong <= wrong.high
    assert wrong.wrong > right.high


def test_the_interval_shrinks_with_more_permutations():
    widths = []
    for permutations in (8, 64):
        rng = random.Random(6)
        cases = [sampled(batch(16, rng), permutations, rng) for _ in range(2)]
        found = judge_sampled(cases, FittedHinge(shipped_coefficients()))["decode-16"]
        widths.append(found.sampling_error)
    assert widths[1] < widths[0] * 0.6


def document(case):
    return {
        "kind": case.kind,
        "rows": [[row.new_tokens, row.context_tokens] for row in case.rows],
        "permutations": [
            {"order": list(run.order), "ms": [time / 1e6 for time in run.elapsed_ns]} for run in case.runs
        ],
    }


def write(path, *cases):
    path.write_text(json.dumps({"gpu": "g", "model": "m", "cases": list(cases)}))
    return path


def test_a_file_holds_both_kinds_of_cases_and_judge_tells_them_apart(tmp_path, capsys):
    whole = json.loads(COALITIONS.read_text())["cases"][1]
    rng = random.Random(3)
    path = write(
        tmp_path / "both.json", whole, *(document(sampled(batch(16, rng), 8, rng)) for _ in range(2))
    )
    assert len(read_coalitions(path)) == 1
    assert [len(case.runs) for case in read_permutations(path)] == [8, 8]
    assert main(["judge", str(path), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert set(found) == {"decode", "decode-16"}
    assert found["decode-16"]["low"] <= found["decode-16"]["wrong"] <= found["decode-16"]["high"]
    assert main(["judge", str(path)]) == 0
    assert "sampling error" in capsys.readouterr().out
    assert main(["fit", str(path), "-o", str(tmp_path / "fitted.json")]) == 0


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (lambda case: case["permutations"][1]["order"].pop(), "permutation 1: the order"),
        (lambda case: case["permutations"][2]["ms"].pop(), "permutation 2: there are not 16"),
        (lambda case: case["permutations"][0]["ms"].__setitem__(3, -1), "permutation 0: there are not"),
        (lambda case: case["permutations"][0]["ms"].__setitem__(15, 1), "more than one time"),
        (lambda case: case["permutations"].clear(), "no permutation"),
    ],
)
def test_what_is_wrong_with_a_file_is_named(change, sentence, tmp_path):
    rng = random.Random(3)
    case = document(sampled(batch(16, rng), 4, rng))
    change(case)
    with pytest.raises(ValueError, match=sentence):
        read_permutations(write(tmp_path / "bad.json", case))


def test_batches_that_were_sampled_on_a_card_are_judged_with_what_they_leave_open():
    path = ROOT / "gpu-probe" / "traces" / "h100-large-batch-coalitions.json.gz"
    judged = judge_sampled(read_permutations(path), make_policy("fitted-hinge", None), draws=40)
    assert len(judged) == 6
    assert all(each.low <= each.wrong <= each.high for each in judged.values())
    assert all(0.01 < each.sampling_error < 0.04 for each in judged.values())
