"""The answer 207 of a gateway: one status for each record of the batch, in the order of the batch.

::

    {"items": [{"status": 202}, {"status": 422, "error": "unknown tenant"}, {"status": 503}]}

An item may also be the number alone, name its place by ``index`` (from 0), and the list may stand alone.
"""

from __future__ import annotations

import json
from typing import Any

MULTI_STATUS = 207


def read_multi_status(text: str, count: int) -> list[int] | None:
    """The HTTP status of each of ``count`` records; None where the answer does not say it of each exactly
    once. Nothing of such an answer is believed: the batch is sent again, as copies."""
    try:
        document = json.loads(text)
    except ValueError:
        return None
    items = document.get("items") if isinstance(document, dict) else document
    if not isinstance(items, list) or len(items) != count:
        return None
    statuses: list[int | None] = [None] * count
    for place, item in enumerate(items):
        index, status = _read(item, place)
        if status is None or index is None or not 0 <= index < count or statuses[index] is not None:
            return None
        statuses[index] = status
    return [status for status in statuses if status is not None]


def _read(item: Any, place: int) -> tuple[int | None, int | None]:
    status = item.get("status") if isinstance(item, dict) else item
    index = item.get("index", place) if isinstance(item, dict) else place
    return _number(index), _number(status)


def _number(value: Any) -> int | None:
    return value if type(value) is int else None
