"""Steps of an engine that works on a stream of its own."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any


@contextmanager
def begun_on(stream: AbstractContextManager[Any], scope: AbstractContextManager[None]) -> Iterator[None]:
    """The scope, begun while the stream is the current one; it ends on the stream that it began on."""
    with stream:
        scope.__enter__()
    try:
        yield
    finally:
        scope.__exit__(None, None, None)
