"""Who pays for a process: process -> control group -> pod -> labels."""

from __future__ import annotations

import logging
import time
import unicodedata
from collections.abc import Callable
from typing import NamedTuple

from .host import Host, ProcessKey
from .pods import Pod, Pods, PodsError

TENANT_LABEL, PROJECT_LABEL = "meterhouse.io/tenant", "meterhouse.io/project"
# The label by which Prometheus finds instrumented pods.
INSTRUMENTED_LABEL = "meterhouse.io/gpu-probe"
UNKNOWN = "unknown"
_BYTES_MAX = 128
_REFRESH_S = 60.0
# For a pod that is not known yet; a kubelet that is asked at every tick would be a load.
_HURRY_S = 5.0
_log = logging.getLogger("gpu_probe")


class Owner(NamedTuple):
    """Labels of a process's events. ``container`` is the pod's name, or the container's id without
    Kubernetes."""

    tenant_id: str
    project_id: str
    container: str | None
    program: str
    is_instrumented: bool = False


class Owners:
    """Remembers what it found of a process for as long as it is asked for: its pod may be gone before its
    last event."""

    def __init__(
        self,
        host: Host,
        pods: Pods | None,
        tenant_label: str = TENANT_LABEL,
        project_label: str = PROJECT_LABEL,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._host = host
        self._source = pods
        self._labels = (tenant_label, project_label)
        self._clock = clock
        self._pods: dict[str, Pod] = {}
        self._read_at: float | None = None
        self._owners: dict[ProcessKey, Owner] = {}
        self.errors = 0

    def of(self, key: ProcessKey) -> Owner:
        """Work of nobody known is the tenant ``unknown``'s, and visible."""
        known = self._owners.get(key)
        if known is not None:
            return known
        group = self._host.group(key.pid)
        program = _clean(self._host.name(key.pid))
        if group.pod_uid is not None:
            pod = self._pod(group.pod_uid)
            if pod is None:
                # Asked again: the kubelet may not have known it yet.
                return Owner(UNKNOWN, UNKNOWN, _clean(group.pod_uid), program)
            tenant, project = (_clean(pod.labels.get(label, "")) for label in self._labels)
            # A namespace without labels is still a better name than none.
            owner = Owner(
                tenant,
                project if project != UNKNOWN else _clean(pod.namespace),
                _clean(pod.name),
                program,
                pod.labels.get(INSTRUMENTED_LABEL) == "true",
            )
        elif group.slurm_job is not None:
            owner = Owner(UNKNOWN, f"slurm-{group.slurm_job}", None, program)
        else:
            owner = Owner(UNKNOWN, UNKNOWN, group.container_id, program)
        self._owners[key] = owner
        return owner

    def forget_all_but(self, keys: set[ProcessKey]) -> None:
        """Frees what is known of processes that are gone."""
        self._owners = {key: owner for key, owner in self._owners.items() if key in keys}

    def _pod(self, uid: str) -> Pod | None:
        age = float("inf") if self._read_at is None else self._clock() - self._read_at
        if age > (_REFRESH_S if uid in self._pods else _HURRY_S):
            self._refresh()
        return self._pods.get(uid)

    def _refresh(self) -> None:
        if self._source is None:
            return
        self._read_at = self._clock()
        try:
            self._pods = self._source.read()
        except PodsError as error:
            # What was known stays: a kubelet that restarts must not make its pods strangers.
            self.errors += 1
            _log.warning("pods are not read, new processes are of the tenant %s: %s", UNKNOWN, error)


def _clean(text: str) -> str:
    """Text that the records take: no control or invisible characters, at most 128 bytes, not empty."""
    kept = "".join(each for each in text if unicodedata.category(each)[0] != "C").strip()
    return kept.encode("utf-8", "replace")[:_BYTES_MAX].decode("utf-8", "ignore") or UNKNOWN
