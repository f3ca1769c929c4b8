"""Where finished records go, for the commands that make them: the log, a receiver, and metrics of what
passes."""

from __future__ import annotations

import argparse
import sys
from contextlib import ExitStack

from ..accounting import Output
from ..exporter import LOOPBACK, Metrics, MetricsServer
from ..publish import Outbox, Spool
from ..wal import Wal
from .receiver import add_receiver_options, publisher_maker


def add_output_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--wal-max-bytes", type=int, default=1024**3, help="bound of the write-ahead log")
    add_receiver_options(parser)
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


def open_output(options: argparse.Namespace, stack: ExitStack) -> Output:
    """The write-ahead log of the folder ``state``, on to a receiver where the options name one, counted for
    Prometheus where they give a port."""
    folder = options.state / "wal"
    make_publisher = publisher_maker(options)
    if make_publisher is None:
        return _counted(options, stack, Spool(stack.enter_context(Wal(folder / "0", options.wal_max_bytes))))
    outbox = Outbox(folder, make_publisher, options.wal_max_bytes)
    stack.callback(outbox.close, options.timeout)
    return _counted(options, stack, outbox)


def _counted(options: argparse.Namespace, stack: ExitStack, output: Spool | Outbox) -> Output:
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
