"""The options that say who may scrape what, for the commands that serve metrics."""

from __future__ import annotations

import argparse
import sys
from contextlib import ExitStack

from ..accounting import Output
from ..exporter import LOOPBACK, Metrics, MetricsServer
from ..publish import Outbox, Spool


def add_metrics_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--metrics-port", type=int, metavar="PORT", help="serve Prometheus metrics there")
    parser.add_argument(
        "--metrics-host",
        default=LOOPBACK,
        metavar="ADDRESS",
        help="address to listen on; default: %(default)s, this machine alone; in a pod 0.0.0.0",
    )
    parser.add_argument(
        "--metrics-tenants", default="", metavar="A,B,…", help="tenants with a series of their own"
    )


def counted(options: argparse.Namespace, stack: ExitStack, output: Spool | Outbox) -> Output:
    """The output itself, or with Prometheus metrics of what passes, where a port is given."""
    if options.metrics_port is None:
        return output
    metrics = Metrics(output, filter(None, options.metrics_tenants.split(",")))
    metrics.watch(output)
    try:
        stack.callback(MetricsServer(metrics, options.metrics_port, options.metrics_host).close)
    except OSError as error:
        # The books go on without being watched.
        address = f"{options.metrics_host} port {options.metrics_port}"
        print(f"gpu-probe: no metrics on {address}: {error}", file=sys.stderr)
    return metrics
