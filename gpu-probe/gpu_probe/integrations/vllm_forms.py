"""HTTP bodies with labels written into their ``vllm_xargs``: JSON, multipart and URL-encoded forms."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from email.message import Message
from typing import Any
from urllib.parse import parse_qsl, urlencode

from .vllm_labels import KEYS, carries_labels

FIELD = "vllm_xargs"
_NAME = re.compile(rb'name\*?\s*=\s*(?:"[^"]*"|[^;\s]*)', re.IGNORECASE)


def with_labels(
    body: bytes, content_type: str, labels: Mapping[str, str], always: bool
) -> tuple[bytes, str | None]:
    """The body with exactly these labels, and its content type where that is another one now.

    ``always``: the route knows ``vllm_xargs``. On another it is written only where a caller has written it,
    so that nobody's own labels pass.
    """
    header = Message()
    header["content-type"] = content_type
    kind = header.get_content_type()
    if kind == "multipart/form-data":
        boundary = header.get_param("boundary")
        if not isinstance(boundary, str) or not boundary:
            return body, None  # vLLM has its own words for a form without one
        return _with_part(body, boundary.encode("latin-1"), labels, always)
    if kind == "application/x-www-form-urlencoded":
        return _with_pair(body, labels, always), None
    return _with_member(body, labels, always), None


def _with_member(body: bytes, labels: Mapping[str, str], always: bool) -> bytes:
    try:
        document = json.loads(body)
    except ValueError:
        return body  # vLLM has its own words for a body that is no JSON
    if not isinstance(document, dict):
        return body
    changed = _overwrite(document, FIELD, labels, always)
    if carries_labels(document.get("request_id")):
        del document["request_id"]
        changed = True
    sampling = document.get("sampling_params")
    if isinstance(sampling, dict):
        # ``/inference/v1/generate`` takes them as vLLM's own.
        changed = _overwrite(sampling, "extra_args", labels, True) or changed
    return json.dumps(document, separators=(",", ":")).encode() if changed else body


def _overwrite(document: dict[str, Any], name: str, labels: Mapping[str, str], always: bool) -> bool:
    given = document.get(name)
    if (given is None and not (always and labels)) or not isinstance(given, (dict, type(None))):
        return False
    document[name] = {**_others(given), **labels}
    return True


def _others(given: Any) -> dict[str, Any]:
    """What a caller has written under other names than ours."""
    own = given if isinstance(given, dict) else {}
    return {key: value for key, value in own.items() if key not in KEYS.values()}


def _with_pair(body: bytes, labels: Mapping[str, str], always: bool) -> bytes:
    pairs = parse_qsl(body.decode("latin-1"), keep_blank_values=True, encoding="latin-1")
    given = [value for name, value in pairs if name == FIELD]
    if not given and not always:
        return body
    kept = [pair for pair in pairs if pair[0] != FIELD]
    return urlencode([*kept, (FIELD, _merged(given, labels))], encoding="latin-1").encode()


def _with_part(
    body: bytes, boundary: bytes, labels: Mapping[str, str], always: bool
) -> tuple[bytes, str | None]:
    """The last part of a name is the one that counts, so ours comes last, whatever is written before it and
    however its name is; what follows the end of the form is cut off."""
    mark = b"\r\n--" + boundary
    kept, given = [], []
    for part in re.split(re.escape(mark) + rb"(?=--|[ \t]*\r\n)", b"\r\n" + body)[1:]:
        if part.startswith(b"--"):
            break
        head, _, content = part.partition(b"\r\n\r\n")
        if _names_field(head):
            given.append(content.decode("utf-8", "replace"))
        else:
            kept.append(part)
    if not given and not always:
        return body, None
    ours = f'\r\nContent-Disposition: form-data; name="{FIELD}"\r\n\r\n{_merged(given, labels)}'.encode()
    written = b"".join(mark + part for part in [*kept, ours]) + mark + b"--\r\n"
    # Written anew, so that both sides mean one boundary.
    return written.removeprefix(b"\r\n"), f'multipart/form-data; boundary="{boundary.decode("latin-1")}"'


def _names_field(head: bytes) -> bool:
    return any(FIELD.encode() in found.lower() for found in _NAME.findall(head))


def _merged(given: list[str], labels: Mapping[str, str]) -> str:
    try:
        last = json.loads(given[-1]) if given else {}
    except ValueError:
        last = {}
    return json.dumps({**_others(last), **labels}, separators=(",", ":"))
