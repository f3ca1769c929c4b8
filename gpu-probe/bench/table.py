"""Puts the results of parts into one file and prints their rows as one short table.

python gpu-probe/bench/table.py MERGED.json FILE…
"""

import json
import sys
from pathlib import Path

OVERHEAD_AIMS = {
    "1 ms graph, ahead": 0.25,
    "5 ms, ahead": 0.10,
    "18 ms, ahead": 0.10,
    "1 ms graph, waiting": 0.8,
    "5 ms, waiting": 0.4,
}


def overhead_rows(document):
    rows = []
    for result in document.get("results", []):
        low, high = result["interval_95_percent"]
        found = result["overhead_percent"]
        text = f"{found:+.2f} % ({low:+.2f} to {high:+.2f}), {result['rounds']} pairs"
        aim = OVERHEAD_AIMS.get(result["loop"]) if result["method"] == "gpu-probe" else None
        row = [f"{result['loop']}, {result['step_ms']:.2f} ms: {result['method']}", text]
        rows.append([*row, "", ""] if aim is None else [*row, f"{aim} %", verdict(found <= aim)])
    return rows


def serving_rows(document):
    rows = []
    for name in ("long", "short"):
        result = document.get(name)
        if result:
            text = f"{result['parts_uj']} of {result['counter_difference_uj']} uJ"
            rows.append(
                [f"energy, {name}: parts of the counter", text, "equal", verdict(result["energy_exact"])]
            )
            replayed = "the same" if result["replay_same"] else "other events"
            rows.append([f"replay, {name}", replayed, "the same", verdict(result["replay_same"])])
    return rows


def verdict(is_met):
    return "met" if is_met else "MISSED"


OTHERS = {"overhead": overhead_rows, "serving": serving_rows}


def rows_of(name, document):
    """A part's rows and its faults, each as what, found, aim, verdict."""
    if "rows" not in document:
        return OTHERS[name](document) if name in OTHERS else []
    rows = list(document["rows"])
    for step, result in document["results"].items():
        if isinstance(result, dict) and "error" in result and result["error"]:
            rows.append([step, str(result["error"]).strip().splitlines()[-1][:70], "", "FAILED"])
    return rows


def main(merged, *paths):
    documents, rows = {}, [("part", "what", "found", "aim", "")]
    for path in map(Path, paths):
        try:
            documents[path.stem] = document = json.loads(path.read_text())
            rows += [(path.stem, *map(str, row)) for row in rows_of(path.stem, document)]
        except (OSError, ValueError, KeyError, TypeError) as error:
            rows.append((path.stem, "its file", repr(error)[:70], "", "FAILED"))
    Path(merged).write_text(json.dumps(documents))
    widths = [max(len(row[at]) for row in rows) for at in range(5)]
    for row in rows:
        print("  ".join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip())


if __name__ == "__main__":
    main(*sys.argv[1:])
