"""From a device's records to events that add up: time, energy and memory of every session, per GPU, to the
unit."""

from .account import Account
from .meter import AccountingError, GpuMeter, run
from .output import Output

__all__ = ["Account", "AccountingError", "GpuMeter", "Output", "run"]
