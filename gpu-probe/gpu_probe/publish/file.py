"""Publishes to a file: one JSON object per line, ``{"type": "gpu_time_event", …fields}`` in the form of
schemas/examples."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import TextIO

from ..records import decode_single_object, to_plain


class FilePublisher:
    """Writes to an open text file, which stays the caller's."""

    def __init__(self, file: TextIO) -> None:
        self._file = file

    def send(self, key: bytes, value: bytes, received: Callable[[], None]) -> None:
        schema, record = decode_single_object(value)
        line = {"type": schema.name, **to_plain(schema, record)}
        self._file.write(json.dumps(line, ensure_ascii=False, separators=(",", ":")) + "\n")
        received()

    def poll(self) -> None:
        return

    def flush(self, timeout_s: float) -> int:
        self._file.flush()
        return 0

    def close(self) -> None:
        return
