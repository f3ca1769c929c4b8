"""gpu-probe: one command line with a sub-command for each way to use the package without a serving
process."""

from __future__ import annotations

import argparse
import sys

from ..device.replay import TraceError
from ..publish import PublishError
from ..version import PROBE_VERSION
from ..wal import WalError
from . import busy, doctor, fit, inspect, meter, node, publish, replay
from .failure import Failure


def main(arguments: list[str] | None = None) -> int:
    """Runs a command; 0 when done, 1 when it could not, 2 for wrong arguments."""
    parser = argparse.ArgumentParser(prog="gpu-probe", description=__doc__)
    parser.add_argument("--version", action="version", version=PROBE_VERSION)
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    replay.register(commands)
    publish.register(commands)
    inspect.register(commands)
    fit.register(commands)
    meter.register(commands)
    node.register(commands)
    busy.register(commands)
    doctor.register(commands)
    options = parser.parse_args(arguments)
    try:
        return int(options.run(options))
    except (Failure, TraceError, WalError, PublishError, OSError, ValueError) as error:
        print(f"gpu-probe: {error}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
