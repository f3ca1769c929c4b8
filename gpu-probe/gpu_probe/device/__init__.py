"""Where measurements come from. A device yields records; the accounting that takes them is the same for all
devices."""

from .interface import (
    Device,
    DeviceInfo,
    MemorySample,
    OperatorSpan,
    PowerSample,
    Record,
    Row,
    SessionClosed,
    SessionOpened,
    StepMeasured,
    StepMissed,
    StepSubmitted,
    TimeAdvanced,
    WatchEnded,
)
from .replay import ReplayDevice

__all__ = [
    "Device",
    "DeviceInfo",
    "MemorySample",
    "OperatorSpan",
    "PowerSample",
    "Record",
    "ReplayDevice",
    "Row",
    "SessionClosed",
    "SessionOpened",
    "StepMeasured",
    "StepMissed",
    "StepSubmitted",
    "TimeAdvanced",
    "WatchEnded",
]
