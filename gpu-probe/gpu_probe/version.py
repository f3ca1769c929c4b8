"""Version of the package, printed on every event as ``gpu-probe <version>``."""

VERSION = "0.1.0"
PROBE_VERSION = f"gpu-probe {VERSION}"
