"""Whose a request is: from HTTP headers, request parameters, or a resolver of one's own."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from ..labels import UNKNOWN, clean_label
from ..session_token import token_or_none

SESSION = "x-meterhouse-session"
TENANT = "x-meterhouse-tenant"
PROJECT = "x-meterhouse-project"
USER = "x-meterhouse-user"
SESSION_TOKEN = "x-meterhouse-session-token"


class Labels(NamedTuple):
    """The fields of gpu_time_event that only the server knows.

    ``session_id`` None: the probe makes one. ``session_token``: what a gateway signed for the session.
    """

    tenant_id: str = UNKNOWN
    project_id: str = UNKNOWN
    model: str = UNKNOWN
    model_version: str = UNKNOWN
    user_id: str | None = None
    session_id: str | None = None
    session_token: str | None = None

    def fields(self) -> dict[str, Any]:
        """As keyword arguments of ``open_session``."""
        return self._asdict()


Resolver = Callable[[Mapping[str, str]], Labels | None]
"""Header or parameter names in lower case, to labels; None: this request is not measured as a session.

A resolver may verify a signed session here.
"""


def from_headers(headers: Mapping[str, str], model: str, model_version: str = UNKNOWN) -> Labels:
    """Reads the ``x-meterhouse-*`` headers.

    They are believed: only a gateway that takes them out of what callers send may stand in front. The
    processor checks the token, where it has the gateway's key; what has not a token's form is left out.
    """
    return Labels(
        clean_label(headers.get(TENANT)) or UNKNOWN,
        clean_label(headers.get(PROJECT)) or UNKNOWN,
        clean_label(model) or UNKNOWN,
        clean_label(model_version) or UNKNOWN,
        clean_label(headers.get(USER)),
        clean_label(headers.get(SESSION)),
        token_or_none(headers.get(SESSION_TOKEN)),
    )


def header_text(value: bytes) -> str:
    """A header's bytes as HTTP reads them: Latin-1, so that two values are never the same text."""
    return bytes(value).decode("latin-1")


def lower(parameters: Mapping[str, Any] | None) -> dict[str, str]:
    """Header-like parameters with names in lower case and text values."""
    return {name.lower(): str(value) for name, value in (parameters or {}).items() if value is not None}
