"""What a gateway signs for a session, as it looks from outside: the processor checks the signature
(services/domain/trust/session-token.ts, schemas/README.md)."""

from __future__ import annotations

import re

TOKEN_BYTES = 2048
_FORM = re.compile(r"mhs1\.[a-z0-9][a-z0-9-]{0,31}\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]{86}")


def checked_token(token: str) -> str:
    """A token that code of the process itself gives.

    Raises ValueError for what has not the form of one or is longer than 2048 bytes. The text does not say
    what it was: with a token events can be signed.
    """
    if not is_token(token):
        raise ValueError(f"session_token must be mhs1.KEY_ID.CLAIMS.SIGNATURE of at most {TOKEN_BYTES} bytes")
    return token


def is_token(text: object) -> bool:
    """Whether it has the form and length of a token; nothing is said of its signature."""
    return isinstance(text, str) and len(text) <= TOKEN_BYTES and _FORM.fullmatch(text) is not None


def token_or_none(text: str | None) -> str | None:
    """The token that somebody else says; None where there is none, or something else in its place."""
    return text if is_token(text) else None
