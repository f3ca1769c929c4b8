"""Whose a process is, from its control group: ``/proc/PID/cgroup`` of version 1 (a line for each controller)
and version 2 (one line)."""

from __future__ import annotations

import re
from typing import NamedTuple

# cgroupfs writes /kubepods/burstable/podUID/ID, systemd kubepods-burstable-podUID.slice with _ for -; the
# UID of a static pod is a hash.
_POD = re.compile(r"(?:^|[/-])pod([0-9a-f]{8}(?:[-_][0-9a-f]{4}){3}[-_][0-9a-f]{12}|[0-9a-f]{32})(?=[/.:]|$)")
# cri-containerd-ID.scope, crio-ID.scope, docker-ID.scope, libpod-ID.scope, /docker/ID, …:cri-containerd:ID
_CONTAINER = re.compile(r"(?:^|[/:-])([0-9a-f]{64})(?:\.scope)?(?=/|$)")
_SLURM = re.compile(r"/(?:slurm[^/]*|system\.slice/[^/]*slurmstepd\.scope)(?:/[^/]+)*?/job_(\d+)(?=/|$)")
# Slurm 26.05 writes its own ids instead of the job's.
_SLUID = re.compile(r"slurmstepd\.scope/(s[0-9A-Z]{8,})(?=/|$)")


class Group(NamedTuple):
    """What a control group's path says: a pod's UID with dashes, a container's id, a Slurm job."""

    pod_uid: str | None = None
    container_id: str | None = None
    slurm_job: str | None = None


def parse_cgroup(text: str) -> Group:
    """Reads a whole file. Where groups are nested (Kubernetes in a container) the innermost counts."""
    pod = container = job = None
    for line in text.splitlines():
        path = line.split(":", 2)[-1]
        pod = _last(_POD, path) or pod
        container = _last(_CONTAINER, path) or container
        job = _last(_SLURM, path) or _last(_SLUID, path) or job
    if pod is not None and len(pod) > 32:
        pod = pod.replace("_", "-")
    return Group(pod, container, job)


def _last(pattern: re.Pattern[str], path: str) -> str | None:
    found = pattern.findall(path)
    return found[-1] if found else None
