"""The pods of this node by their UID: from the kubelet, or from a file."""

from __future__ import annotations

import json
import ssl
import urllib.request
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple, Protocol
from urllib.parse import urlsplit

# A node has at most some hundred pods.
_BYTES_MAX = 64 * 1024 * 1024
# What the kubelet calls a static pod, whose UID at the API server is another.
_STATIC_UIDS = ("kubernetes.io/config.hash", "kubernetes.io/config.mirror")


class PodsError(RuntimeError):
    """The pods cannot be read now; the text says why."""


class Pod(NamedTuple):
    name: str
    namespace: str
    labels: Mapping[str, str]


class Pods(Protocol):
    """A source of pods."""

    def read(self) -> dict[str, Pod]:
        """By UID. Raises PodsError where they cannot be read now."""
        ...


class KubeletPods:
    """``/pods`` of the node's kubelet, which asks for the right ``get`` on ``nodes/pods`` (``nodes/proxy``
    would also allow exec). The token is read again each time, as it is rotated. Raises PodsError for a URL
    that is not https or authorities that cannot be read."""

    def __init__(self, url: str, token_file: Path, ca_file: Path, timeout_s: float = 3.0) -> None:
        if urlsplit(url).scheme != "https":
            raise PodsError(f"{url!r} is not an https URL: the token would be sent in the clear")
        self._url = url.rstrip("/") + "/pods"
        self._token_file = token_file
        self._timeout_s = timeout_s
        try:
            self._tls = ssl.create_default_context(cafile=str(ca_file))
        except (OSError, ssl.SSLError) as error:
            raise PodsError(f"the authorities in {ca_file} cannot be read: {error}") from error

    def read(self) -> dict[str, Pod]:
        try:
            token = self._token_file.read_text(encoding="utf-8").strip()
            request = urllib.request.Request(self._url, headers={"Authorization": f"Bearer {token}"})
            with urllib.request.urlopen(request, timeout=self._timeout_s, context=self._tls) as answer:
                body = answer.read(_BYTES_MAX + 1)
        except (OSError, ValueError) as error:
            raise PodsError(f"{self._url}: {error}") from error
        return _parse(body, self._url)


class FilePods:
    """A file in the form of the kubelet's answer (a PodList), read anew each time."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def read(self) -> dict[str, Pod]:
        try:
            body = self._path.read_bytes()
        except OSError as error:
            raise PodsError(f"{self._path}: {error}") from error
        return _parse(body, str(self._path))


def _parse(body: bytes, source: str) -> dict[str, Pod]:
    if len(body) > _BYTES_MAX:
        raise PodsError(f"{source}: more than {_BYTES_MAX} bytes")
    try:
        items = json.loads(body)["items"]
    except (ValueError, KeyError, TypeError) as error:
        raise PodsError(f"{source} is not a list of pods: {error}") from error
    pods: dict[str, Pod] = {}
    for item in items if isinstance(items, list) else []:
        metadata = item.get("metadata") if isinstance(item, dict) else None
        if isinstance(metadata, dict) and isinstance(metadata.get("uid"), str):
            pod = Pod(
                str(metadata.get("name")), str(metadata.get("namespace")), _texts(metadata.get("labels"))
            )
            annotations = _texts(metadata.get("annotations"))
            uids = [metadata["uid"], *(annotations[name] for name in _STATIC_UIDS if name in annotations)]
            pods.update(dict.fromkeys(uids, pod))
    return pods


def _texts(values: Any) -> dict[str, str]:
    return {str(name): str(value) for name, value in values.items()} if isinstance(values, dict) else {}
