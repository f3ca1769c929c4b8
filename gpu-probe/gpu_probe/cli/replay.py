"""gpu-probe replay: plays a recorded trace through the accounting."""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path
from typing import Any, TextIO

from ..accounting import Account, GpuMeter
from ..device import Device, PowerSample, ReplayDevice, SessionOpened
from ..device.replay import Trace, read_trace
from ..fitting import Refit
from ..publish import Delivery, FilePublisher, Publisher, Spool
from ..sharing import POLICIES, load_coefficients, make_policy, shipped_coefficients
from ..wal import Wal
from .failure import Failure
from .instant import hour_ns, instant_ns
from .receiver import add_receiver_options, publisher_maker

_PROGRESS_EVERY_NS = 10_000_000_000


class Nowhere:
    """An output that only counts."""

    def event(self, record: dict[str, Any]) -> None:
        return

    def totals(self, record: dict[str, Any]) -> None:
        return


def register(commands: Any) -> None:
    parser: argparse.ArgumentParser = commands.add_parser(
        "replay", help="play a recorded trace through the accounting", description=__doc__
    )
    parser.add_argument("trace", help="a .jsonl or .jsonl.gz recording (traces/README.md)")
    parser.add_argument(
        "--policy", default="fitted-hinge", choices=sorted(POLICIES), help="how steps are shared"
    )
    parser.add_argument("--coefficients", metavar="FILE", help="for fitted-hinge; default: those shipped")
    parser.add_argument(
        "--sink",
        default="none",
        choices=("none", "file", "wal", "kafka", "http"),
        help="none: only the account; file: JSON lines; wal: a write-ahead log for publish; kafka: a topic; "
        "http: a gateway",
    )
    parser.add_argument("--out", metavar="FILE", help="where --sink file writes; default: standard output")
    parser.add_argument(
        "--wal", metavar="DIR", help="write-ahead log; default for kafka and http: a temporary one"
    )
    parser.add_argument("--wal-max-bytes", type=int, default=1024**3, help="bound of the write-ahead log")
    add_receiver_options(parser)
    when = parser.add_mutually_exclusive_group()
    when.add_argument(
        "--end-at", type=instant_ns, metavar="RFC3339", help="move the recording's end to this instant"
    )
    when.add_argument(
        "--hour-boundary-at",
        type=hour_ns,
        metavar="RFC3339",
        help="move the recording's middle to this hour's start",
    )
    parser.add_argument(
        "--refit", action="store_true", help="fit the hinge anew every hour, as Probe(refit=True) does"
    )
    parser.add_argument(
        "--tenant-operator", default="operator", metavar="NAME", help="tenant that cold starts go to"
    )
    parser.add_argument("--node", default="replay", metavar="NAME", help="host name printed on the events")
    parser.add_argument("--json", action="store_true", help="end with the account as one JSON line")
    parser.add_argument("--progress", action="store_true", help="tell on standard error how far it is")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    _check(options)
    coefficients = load_coefficients(options.coefficients) if options.coefficients else None
    policy = make_policy(options.policy, coefficients)
    trace = read_trace(options.trace)
    device = ReplayDevice(trace, _shift_ns(options, trace), options.node)
    with ExitStack() as stack:
        wal = _open_wal(options, stack)
        spool = None if wal is None else Spool(wal)
        account = Account(Nowhere() if spool is None else spool)
        refit = Refit(coefficients or shipped_coefficients()) if options.refit else None
        meter = GpuMeter(device.info, policy, account, options.tenant_operator, refit)
        _play(device, meter, options.progress)
        if wal is not None and options.sink != "wal":
            _deliver(wal, _publisher(options, stack), options)
        if spool is not None and spool.lost:
            raise Failure(f"{spool.lost} events found no room in the write-ahead log; raise --wal-max-bytes")
    _report(account, options.json)
    return 0


def _check(options: argparse.Namespace) -> None:
    if options.sink == "kafka" and not options.brokers:
        raise Failure("--sink kafka needs --brokers HOST:PORT")
    if options.sink == "http" and not options.url:
        raise Failure("--sink http needs --url URL")
    if options.sink == "wal" and not options.wal:
        raise Failure("--sink wal needs --wal DIR")
    for option in ("coefficients", "refit"):
        if getattr(options, option) and options.policy != "fitted-hinge":
            raise Failure(f"--{option} is for --policy fitted-hinge, not {options.policy}")


def _shift_ns(options: argparse.Namespace, trace: Trace) -> int:
    if options.end_at is not None:
        return int(options.end_at) - trace.end_ns
    if options.hour_boundary_at is not None:
        return int(options.hour_boundary_at) - trace.middle_ns
    return 0


def _open_wal(options: argparse.Namespace, stack: ExitStack) -> Wal | None:
    if options.sink == "none":
        return None
    folder = options.wal or stack.enter_context(tempfile.TemporaryDirectory(prefix="gpu-probe-"))
    return stack.enter_context(Wal(folder, max_bytes=options.wal_max_bytes))


def _publisher(options: argparse.Namespace, stack: ExitStack) -> Publisher:
    publisher: Publisher
    make_publisher = publisher_maker(options)
    if options.sink in ("kafka", "http") and make_publisher is not None:
        publisher = make_publisher()
    else:
        file: TextIO = sys.stdout
        if options.out:
            file = stack.enter_context(Path(options.out).open("w", encoding="utf-8"))  # noqa: SIM115
        publisher = FilePublisher(file)
    stack.callback(publisher.close)
    return publisher


def _play(device: Device, meter: GpuMeter, progress: bool) -> None:
    start, reported_ns, sessions = device.info.probe_start_ns, 0, 0
    for record in device.records():
        meter.take(record)
        if not progress:
            continue
        sessions += isinstance(record, SessionOpened)
        if isinstance(record, PowerSample) and record.at_ns - start >= reported_ns + _PROGRESS_EVERY_NS:
            reported_ns = record.at_ns - start
            print(
                f"replayed {reported_ns // 1_000_000_000} s, {sessions} sessions", file=sys.stderr, flush=True
            )


def _deliver(wal: Wal, publisher: Publisher, options: argparse.Namespace) -> None:
    delivery = Delivery(wal, publisher)
    left = delivery.send_all(None, options.timeout)
    delivery.close()
    if options.progress:
        print(f"published {delivery.sent - left} records", file=sys.stderr, flush=True)
    if left:
        kept = f"; they are kept in {options.wal}, send them with gpu-probe publish" if options.wal else ""
        raise Failure(
            f"{left} of {delivery.sent} records were not acknowledged in {options.timeout:g} s{kept}"
        )


def _report(account: Account, as_json: bool) -> None:
    faults = account.faults()
    summary = account.summary()
    if as_json:
        print(json.dumps(summary, separators=(",", ":")))
    else:
        print(f"{summary['sessions']} sessions, {summary['events']} events, {summary['totals']} totals")
        for name in ("gpu_time_ns", "gpu_busy_ns", "energy_uj"):
            print(f"{name}:")
            for part, value in summary[name].items():
                print(f"  {part:<13}{int(value):>22,}")
    if faults:
        raise Failure("the account does not balance: " + "; ".join(faults))
