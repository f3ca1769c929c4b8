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

from ..accounting import Account
from ..folders import check_owner
from ..live.runner import follow
from ..live.service import Service
from .output import add_output_options, open_output


def register(commands: Any) -> None:
    for name, run, text in (
        ("meter", meter, "keep the books of a living probe, until its process is gone"),
        ("recover", recover, "book what dead processes left in a state folder"),
    ):
        parser: argparse.ArgumentParser = commands.add_parser(name, help=text, description=__doc__)
        parser.add_argument("state", type=Path, help="the probe's state_dir")
        add_output_options(parser)
        parser.set_defaults(run=run)


def meter(options: argparse.Namespace) -> int:
    check_owner(options.state)
    with ExitStack() as stack:
        service = Service(options.state / "journals", open_output(options, stack))
        stack.callback(service.close)
        follow(options.state, service)
    return 1 if service.damaged else 0


def recover(options: argparse.Namespace) -> int:
    """Ends with one JSON line: journals recovered and set aside, and the account of their events."""
    check_owner(options.state)
    with ExitStack() as stack:
        account = Account(open_output(options, stack))
        service = Service(options.state / "journals", account, only_dead=True)
        stack.callback(service.close)
        while service.poll() or service.open:
            continue
    print(json.dumps({"recovered": service.finished, "damaged": service.damaged, **account.summary()}))
    if service.damaged:
        print(f"gpu-probe: {service.damaged} journals cannot be booked and are kept", file=sys.stderr)
    return 1 if service.damaged else 0
