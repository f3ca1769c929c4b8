"""Instants on the command line."""

from __future__ import annotations

import argparse
from datetime import datetime, timezone

HOUR_NS = 3_600_000_000_000
_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)


def instant_ns(text: str) -> int:
    """RFC 3339 such as 2026-11-23T10:00:00Z, as nanoseconds since the Unix epoch (to the microsecond)."""
    try:
        # Python 3.10 does not read the Z.
        moment = datetime.fromisoformat(text[:-1] + "+00:00" if text[-1:] in ("Z", "z") else text)
    except ValueError:
        moment = None
    if moment is None or moment.tzinfo is None:
        raise argparse.ArgumentTypeError(f"{text!r} is not an RFC 3339 instant such as 2026-11-23T10:00:00Z")
    elapsed = moment - _EPOCH
    return ((elapsed.days * 86_400 + elapsed.seconds) * 1_000_000 + elapsed.microseconds) * 1000


def hour_ns(text: str) -> int:
    """An instant that is the start of an hour, UTC."""
    instant = instant_ns(text)
    if instant % HOUR_NS:
        raise argparse.ArgumentTypeError(f"{text!r} is not the start of an hour")
    return instant
