"""Where measurements come from. A device yields records; the accounting that takes them is the same for all
devices."""

from .interface import (
    Advanced,
    Closed,
    Device,
    DeviceInfo,
    Ended,
    Measured,
    Memory,
    Missed,
    Opened,
    Power,
    Record,
    Row,
    Span,
    Submitted,
)
from .replay import ReplayDevice

__all__ = [
    "Advanced",
    "Closed",
    "Device",
    "DeviceInfo",
    "Ended",
    "Measured",
    "Memory",
    "Missed",
    "Opened",
    "Power",
    "Record",
    "ReplayDevice",
    "Row",
    "Span",
    "Submitted",
]
