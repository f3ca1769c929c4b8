"""gpu-probe: GPU time, memory and energy of every inference session, shared exactly and published as Avro
events."""

from .version import VERSION

__version__ = VERSION
__all__ = ["__version__"]
