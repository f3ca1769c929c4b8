"""The one rule of clean text: what the processor takes as a label (services/domain/event/text.ts)."""

from __future__ import annotations

import hashlib
import re

# Work of nobody known stays visible as a tenant of this name, instead of being dropped or charged to another.
UNKNOWN = "unknown"
# The most that the schema takes of a label.
TEXT_BYTES = 128
_HASH_DIGITS = 32
# What services/domain/event/text.ts refuses, in its order: controls, what nobody sees or what turns the
# order of text, surrogates.
_UNCLEAN = re.compile(
    "[\x00-\x1f\x7f-\x9f\xad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f"
    "\ufeff\ufff9-\ufffb\U000e0000-\U000e007f\ud800-\udfff]"
)
# No address can hold these as a part of its path.
_POINTS = (".", "..")
_REPLACED = re.compile(f"~[0-9a-f]{{{_HASH_DIGITS}}}\\Z")


def checked_label(name: str, value: str | None) -> str:
    """A label that code of the process itself gives, under the name of its field. Unclean characters are
    replaced as ``clean_label`` does; what ``clean_label`` made already stays as it is.

    Raises ValueError for what is no text, empty or longer than 128 bytes of UTF-8.
    """
    if not isinstance(value, str) or not 1 <= len(value.encode("utf-8", "surrogatepass")) <= TEXT_BYTES:
        raise ValueError(f"{name} must be text of 1 to {TEXT_BYTES} bytes")
    return value if is_clean(value) else _replacement(value)


def is_clean(text: str) -> bool:
    """Whether the text, of whatever length, is one that processor and API take."""
    return text not in _POINTS and not _UNCLEAN.search(text)


def clean_label(text: str | None) -> str | None:
    """The text as the processor accepts it: 1 to 128 bytes of UTF-8 without control, zero-width
    and bidirectional characters and lone surrogates, and neither ``.`` nor ``..``; None for none.

    Other text keeps its readable beginning, and a hash of the whole behind ``~``: two texts never become one
    label. A text that looks like such a label is hashed as well.
    """
    if not text:
        return None
    if not is_clean(text) or _REPLACED.search(text) or len(text.encode("utf-8")) > TEXT_BYTES:
        return _replacement(text)
    return text


def _replacement(text: str) -> str:
    mark = "~" + hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:_HASH_DIGITS]
    readable = _UNCLEAN.sub("?", text).encode("utf-8")[: TEXT_BYTES - len(mark)]
    return readable.decode("utf-8", "ignore") + mark
