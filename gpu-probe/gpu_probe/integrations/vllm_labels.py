"""How a request's labels travel from vLLM's HTTP server to its engine, which is another process.

Requests that sample carry them in ``SamplingParams.extra_args`` (``vllm_xargs`` of the HTTP body). Others
have no such field: there the request id carries them, which vLLM builds from the header ``x-request-id``.
"""

from __future__ import annotations

import base64
import json
import re
import uuid
from collections.abc import Mapping
from typing import Any

from ..labels import clean_label
from .labels import PROJECT, SESSION, SESSION_TOKEN, TENANT, USER

# Header to key of extra_args.
KEYS = {
    TENANT: "meterhouse_tenant",
    PROJECT: "meterhouse_project",
    USER: "meterhouse_user",
    SESSION: "meterhouse_session",
    SESSION_TOKEN: "meterhouse_session_token",
}
# What the engine's books are asked by, for the figures of one HTTP request. The middleware makes it; it is
# no header.
TICKET = "meterhouse_ticket"
OURS = frozenset((*KEYS.values(), TICKET))
_CARRIER = re.compile(r"mh1\.([A-Za-z0-9_=-]+)\.")


def extra_args(
    tenant_id: str,
    project_id: str,
    user_id: str | None = None,
    session_id: str | None = None,
    session_token: str | None = None,
) -> dict[str, str]:
    """For ``SamplingParams(extra_args=…)`` and the ``vllm_xargs`` field of the OpenAI-compatible server."""
    labels = {
        TENANT: tenant_id,
        PROJECT: project_id,
        USER: user_id,
        SESSION: session_id,
        SESSION_TOKEN: session_token,
    }
    return {KEYS[header]: value for header, value in labels.items() if value is not None}


def request_id(labels: Mapping[str, str], given: str | None) -> str:
    """A request id with labels (keys of ``extra_args``) in it. A caller's own is kept behind them, unless it
    has the form of one with labels."""
    written = json.dumps(dict(labels), separators=(",", ":")).encode()
    own = given if given and not carries_labels(given) else uuid.uuid4().hex
    return f"mh1.{base64.urlsafe_b64encode(written).decode()}.{own}"


def carries_labels(given: object) -> bool:
    """Whether it is a request id with labels in it; one that a caller sends is forged."""
    return isinstance(given, str) and _CARRIER.search(given) is not None


def labels_of(new: Any) -> dict[str, str]:
    """The labels of a NewRequestData, under the names of the headers."""
    return by_header(_parameters(new))


def ticket_of(new: Any) -> str | None:
    """The ticket of a NewRequestData."""
    ticket = _parameters(new).get(TICKET)
    return clean_label(str(ticket)) if ticket else None


def _parameters(new: Any) -> Mapping[str, Any]:
    parameters: Mapping[str, Any] = {}
    if new.sampling_params is not None:
        parameters = getattr(new.sampling_params, "extra_args", None) or {}
    elif new.pooling_params is not None:
        parameters = getattr(new.pooling_params, "extra_kwargs", None) or {}
    return parameters if any(key in parameters for key in OURS) else _carried(new.req_id)


def by_header(parameters: Mapping[str, Any]) -> dict[str, str]:
    """The labels among parameters of these keys, under the names of the headers."""
    return {header: str(parameters[key]) for header, key in KEYS.items() if key in parameters}


def _carried(req_id: str) -> Mapping[str, Any]:
    found = _CARRIER.search(req_id)
    if found is None:
        return {}
    try:
        labels = json.loads(base64.urlsafe_b64decode(found.group(1)))
    except ValueError:
        return {}
    return labels if isinstance(labels, dict) else {}
