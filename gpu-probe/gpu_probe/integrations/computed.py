"""How far a request's prompt is computed, so that what an engine computes again is not counted again."""

from __future__ import annotations

from ..protocol import Row, SessionHandle


class PromptProgress:
    """The rows of one session. Its prompt has ``tokens`` tokens; an engine that takes a request's cache away
    computes it anew, which costs time and is no new prompt."""

    __slots__ = ("_seen", "session", "tokens")

    def __init__(self, session: SessionHandle, tokens: int) -> None:
        self.session = session
        self.tokens = tokens
        self._seen = 0

    def rows(self, new: int, context: int) -> list[Row]:
        """The rows of ``new`` tokens computed, with ``context`` tokens in the context after them.

        Tokens of the prompt that were computed before are a row behind the prompt, where no prompt is
        counted.
        """
        start = context - new
        again = min(self._seen, context) - start
        self._seen = max(self._seen, min(context, self.tokens))
        if start >= self.tokens or again <= 0:
            return [(self.session, new, context)]
        rows: list[Row] = [(self.session, again, self.tokens + again)]
        if new > again:
            rows.append((self.session, new - again, context))
        return rows
