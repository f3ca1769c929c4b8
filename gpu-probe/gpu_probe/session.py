"""A session as the serving code holds it."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from .journal import entries
from .labels import checked_label
from .live.inquiry import ask, ask_soon
from .live.questions import Question
from .live.unit import Unit
from .usage import Usage

WAIT_S = 0.05
_KNOWN_MAX = 10_000
_mutex = threading.Lock()


class KnownLabels:
    """Labels come again and again: each set is checked and written once."""

    def __init__(self) -> None:
        self._texts: dict[tuple[str | None, ...], str] = {}

    def get(self, **labels: str | None) -> str:
        """The labels as a part of a JSON object. Raises ValueError where one cannot be written."""
        key = tuple(labels.values())
        text = self._texts.get(key)
        if text is None:
            clean = {
                name: None if value is None and name == "user_id" else checked_label(name, value)
                for name, value in labels.items()
            }
            text = entries.encode_json(clean)[1:-1]
            if len(self._texts) >= _KNOWN_MAX:
                self._texts.clear()
            self._texts[key] = text
        return text


@dataclass(slots=True, eq=False, repr=False)
class Session:
    """One inference request or stream. ``tokens_out`` may be set before it closes: the tokens that its caller
    got, where the engine knows better than a count of steps. ``outcome`` may be set in its block, where what
    leaves the block does not tell."""

    number: int
    session_id: str
    prompt_tokens: int
    _labels: str
    _close: Callable[[Session, str, int | None], None]
    _hurry: Callable[[], None]
    ticket: str | None = None
    session_token: str | None = None
    closed: bool = False
    outcome: str | None = None
    tokens_out: int | None = None
    _units: list[Unit] = field(default_factory=list)

    def close(self, outcome: str = "ok", tokens_out: int | None = None) -> None:
        """The session is over for its caller: ok, error, timeout, cancelled or interrupted. Its steps in
        flight still count for it.

        From any thread, does not wait. The first call counts, later ones do nothing. Raises ValueError for
        another outcome.
        """
        self._close(self, outcome, self.tokens_out if tokens_out is None else tokens_out)

    def usage(self, wait_s: float = WAIT_S, settled: bool = False) -> Usage:
        """What it has used so far of this process's devices, from the books: GPU time and busy time in
        nanoseconds, energy in microjoules, and how good each is. Also for a minute after it was closed.

        Waits up to ``wait_s`` seconds (0 to 60) until the steps under way are measured and booked; where
        ``settled``, until nothing is provisional, which takes the card's counters some tenths of a second.
        From any thread, does not touch the GPU and does not raise: without an answer the figures are None
        and ``reason`` says why.
        """
        self._hasten()
        return ask(self._journals(), Question(self.session_id), wait_s, settled)

    async def usage_soon(self, wait_s: float = WAIT_S, settled: bool = False) -> Usage:
        """The same in a task of asyncio, without blocking its thread."""
        self._hasten()
        return await ask_soon(self._journals(), Question(self.session_id), wait_s, settled)

    def _journals(self) -> list[Path]:
        return [unit.journal.folder for unit in self._units]

    def _hasten(self) -> None:
        """What has ended meanwhile is read now, by the thread that may."""
        if any(unit.clock.in_flight for unit in self._units):
            self._hurry()

    def note_prompt(self, tokens: int) -> None:
        """How long its prompt is, from an engine that has counted it. Does nothing where the session was
        opened with a number, or is closed."""
        if self.prompt_tokens or self.closed or tokens <= 0:
            return
        self.prompt_tokens = tokens
        for unit in self._units:
            unit.journal.append(self.opening_entry(unit.host_ns()))

    def join(self, unit: Unit) -> bool:
        """Whether this is the first time the session meets a device."""
        if unit in self._units:
            return False
        with _mutex:
            if unit in self._units:
                return False
            self._units.append(unit)
            return True

    def close_once(self) -> list[Unit]:
        """The devices it must be closed on; empty the second time."""
        with _mutex:
            if self.closed:
                return []
            self.closed = True
            return self._units

    def opening_entry(self, at_ns: int) -> bytes:
        """The journal's entry of its beginning."""
        ticket = "" if self.ticket is None else f'"ticket":{entries.encode_json(self.ticket)},'
        # Its form leaves nothing to escape.
        token = "" if self.session_token is None else f'"session_token":"{self.session_token}",'
        return entries.text_entry(
            entries.OPENED,
            f'{{"session":{self.number},"at_ns":{at_ns},"prompt_tokens":{self.prompt_tokens},{ticket}{token}'
            f'"session_id":{entries.encode_json(self.session_id)},{self._labels}}}',
        )
