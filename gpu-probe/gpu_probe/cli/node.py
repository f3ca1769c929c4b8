"""gpu-probe node: meters the processes on this node's GPUs that nobody instrumented, and books them to
tenants and projects by the labels of their pods. Runs until it is told to stop (SIGTERM)."""

from __future__ import annotations

import argparse
import os
import platform
import signal
import threading
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from ..folders import check_owner, make_folder
from ..node.agent import Agent
from ..node.cards import open_cards
from ..node.claims import CLAIMS, make_folders
from ..node.host import Host
from ..node.owners import PROJECT_LABEL, TENANT_LABEL, Owners
from ..node.pods import FilePods, KubeletPods, Pods, PodsError
from ..nvml import load_nvml
from .failure import Failure
from .output import add_output_options, open_output

_ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")


def register(commands: Any) -> None:
    parser: argparse.ArgumentParser = commands.add_parser(
        "node", help="meter the processes of this node that nobody instrumented", description=__doc__
    )
    parser.add_argument("state", type=Path, help="folder of the write-ahead log")
    pods = parser.add_mutually_exclusive_group()
    pods.add_argument(
        "--kubelet", metavar="URL", help="labels from the kubelet, such as https://10.0.0.7:10250"
    )
    pods.add_argument("--pods", type=Path, metavar="FILE", help="labels from a file in the form of a PodList")
    parser.add_argument("--kubelet-token-file", type=Path, default=_ACCOUNT / "token", metavar="FILE")
    parser.add_argument("--kubelet-ca-file", type=Path, default=_ACCOUNT / "ca.crt", metavar="FILE")
    parser.add_argument("--tenant-label", default=TENANT_LABEL, help="default: %(default)s")
    parser.add_argument(
        "--project-label", default=PROJECT_LABEL, help="default: %(default)s, then the namespace"
    )
    parser.add_argument("--claims", type=Path, default=CLAIMS, metavar="DIR", help="default: %(default)s")
    parser.add_argument("--proc", type=Path, default=Path("/proc"), metavar="DIR", help="the host's /proc")
    parser.add_argument("--period", type=float, default=1.0, metavar="S", help="between readings, 0.2 to 5")
    add_output_options(parser)
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    if not 0.2 <= options.period <= 5:
        raise Failure(f"--period is 0.2 to 5 seconds, not {options.period:g}")
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    watch(options, load_nvml(), stop)
    return 0


def watch(options: argparse.Namespace, nvml: Any, stop: threading.Event) -> None:
    """Meters until ``stop`` is set. Raises Failure where there is nothing to meter."""
    if nvml is None:
        raise Failure("NVML does not start: install nvidia-ml-py where the driver is")
    cards = open_cards(nvml)
    if not cards:
        raise Failure("NVML sees no GPU; in a container set NVIDIA_VISIBLE_DEVICES=all")
    make_folder(options.state)
    check_owner(options.state)
    make_folders(options.claims, [card.facts.uuid for card in cards])
    host = Host(options.proc)
    with ExitStack() as stack:
        output = open_output(options, stack)
        owners = Owners(host, _pods(options), options.tenant_label, options.project_label)
        node = os.environ.get("NODE_NAME") or platform.node() or "unknown"
        agent = Agent(cards, node, owners, host, output, options.claims)
        stack.callback(agent.close)
        while not stop.wait(options.period):
            agent.poll()


def _pods(options: argparse.Namespace) -> Pods | None:
    try:
        if options.kubelet:
            return KubeletPods(options.kubelet, options.kubelet_token_file, options.kubelet_ca_file)
    except PodsError as error:
        raise Failure(str(error)) from error
    return FilePods(options.pods) if options.pods else None
