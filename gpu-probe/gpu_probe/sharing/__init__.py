"""Sharing one step's measured time (and energy) among the sessions in its engine batch."""

from .coefficients import Coefficients, load_coefficients, shipped_coefficients
from .policy import POLICIES, Policy, Work, make_policy
from .remainder import share

__all__ = [
    "POLICIES",
    "Coefficients",
    "Policy",
    "Work",
    "load_coefficients",
    "make_policy",
    "share",
    "shipped_coefficients",
]
