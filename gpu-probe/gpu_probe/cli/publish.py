"""gpu-probe publish: sends what a write-ahead log still holds."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

from ..publish import Delivery
from ..wal import Wal
from .failure import Failure
from .receiver import add_receiver_options, publisher_maker


def register(commands: Any) -> None:
    parser: argparse.ArgumentParser = commands.add_parser(
        "publish", help="send what a write-ahead log still holds", description=__doc__
    )
    parser.add_argument("wal", metavar="DIR", help="the write-ahead log")
    add_receiver_options(parser)
    amount = parser.add_mutually_exclusive_group()
    amount.add_argument("--limit", type=_count, metavar="N", help="send the oldest N only")
    amount.add_argument("--all-but", type=_count, metavar="N", help="hold the newest N back")
    parser.add_argument("--json", action="store_true", help='end with {"sent","held"} as one JSON line')
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    make_publisher = publisher_maker(options)
    if make_publisher is None:
        raise Failure("publish needs --brokers HOST:PORT or --url URL")
    _check_is_log(Path(options.wal))
    with Wal(options.wal) as wal:
        pending = sum(1 for _ in wal.pending())
        limit = options.limit
        if options.all_but is not None:
            limit = max(0, pending - options.all_but)
        publisher = make_publisher()
        try:
            delivery = Delivery(wal, publisher)
            left = delivery.send_all(limit, options.timeout)
            delivery.close()
        finally:
            publisher.close()
    if left:
        raise Failure(
            f"{left} of {delivery.sent} records were not acknowledged in {options.timeout:g} s; they are kept"
        )
    if options.json:
        print(json.dumps({"sent": delivery.sent, "held": pending - delivery.sent}, separators=(",", ":")))
    else:
        print(f"sent {delivery.sent} records, {pending - delivery.sent} held")
    return 0


def _check_is_log(folder: Path) -> None:
    """A log that is opened is made where there is none, and an empty one is sent without a fault."""
    if (folder / "acknowledged").is_file() or any(folder.glob("*.wal")) or (folder / "lock").is_file():
        return
    within = sorted({path.parent for path in folder.rglob("*.wal")} if folder.is_dir() else ())
    hint = f"; there is one in {', '.join(map(str, within[:8]))}" if within else ""
    why = "holds no write-ahead log" if folder.is_dir() else "is no folder"
    raise Failure(f"{folder} {why}{hint}")


def _count(text: str) -> int:
    value = int(text)
    if value < 0:
        raise argparse.ArgumentTypeError("must be at least 0")
    return value
