"""Prometheus metrics of a probe's events and totals: per model, per tenant (bounded), per GPU."""

from .metrics import Metrics
from .server import MetricsServer

__all__ = ["Metrics", "MetricsServer"]
