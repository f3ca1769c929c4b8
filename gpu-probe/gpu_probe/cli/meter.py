"""gpu-probe meter: keeps the books of a living process from its journal, beside it; gpu-probe recover:
books what dead processes left. Finished events go to the state folder's write-ahead log, and on to a
receiver where one is given."""

from __future__ import annotations

import argparse
import json
import sys
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from ..accounting import Account, Output
from ..folders import check_owner
from ..live.runner import follow
from ..live.service import Service
from ..publish import Outbox, Spool
from ..wal import Wal
from .metrics import add_metrics_options, counted
from .receiver import add_receiver_options, publisher_maker


def register(commands: Any) -> None:
    for name, run, text in (
        ("meter", meter, "keep the books of a living probe, until its process is gone"),
        ("recover", recover, "book what dead processes left in a state folder"),
    ):
        parser: argparse.ArgumentParser = commands.add_parser(name, help=text, description=__doc__)
        parser.add_argument("state", type=Path, help="the probe's state_dir")
        parser.add_argument("--wal-max-bytes", type=int, default=1024**3, help="bound of the write-ahead log")
        add_receiver_options(parser)
        add_metrics_options(parser)
        parser.set_defaults(run=run)


def meter(options: argparse.Namespace) -> int:
    check_owner(options.state)
    with ExitStack() as stack:
        service = Service(options.state / "journals", _output(options, stack))
        stack.callback(service.close)
        follow(options.state, service)
    return 1 if service.damaged else 0


def recover(options: argparse.Namespace) -> int:
    """Ends with one JSON line: journals recovered and set aside, and the account of their events."""
    check_owner(options.state)
    with ExitStack() as stack:
        account = Account(_output(options, stack))
        service = Service(options.state / "journals", account, only_dead=True)
        stack.callback(service.close)
        while service.poll() or service.open:
            continue
    print(json.dumps({"recovered": service.finished, "damaged": service.damaged, **account.summary()}))
    if service.damaged:
        print(f"gpu-probe: {service.damaged} journals cannot be booked and are kept", file=sys.stderr)
    return 1 if service.damaged else 0


def _output(options: argparse.Namespace, stack: ExitStack) -> Output:
    folder = options.state / "wal"
    make_publisher = publisher_maker(options)
    if make_publisher is None:
        spool = Spool(stack.enter_context(Wal(folder / "0", max_bytes=options.wal_max_bytes)))
        return counted(options, stack, spool)
    outbox = Outbox(folder, make_publisher, options.wal_max_bytes)
    stack.callback(outbox.close, options.timeout)
    return counted(options, stack, outbox)
