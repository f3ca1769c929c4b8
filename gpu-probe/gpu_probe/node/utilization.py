"""What the driver says of each process's use of a card: one number per process, smoothed over about a
second."""

from __future__ import annotations

import logging
import time
from typing import Any

_log = logging.getLogger("gpu_probe")
# NVML's codes for "no process used the card", which some versions of the binding raise: success, not found.
_NOTHING = (0, 6)
_PER_CENT = 100
# Rows of processes that are gone carry stamps and numbers of anything.
_AHEAD_US = 60_000_000


class ProcessUtilization:
    """Asks the call of driver 550 first: the older one answers 0 for ever on some newer cards."""

    _CALLS = ("nvmlDeviceGetProcessesUtilizationInfo", "nvmlDeviceGetProcessUtilization")

    def __init__(self, nvml: Any, handle: Any) -> None:
        self._nvml = nvml
        self._handle = handle
        self._calls = list(self._CALLS)
        self._newest_us: int | None = None

    def read(self) -> dict[int, int] | None:
        """Per cent of the multiprocessors' time by process, of those that used the card since the last call;
        None where the card does not tell, as under MIG, and at the first call, whose rows are means of
        minutes."""
        rows = self._rows()
        if rows is None:
            return None
        first = self._newest_us is None
        since = self._newest_us or 0
        latest: dict[int, tuple[int, int]] = {}
        for row in rows:
            stamp, pid, percent = int(row.timeStamp), int(row.pid), int(row.smUtil)
            if not since < stamp <= time.time_ns() // 1000 + _AHEAD_US or percent > _PER_CENT or pid <= 0:
                continue
            latest[pid] = max(latest.get(pid, (0, 0)), (stamp, percent))
        # The newest that was seen, never 0: that would be the mean of the whole buffer.
        self._newest_us = max([since or 1, *(stamp for stamp, _ in latest.values())])
        return None if first else {pid: percent for pid, (_, percent) in latest.items()}

    def _rows(self) -> list[Any] | None:
        while self._calls:
            try:
                call = getattr(self._nvml, self._calls[0])
                return list(call(self._handle, self._newest_us or 0))
            except AttributeError:
                self._calls.pop(0)
            except self._nvml.NVMLError as error:
                if getattr(error, "value", None) in _NOTHING:
                    return []
                _log.info("%s: %s", self._calls.pop(0), error)
        return None
