"""How a session ended, by what left its block."""

from __future__ import annotations

import asyncio


def outcome_of(error: BaseException | None) -> str:
    """ok for None, cancelled, timeout or error."""
    if error is None:
        return "ok"
    if isinstance(error, (asyncio.CancelledError, GeneratorExit, KeyboardInterrupt)):
        return "cancelled"
    # Until Python 3.11 asyncio's is another class.
    return "timeout" if isinstance(error, (TimeoutError, asyncio.TimeoutError)) else "error"
