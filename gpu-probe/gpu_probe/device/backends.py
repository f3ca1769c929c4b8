"""Backends by their name; each is imported only when it is used."""

from __future__ import annotations

from collections.abc import Sequence

from .backend import LiveBackend


def make_backends(device: str | Sequence[LiveBackend]) -> list[LiveBackend]:
    """cuda (all visible devices), cuda:NUMBER or cpu; backends as they are. Raises ValueError for another
    name, CudaUnavailable where there is no such device."""
    if not isinstance(device, str):
        return list(device)
    if device == "cpu":
        from .cpu import CpuBackend

        return [CpuBackend()]
    name, _, index = device.partition(":")
    if name != "cuda" or (index and not index.isdigit()):
        raise ValueError(f"device is cuda, cuda:NUMBER or cpu, not {device!r}")
    from .cuda import CudaBackend, device_count

    return [CudaBackend(number) for number in ([int(index)] if index else range(device_count()))]


def current_device() -> int:
    """The calling thread's CUDA device."""
    import torch

    return int(torch.cuda.current_device())
