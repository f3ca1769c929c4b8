"""What a machine can measure, one line for each: the means, why it is no better, and what to do."""

from __future__ import annotations

import os
import socket
import tempfile
import time
from pathlib import Path

from ..nvml import NvmlDevice

# Two readings of GPM lie so far apart; the second row of processes is the first that counts.
_PAUSE_S = 0.12
# The probe's own socket lies in a folder of the state folder: START-RANK/answers.sock. The kernel takes paths
# of 107 bytes.
_SOCKET_PATH = Path("journals", "1795000000000000000-00", "answers.sock")
_PATH_BYTES_MAX = 107


def means_of(device: NvmlDevice, bare_idle_mw: int | None, sharing: str) -> dict[str, str]:
    """Name to text, for one card. ``bare_idle_mw`` is what it drew before this process used it, None where
    another process was on it."""
    facts = device.facts()
    return {
        "busy_time": _busy(device),
        "energy": _energy(facts.energy_quality, facts.mig_profile, sharing),
        "parked_energy": _parked(facts.energy_quality, bare_idle_mw, sharing),
        "unmetered_processes": _neighbours(device),
        "nvlink": "yes" if facts.nvlink else "none: no NVLink, or the driver does not tell its bytes",
    }


def bare_idle_mw(device: NvmlDevice) -> int | None:
    """What the card draws, milliwatts, where no process is on it; None where one is, or neither is known."""
    if device.ask("nvmlDeviceGetComputeRunningProcesses", device.handle) != []:
        return None
    reading = device.read()
    return None if reading is None else reading.power_mw


def answer_means() -> str:
    """Whether a session's GPU time can be in its answer: the books answer on a Unix socket of the folder."""
    state = os.environ.get("GPU_PROBE_STATE_DIR")
    if not state:
        return "unknown: set GPU_PROBE_STATE_DIR to the probe's folder"
    if not hasattr(socket, "AF_UNIX"):
        return "none: this system has no Unix sockets"
    if len(os.fsencode(Path(state).absolute() / _SOCKET_PATH)) > _PATH_BYTES_MAX:
        return f"none: {state} is too long a path for a Unix socket, take a shorter one"
    try:
        path = Path(state).absolute()
        # Not made yet: where it will lie.
        there = next(each for each in (path, *path.parents) if each.exists())
        with tempfile.TemporaryDirectory(dir=there) as folder, socket.socket(socket.AF_UNIX) as held:
            held.bind(os.path.join(folder, "s"))
    except OSError as error:
        return f"none: no Unix socket in {state}: {error}"
    return "yes"


def no_nvml() -> dict[str, str]:
    """The same names, where NVML does not know the card."""
    why = "NVML does not know the card: install nvidia-ml-py where the driver is"
    return {"busy_time": f"elapsed: {why}"} | dict.fromkeys(
        ("energy", "parked_energy", "unmetered_processes", "nvlink"), f"none: {why}"
    )


def _busy(device: NvmlDevice) -> str:
    counter = device.activity(time.monotonic_ns)
    try:
        # What the driver says of a metric is known after a second sample.
        time.sleep(_PAUSE_S)
        counter.read()
        if counter.quality == "counter":
            return "counter (NVML GPM)"
        return f"{counter.quality or 'elapsed'}: {counter.reason}"
    finally:
        counter.close()


def _energy(quality: str | None, mig_profile: str | None, sharing: str) -> str:
    if mig_profile is not None:
        return "none: the energy counter is the whole card's, not a MIG instance's"
    if quality is None:
        return "none: the driver tells neither energy nor power"
    if sharing != "exclusive":
        return f"none: the card is shared ({sharing}), and each process would count all of it"
    return "counter" if quality == "counter" else "integral: power added up, the card has no energy counter"


def _parked(quality: str | None, idle_mw: int | None, sharing: str) -> str:
    if quality is None or sharing != "exclusive":
        return "none: there is no energy to split"
    given = os.environ.get("GPU_PROBE_BARE_IDLE_MW")
    if given:
        return f"yes: GPU_PROBE_BARE_IDLE_MW is {given}"
    if idle_mw is None:
        return "unknown: a process is on the card; ask again while it is empty, for its idle power"
    return f"not yet: the empty card draws {idle_mw} mW now, set GPU_PROBE_BARE_IDLE_MW={idle_mw}"


def _neighbours(device: NvmlDevice) -> str:
    neighbours = device.neighbours()
    neighbours.read()
    return "by name" if neighbours.reason is None else f"without names: {neighbours.reason}"
