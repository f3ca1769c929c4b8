"""Fitting the hinge's coefficients to measured steps, and judging a policy against measured Shapley
values."""

from .coalitions import Case, judge, read_coalitions, shapley
from .fit import Sample, fit
from .refit import Refit
from .samples import trace_samples

__all__ = ["Case", "Refit", "Sample", "fit", "judge", "read_coalitions", "shapley", "trace_samples"]
