"""A session as the serving code holds it."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field

from .journal import entries
from .live.unit import Unit

_KNOWN_MAX = 10_000
_mutex = threading.Lock()


def check_text(name: str, value: str) -> None:
    """Raises ValueError where a label cannot be written."""
    if not isinstance(value, str) or not 1 <= len(value.encode("utf-8")) <= entries.TEXT_BYTES:
        raise ValueError(f"{name} must be text of 1 to {entries.TEXT_BYTES} bytes")


class KnownLabels:
    """Labels come again and again: each set is checked and written once."""

    def __init__(self) -> None:
        self._texts: dict[tuple[str | None, ...], str] = {}

    def get(self, **labels: str | None) -> str:
        """The labels as a part of a JSON object. Raises ValueError where one cannot be written."""
        key = tuple(labels.values())
        text = self._texts.get(key)
        if text is None:
            for name, value in labels.items():
                if value is not None or name != "user_id":
                    check_text(name, value)  # type: ignore[arg-type]
            text = entries.encode_json(labels)[1:-1]
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
        return entries.text_entry(
            entries.OPENED,
            f'{{"session":{self.number},"at_ns":{at_ns},"prompt_tokens":{self.prompt_tokens},'
            f'"session_id":{entries.encode_json(self.session_id)},{self._labels}}}',
        )
