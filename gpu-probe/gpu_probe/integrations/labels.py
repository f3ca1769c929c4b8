"""Whose a request is: from HTTP headers, request parameters, or a resolver of one's own."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

SESSION = "x-meterhouse-session"
TENANT = "x-meterhouse-tenant"
PROJECT = "x-meterhouse-project"
USER = "x-meterhouse-user"
# Work of nobody known stays visible as a tenant of this name, instead of being dropped or charged to another.
UNKNOWN = "unknown"
_BYTES_MAX = 128


class Labels(NamedTuple):
    """The fields of gpu_time_event that only the server knows.

    ``session_id`` None: the probe makes one.
    """

    tenant_id: str = UNKNOWN
    project_id: str = UNKNOWN
    model: str = UNKNOWN
    model_version: str = UNKNOWN
    user_id: str | None = None
    session_id: str | None = None

    def fields(self) -> dict[str, Any]:
        """As keyword arguments of ``open_session``."""
        return self._asdict()


Resolver = Callable[[Mapping[str, str]], Labels | None]
"""Header or parameter names in lower case, to labels; None: this request is not measured as a session.

A resolver may verify a signed session here.
"""


def from_headers(headers: Mapping[str, str], model: str, model_version: str = UNKNOWN) -> Labels:
    """Reads the ``x-meterhouse-*`` headers.

    They are believed: only a gateway that takes them out of what callers send may stand in front.
    """
    return Labels(
        clip(headers.get(TENANT)) or UNKNOWN,
        clip(headers.get(PROJECT)) or UNKNOWN,
        clip(model) or UNKNOWN,
        clip(model_version) or UNKNOWN,
        clip(headers.get(USER)),
        clip(headers.get(SESSION)),
    )


def clip(text: str | None) -> str | None:
    """At most 128 bytes of UTF-8, the bound of the schema; None for none."""
    if not text:
        return None
    data = text.encode("utf-8", "replace")
    return text if len(data) <= _BYTES_MAX else data[:_BYTES_MAX].decode("utf-8", "ignore")


def lower(parameters: Mapping[str, Any] | None) -> dict[str, str]:
    """Header-like parameters with names in lower case and text values."""
    return {name.lower(): str(value) for name, value in (parameters or {}).items() if value is not None}
