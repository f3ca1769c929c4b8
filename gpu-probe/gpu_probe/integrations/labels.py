"""Whose a request is: from HTTP headers, request parameters, or a resolver of one's own."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

SESSION = "x-meterhouse-session"
TENANT = "x-meterhouse-tenant"
PROJECT = "x-meterhouse-project"
USER = "x-meterhouse-user"
# Work of nobody known stays visible as a tenant of this name, instead of being dropped or charged to another.
UNKNOWN = "unknown"
_BYTES_MAX = 128
_HASH_DIGITS = 32
# What services/domain/event/text.ts refuses, written as characters.
_UNCLEAN = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff]")
_REPLACED = re.compile(f"~[0-9a-f]{{{_HASH_DIGITS}}}\\Z")


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
        clean_label(headers.get(TENANT)) or UNKNOWN,
        clean_label(headers.get(PROJECT)) or UNKNOWN,
        clean_label(model) or UNKNOWN,
        clean_label(model_version) or UNKNOWN,
        clean_label(headers.get(USER)),
        clean_label(headers.get(SESSION)),
    )


def header_text(value: bytes) -> str:
    """A header's bytes as HTTP reads them: Latin-1, so that two values are never the same text."""
    return bytes(value).decode("latin-1")


def clean_label(text: str | None) -> str | None:
    """The text as the processor accepts it: 1 to 128 bytes of UTF-8 without control characters (below U+0020,
    U+007F to U+009F) and without lone surrogates; None for none.

    Other text keeps its readable beginning, and a hash of the whole behind ``~``: two texts never become one
    label. A text that looks like such a label is hashed as well.
    """
    if not text:
        return None
    data = text.encode("utf-8", "surrogatepass")
    unclean = _UNCLEAN.search(text)
    if unclean is None and len(data) <= _BYTES_MAX and not _REPLACED.search(text):
        return text
    mark = "~" + hashlib.sha256(data).hexdigest()[:_HASH_DIGITS]
    readable = _UNCLEAN.sub("?", text).encode("utf-8")[: _BYTES_MAX - len(mark)]
    return readable.decode("utf-8", "ignore") + mark


def lower(parameters: Mapping[str, Any] | None) -> dict[str, str]:
    """Header-like parameters with names in lower case and text values."""
    return {name.lower(): str(value) for name, value in (parameters or {}).items() if value is not None}
