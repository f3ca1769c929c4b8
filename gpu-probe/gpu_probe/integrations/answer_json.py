"""Puts a session's figures into the ``usage`` object of an answer, and leaves every other byte as it is."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from json.decoder import scanstring  # type: ignore[attr-defined]
from typing import Any, NamedTuple

from ..usage import Usage

MEMBER = "meterhouse"
# Where OpenAI's and Anthropic's answers have it; the second is the last event of a stream of /v1/responses.
_PATHS = (("usage",), ("response", "usage"))
_HAS_USAGE = re.compile(rb'"usage"\s*:\s*\{')
_SPACE = re.compile(r"[ \t\r\n]*")
_decode = json.JSONDecoder().raw_decode


class _Member(NamedTuple):
    """A member of an object: where its value begins and ends."""

    name: str
    begin: int
    end: int


def has_usage(body: bytes) -> bool:
    """Whether it is worth a closer look."""
    return _HAS_USAGE.search(body) is not None


def figures_of(usage: Usage) -> dict[str, Any]:
    """What an answer says."""
    fields = usage._asdict()
    del fields["reason"]
    return fields


def with_usage(body: bytes, usage: Usage) -> bytes | None:
    """The document with ``usage.meterhouse``; None where it is no JSON, has no ``usage`` or has one with such
    a member already."""
    if not has_usage(body):
        return None
    try:
        text = body.decode("utf-8")
        at = _skip(text, 0)
        _, end = _decode(text, at)
        if _skip(text, end) != len(text):
            return None
        found = next(filter(None, (_find(text, at, path) for path in _PATHS)), None)
        if found is None:
            return None
        members = list(_members(text, found.begin))
    except (ValueError, IndexError, RecursionError):
        return None
    if any(member.name == MEMBER for member in members):
        return None
    comma = "," if members else ""
    added = f'{comma}"{MEMBER}":{json.dumps(figures_of(usage), separators=(",", ":"))}'
    return (text[: found.end - 1] + added + text[found.end - 1 :]).encode("utf-8")


def is_last(body: bytes) -> bool:
    """Whether an event of a stream has the usage of the whole: of those with choices, one that ends."""
    try:
        document = json.loads(body)
    except (ValueError, RecursionError):
        return False
    choices = document.get("choices") if isinstance(document, dict) else None
    if not isinstance(choices, list) or not choices:
        return True
    return any(isinstance(choice, dict) and choice.get("finish_reason") is not None for choice in choices)


def _find(text: str, at: int, path: tuple[str, ...]) -> _Member | None:
    """The object at the end of a path. Of two members of one name the last one counts."""
    found: _Member | None = _Member("", at, at)
    for name in path:
        if found is None or text[found.begin] != "{":
            return None
        found = next((each for each in reversed([*_members(text, found.begin)]) if each.name == name), None)
    return found if found is not None and text[found.begin] == "{" else None


def _members(text: str, at: int) -> Iterator[_Member]:
    """The members of the object that begins there; the document was parsed before."""
    at = _skip(text, at + 1)
    while text[at] != "}":
        name, at = scanstring(text, at + 1, True)
        begin = _skip(text, _skip(text, at) + 1)
        _, end = _decode(text, begin)
        yield _Member(name, begin, end)
        at = _skip(text, end)
        if text[at] == ",":
            at = _skip(text, at + 1)


def _skip(text: str, at: int) -> int:
    """Behind white space."""
    found = _SPACE.match(text, at)
    return at if found is None else found.end()
