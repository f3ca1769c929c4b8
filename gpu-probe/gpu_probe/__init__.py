"""gpu-probe: GPU time, memory and energy of every inference session, shared exactly and published as Avro
events."""

from .probe import Probe
from .session import Session
from .usage import Usage
from .version import VERSION

__version__ = VERSION
__all__ = ["Probe", "Session", "Usage", "__version__"]
