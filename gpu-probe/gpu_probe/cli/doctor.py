"""gpu-probe doctor: what this machine can measure, and what it cannot."""

from __future__ import annotations

import argparse
import json
import platform
import sys
import time
from itertools import pairwise
from typing import Any

from ..device.cuda import CudaBackend, CudaUnavailable, device_count
from ..nvml import list_devices, load_nvml
from ..version import PROBE_VERSION


def register(commands: Any) -> None:
    parser: argparse.ArgumentParser = commands.add_parser(
        "doctor", help="tell what this machine can measure", description=__doc__
    )
    parser.add_argument("--json", action="store_true", help="one JSON object")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    report = examine()
    if options.json:
        print(json.dumps(report))
        return 0
    for name, value in report.items():
        if not isinstance(value, list):
            print(f"{name:<10}{value}")
    for device in report["devices"]:
        print()
        for name, value in device.items():
            print(f"{name:<28}{value}")
    return 0


def examine() -> dict[str, Any]:
    """The report. ``devices`` are those that PyTorch sees, or else those that NVML sees."""
    report: dict[str, Any] = {"probe": PROBE_VERSION, "python": platform.python_version()}
    nvml = load_nvml()
    report["nvml"] = "yes" if nvml is not None else "no: install nvidia-ml-py, or there is no driver"
    try:
        number = device_count()
        report["torch"] = sys.modules["torch"].__version__
        report["devices"] = [_cuda(index) for index in range(number)]
    except CudaUnavailable as error:
        report["torch"] = f"no: {error}"
        report["devices"] = (
            [] if nvml is None else [device.facts()._asdict() for device in list_devices(nvml)]
        )
    return report


def _cuda(index: int) -> dict[str, Any]:
    backend = CudaBackend(index)
    info = backend.describe(0, 0, 1)
    report: dict[str, Any] = {
        "gpu_uuid": info.gpu_uuid,
        "gpu_model": info.gpu_model,
        "mig_profile": info.mig_profile,
        "sharing": info.sharing,
        "memory_total_bytes": info.memory_total_bytes,
        "time": "CUDA events",
        "read_while_capturing": backend.idle_thread(),
        "energy": info.energy_quality if info.power else "none",
        "power_limit_mw": info.power_limit_mw,
        "nvlink": False,
        "event_pair_us": _pair_us(backend),
    }
    if backend.power is not None:
        facts = backend.power.facts()
        begin = time.perf_counter()
        reading = backend.power.read()
        report.update(
            driver=facts.driver,
            nvlink=facts.nvlink,
            sensor_read_ms=round((time.perf_counter() - begin) * 1000, 3),
            sensor_period_ms=_period_ms(backend.power),
            reading=None if reading is None else reading._asdict(),
        )
    return report


def _pair_us(backend: CudaBackend, times: int = 1000) -> float:
    """What the two records of a step cost the host, microseconds."""
    begin, end = backend.event(), backend.event()
    stream = backend.stream()
    start = time.perf_counter()
    for _ in range(times):
        backend.record(begin, stream)
        backend.record(end, stream)
    taken = time.perf_counter() - start
    backend.synchronize(end)
    return round(taken / times * 1e6, 2)


def _period_ms(power: Any, reads: int = 150) -> Any:
    """How often the energy counter moves, milliseconds; None where it did not."""
    changes: list[float] = []
    last = None
    for _ in range(reads):
        reading = power.read()
        if reading is not None and reading.energy_mj != last:
            last = reading.energy_mj
            changes.append(time.perf_counter())
        if len(changes) > 5:
            break
        time.sleep(0.002)
    gaps = sorted(after - before for before, after in pairwise(changes[1:]))
    return round(gaps[len(gaps) // 2] * 1000, 1) if gaps else None
