"""Fitting the hinge's coefficients to measured steps, and judging a policy against measured Shapley
values."""

from .coalitions import Case, judge, read_coalitions, shapley
from .fit import Sample, fit
from .permutations import Sampled, read_permutations
from .refit import Refit
from .sampled_judge import Judgement, judge_sampled
from .samples import trace_samples

__all__ = [
    "Case",
    "Judgement",
    "Refit",
    "Sample",
    "Sampled",
    "fit",
    "judge",
    "judge_sampled",
    "read_coalitions",
    "read_permutations",
    "shapley",
    "trace_samples",
]
