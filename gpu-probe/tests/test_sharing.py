"""Shares add up, and policies are what their formula says."""

from fractions import Fraction
from itertools import permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gpu_probe.sharing import Coefficients, Work, load_coefficients, make_policy, share, shipped_coefficients
from gpu_probe.sharing.policy import FittedHinge, staircase

WEIGHTS = st.lists(st.integers(0, 2**90), min_size=1, max_size=60)
COUNTS = st.integers(0, 2**40)


@st.composite
def works(draw, most=12):
    rows = []
    for _ in range(draw(st.integers(1, most))):
        new = draw(st.integers(0, 4096))
        rows.append(Work(new, new + draw(st.integers(0, 100_000)), draw(st.booleans())))
    return rows


@st.composite
def fits(draw):
    costs = [draw(st.integers(0, 10**13)) for _ in range(6)]
    knee = draw(st.integers(0, 2000))
    fixed, token, prefill, decode, longest_prefill, longest_decode = costs
    return Coefficients(1, "m", "g", fixed + 1, token, knee, prefill, decode, longest_prefill, longest_decode)


@given(st.integers(0, 10**15), WEIGHTS)
def test_parts_add_up_and_are_within_one_of_their_exact_share(total, weights):
    parts = share(total, weights)
    whole = sum(weights)
    assert sum(parts) == total
    for part, weight in zip(parts, weights):
        exact = Fraction(total * weight, whole) if whole else Fraction(total, len(weights))
        assert abs(part - exact) < 1


def test_of_equal_remainders_the_first_wins():
    assert share(10, [1, 1, 1]) == [4, 3, 3]
    assert share(11, [1, 1, 1]) == [4, 4, 3]
    assert share(5, [0, 0]) == [3, 2]
    assert share(0, [3, 4]) == [0, 0]
    assert share(7, [0]) == [7]


@given(works(), st.sampled_from(["equal", "tokens", "static-shapley", "fitted-hinge"]))
def test_weights_are_whole_and_follow_the_rows_when_they_change_places(rows, name):
    policy = make_policy(name)
    weights = policy.weights(rows)
    assert all(type(weight) is int and weight >= 0 for weight in weights)
    assert policy.weights(rows[::-1]) == weights[::-1]


@given(works(), fits())
def test_the_hinge_is_its_formula(rows, fit):
    count, total = len(rows), sum(row.new_tokens for row in rows)
    exact = []
    stairs = {
        phase: staircase([row.context_tokens * (row.prefill == phase) for row in rows])
        for phase in (True, False)
    }
    unit = sum(staircase([1] * count))
    for index, (new, context, prefill) in enumerate(rows):
        weight = Fraction(fit.fixed_fs, count)
        if total:
            weight += Fraction(fit.token_fs * max(0, total - fit.threshold_tokens) * new, total)
        mean = Fraction(2 * context - new + 1, 2)
        weight += fit.prefill_fs * new * mean if prefill else fit.decode_fs * context
        weight += Fraction(fit.longest_prefill_fs * stairs[True][index], unit)
        weight += Fraction(fit.longest_decode_fs * stairs[False][index], unit)
        exact.append(weight)
    weights = FittedHinge(fit).weights(rows)
    assert [Fraction(weight, sum(weights)) for weight in weights] == [weight / sum(exact) for weight in exact]


@given(st.lists(st.integers(0, 50), min_size=1, max_size=5))
def test_the_staircase_is_the_shapley_value_of_the_longest(lengths):
    orders = list(permutations(range(len(lengths))))
    truth = [Fraction(0)] * len(lengths)
    for order in orders:
        reached = 0
        for index in order:
            truth[index] += Fraction(max(0, lengths[index] - reached), len(orders))
            reached = max(reached, lengths[index])
    unit = Fraction(sum(staircase([1] * len(lengths))))
    assert [value / unit for value in staircase(lengths)] == truth


def test_labels_change_with_the_coefficients():
    fit = shipped_coefficients()
    labels = {
        FittedHinge(fit._replace(**{name: getattr(fit, name) + 1})).label
        for name in fit._fields
        if "_" in name and name != "gpu_model"
    }
    assert len(labels | {FittedHinge(fit).label}) == 8
    assert all(len(label) <= 128 for label in labels)


def test_an_unknown_policy_names_the_known_ones():
    with pytest.raises(ValueError, match="equal, fitted-hinge, static-shapley, tokens"):
        make_policy("shapely")


def test_a_bad_coefficients_file_tells_every_fault(tmp_path):
    path = tmp_path / "bad.json"
    path.write_text(
        '{"format":"gpu-probe/coefficients@1","version":1,"fixed_fs":-1,"token_fs":0.5,"model":"m"}'
    )
    with pytest.raises(ValueError) as error:
        load_coefficients(path)
    for field in ("fixed_fs", "token_fs", "threshold_tokens", "prefill_fs", "gpu_model"):
        assert field in str(error.value)
    path.write_text("[]")
    with pytest.raises(ValueError, match="format"):
        load_coefficients(path)
