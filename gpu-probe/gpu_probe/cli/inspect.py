"""gpu-probe inspect: shows the records of a write-ahead log (a folder or one .wal segment) or the contents of
a trace.

Records are printed as JSON lines in the form of --sink file, with their position; a summary goes to standard
error.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections import Counter
from pathlib import Path
from typing import Any

from ..device.replay import read_trace
from ..records import AvroError, decode_single_object, to_plain
from ..wal import Entry, read_log, read_segment
from .failure import Failure


def register(commands: Any) -> None:
    parser: argparse.ArgumentParser = commands.add_parser(
        "inspect", help="show a write-ahead log or a trace", description=__doc__
    )
    parser.add_argument("path", type=Path)
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    path: Path = options.path
    if path.is_dir():
        return _show(read_log(path))
    if path.suffix == ".wal":
        start = int(path.stem) if path.stem.isdigit() else 0
        return _show(Entry(start + at, key, value) for at, (key, value) in enumerate(read_segment(path)))
    if not path.exists():
        raise Failure(f"{path} does not exist")
    return _describe(path)


def _show(entries: Any) -> int:
    kinds: Counter[str] = Counter()
    for entry in entries:
        try:
            schema, record = decode_single_object(entry.value)
            line = {"position": entry.position, "type": schema.name, **to_plain(schema, record)}
        except AvroError as error:
            line = {
                "position": entry.position,
                "type": "unreadable",
                "error": str(error),
                "value": entry.value.hex(),
            }
        kinds[line["type"]] += 1
        print(json.dumps(line, ensure_ascii=False, separators=(",", ":")))
    print(
        ", ".join(f"{count} {kind}" for kind, count in sorted(kinds.items())) or "no records", file=sys.stderr
    )
    return 0


def _describe(path: Path) -> int:
    trace = read_trace(path)
    kinds = Counter(line["t"] for line in trace.lines)
    summary = {
        "meta": trace.meta,
        "records": dict(sorted(kinds.items())),
        "begin_ns": str(trace.begin_ns),
        "end_ns": str(trace.end_ns),
        "gpu_elapsed_ns": str(sum(line["gpu_elapsed_ns"] for line in trace.lines if line["t"] == "step")),
    }
    print(json.dumps(summary, ensure_ascii=False, indent=2))
    return 0
