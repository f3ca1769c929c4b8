"""A part of a run on a card: whatever happens, its results are in a JSON file, and it ends in time."""

import argparse
import json
import os
import signal
import sys
import time
import traceback
from pathlib import Path


class OverBudget(BaseException):
    """Not an Exception: nothing on the way may take it for a fault of its own."""


class Part:
    """``run`` keeps what a function returns, or its traceback, under a name; the next one runs in any case,
    unless the seconds are spent. ``row`` adds a line to the table."""

    def __init__(self, name, out, budget_s):
        self._out = Path(out)
        self._end = time.monotonic() + budget_s
        self._begin = time.monotonic()
        self._is_over = False
        self.document = {"part": name, "budget_s": budget_s, "results": {}, "rows": []}
        signal.signal(signal.SIGALRM, self._stop)
        signal.setitimer(signal.ITIMER_REAL, budget_s)

    @property
    def left_s(self):
        return self._end - time.monotonic()

    def run(self, name, function):
        """The function's result; None where it failed."""
        if self._is_over:
            self.document["results"][name] = {"error": "not run: the part's seconds were spent"}
            self.save()
            return None
        result, begin = None, time.monotonic()
        try:
            result = function()
            self.document["results"][name] = result
        except OverBudget:
            self._is_over = True
            self.document["results"][name] = {"error": f"over its seconds\n{traceback.format_exc()}"}
        except Exception:
            self.document["results"][name] = {"error": traceback.format_exc()}
        kept = self.document["results"][name]
        if isinstance(kept, dict) and "error" in kept:
            print(f"{name}: {kept['error']}", file=sys.stderr)
        self.document.setdefault("seconds", {})[name] = round(time.monotonic() - begin, 1)
        self.save()
        return result

    def row(self, what, found, aim="", is_met=None):
        """``found`` and ``aim`` as text; ``is_met`` None where there is no aim."""
        self.document["rows"].append(
            [what, found, aim, "" if is_met is None else "met" if is_met else "MISSED"]
        )
        self.save()

    def save(self):
        self.document["whole_s"] = round(time.monotonic() - self._begin, 1)
        self._out.write_text(json.dumps(self.document, indent=1, default=str))

    def end(self):
        """Leaves the process at once: threads that still work the card would keep it."""
        self.stop_clock()
        self.save()
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(0)

    def stop_clock(self):
        signal.setitimer(signal.ITIMER_REAL, 0)

    def _stop(self, *_):
        raise OverBudget


def options(description, *more):
    """``--out``, ``--seconds`` of the whole part, ``--device``, and what the part adds."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--out", required=True)
    parser.add_argument("--seconds", type=float, default=100, help="the part ends after so long")
    parser.add_argument("--device", default="cuda", choices=("cuda", "cpu"), help="cpu: a dry run")
    for name, default in more:
        kind = str if default is None else type(default)
        parser.add_argument(f"--{name}", default=default, type=kind)
    return parser.parse_args()


def percent(found, truth):
    """Difference from the truth, per cent; None where either is unknown."""
    return None if found is None or not truth else round((found / truth - 1) * 100, 3)


def within(difference, bound):
    """Whether a difference is inside the bound; None where it is unknown."""
    return None if difference is None else abs(difference) <= bound


def shown(difference):
    """A difference as text."""
    return "unknown" if difference is None else f"{difference:+.2f} %"
