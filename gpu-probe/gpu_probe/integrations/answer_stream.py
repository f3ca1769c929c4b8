"""Puts a session's figures into a stream of server-sent events."""

from __future__ import annotations

import json
import re
from collections.abc import Awaitable, Callable

from ..usage import Usage
from .answer_json import figures_of, has_usage, is_last, with_usage

Ask = Callable[[], Awaitable[Usage]]
# An event that is longer passes as it is, and so does what comes behind it.
_EVENT_BYTES_MAX = 1024 * 1024
_END = re.compile(rb"\r\n\r\n|\n\n|\r\r")
_DATA = re.compile(rb"^data:[ ]?(.*?)\r?$", re.MULTILINE)


class EventStream:
    """The last event with a ``usage`` gets the figures. Where none has one, they come as a comment before
    ``[DONE]`` or at the end: clients skip comments, and choke on events that they do not know."""

    def __init__(self, ask: Ask) -> None:
        self._ask = ask
        self._held = b""
        self._passes = False
        self._is_answered = False

    async def feed(self, data: bytes, last: bool) -> bytes:
        """What can be sent on of the stream: whole events, and all of it at the end."""
        if self._passes:
            return data
        events = []
        self._held += data
        while (end := _END.search(self._held)) is not None:
            events.append(await self._event(self._held[: end.end()]))
            self._held = self._held[end.end() :]
        if last and not self._held:
            events.append(await self._comment())
        if last or len(self._held) > _EVENT_BYTES_MAX:
            events.append(self._held)
            self._held, self._passes = b"", True
        return b"".join(events)

    async def _event(self, event: bytes) -> bytes:
        lines = list(_DATA.finditer(event))
        if len(lines) != 1:
            return event
        data = lines[0].group(1)
        if data.strip() == b"[DONE]":
            return await self._comment() + event
        if not has_usage(data) or not is_last(data):
            return event
        usage = await self._ask()
        changed = None if usage.gpu_time_ns is None else with_usage(data, usage)
        if changed is None:
            return event
        self._is_answered = True
        return event[: lines[0].start(1)] + changed + event[lines[0].end(1) :]

    async def _comment(self) -> bytes:
        if self._is_answered:
            return b""
        self._is_answered = True
        usage = await self._ask()
        if usage.gpu_time_ns is None:
            return b""
        return b": meterhouse " + json.dumps(figures_of(usage), separators=(",", ":")).encode() + b"\n\n"
