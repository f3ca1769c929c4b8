"""Prometheus metrics of a probe's events and totals: per model, per tenant (bounded), per GPU."""

from .metrics import Metrics
from .server import LOOPBACK, MetricsServer

__all__ = ["LOOPBACK", "Metrics", "MetricsServer"]
