"""NVML as this process holds it: one initialisation, handles by UUID, and a new beginning after the driver
went away."""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Protocol
from weakref import WeakKeyDictionary, WeakSet

_log = logging.getLogger("gpu_probe")
NOT_SUPPORTED, NO_PERMISSION, FUNCTION_NOT_FOUND = 3, 4, 13
# Uninitialised, no driver, the card is lost, it needs a reset, another driver than the library's, no such
# card any more. "Unknown" is none of them: some drivers answer it to one question for ever.
LOST = frozenset((1, 9, 15, 16, 18, 28))
_PAUSE_MIN_NS = 1_000_000_000
# Beginning anew costs every card of the process a reading.
_PAUSE_MAX_NS = 600_000_000_000
# Without such an error for so long (readers ask again after a minute) it is over.
_CALM_NS = 150_000_000_000
_WAIT_S = 0.05


class Holder(Protocol):
    """What holds memory of NVML, which must be given back before NVML ends."""

    def drop(self) -> None: ...


class NvmlSession:
    """``generation`` grows whenever NVML began anew: handles and samples of before are void then.

    NVML counts initialisations: only the one that was made here is taken back, as the serving code may have
    its own.
    """

    def __init__(self, nvml: Any) -> None:
        self.nvml = nvml
        self.generation = 0
        self._pid = os.getpid()
        self._is_ours = False
        self._lock = threading.RLock()
        self._holders: WeakSet[Any] = WeakSet()
        self._pause_ns = _PAUSE_MIN_NS
        self._tried_ns = 0
        self._noted_ns: int | None = None
        self._attempt: threading.Thread | None = None

    def start(self) -> None:
        """Initialises NVML once. Raises NVMLError."""
        with self._lock:
            if not self._is_ours:
                self.nvml.nvmlInit()
                self._is_ours = True

    @property
    def is_forked(self) -> bool:
        """Whether this is a child of the process that made the session: its samples are the parent's."""
        return os.getpid() != self._pid

    @contextmanager
    def use(self) -> Iterator[bool]:
        """A block in which NVML does not end; False where it is beginning anew just now, or in a child."""
        # In a child the lock may be held by a thread that is not there.
        taken = not self.is_forked and self._lock.acquire(timeout=_WAIT_S)
        try:
            yield taken
        finally:
            if taken:
                self._lock.release()

    def hold(self, holder: Holder) -> None:
        """``drop`` is called before NVML ends, from any thread, while nobody is in ``use``."""
        with self.use() as may:
            if may:
                self._holders.add(holder)

    def handle(self, uuid: str) -> Any:
        """Raises NVMLError where there is no such device (any more)."""
        return self.nvml.nvmlDeviceGetHandleByUUID(uuid.encode())

    def note(self, error: BaseException) -> bool:
        """Whether an error says that the driver or the card went away. NVML begins anew then, on a thread of
        its own, after a pause that doubles from 1 s to 10 minutes while it does not help."""
        if getattr(error, "value", None) not in LOST:
            return False
        now = time.monotonic_ns()
        with self.use() as may:
            if not may or (self._attempt is not None and self._attempt.is_alive()):
                return True
            noted, self._noted_ns = self._noted_ns, now
            if noted is None or not 0 <= now - noted <= _CALM_NS:
                self._pause_ns = _PAUSE_MIN_NS
            elif 0 <= now - self._tried_ns < self._pause_ns:
                return True
            else:
                self._pause_ns = min(2 * self._pause_ns, _PAUSE_MAX_NS)
            self._tried_ns = now
            self._attempt = threading.Thread(target=self._begin_anew, name="gpu-probe-nvml", daemon=True)
            self._attempt.start()
        return True

    def wait(self, timeout_s: float = 5.0) -> None:
        """Until an attempt to begin anew is over, if one is under way."""
        if self._attempt is not None:
            self._attempt.join(timeout_s)

    def _begin_anew(self) -> None:
        with self._lock:
            for holder in list(self._holders):
                holder.drop()
            if self._is_ours:
                try:
                    self.nvml.nvmlShutdown()
                except (self.nvml.NVMLError, AttributeError) as error:
                    _log.debug("NVML does not end: %s", error)
                self._is_ours = False
            try:
                self.start()
            except self.nvml.NVMLError as error:
                _log.warning("NVML does not begin anew: %s", error)
                return
            self.generation += 1


_sessions: WeakKeyDictionary[Any, NvmlSession] = WeakKeyDictionary()


def session_of(nvml: Any) -> NvmlSession:
    """The one session of this process over the module pynvml, or a stand-in of it."""
    session = _sessions.get(nvml)
    if session is None or session.is_forked:
        session = _sessions[nvml] = NvmlSession(nvml)
    return session


class Handle:
    """A card or MIG instance, whose handle is asked for anew when NVML began anew."""

    def __init__(self, session: NvmlSession, handle: Any, uuid: str) -> None:
        self.session = session
        self.uuid = uuid
        self._handle = handle
        self._generation = session.generation

    def get(self) -> Any:
        """Raises NVMLError where the device is gone."""
        generation = self.session.generation
        if generation != self._generation:
            self._handle = self.session.handle(self.uuid)
            self._generation = generation
        return self._handle
