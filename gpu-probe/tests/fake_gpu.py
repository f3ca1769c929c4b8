"""A GPU whose clock the test moves: streams run what they are given in order, each stream by itself."""

import struct

from gpu_probe.device import DeviceInfo

START = 1_795_000_000_000_000_000


class Host:
    """The host's clock."""

    def __init__(self):
        self.now = START

    def __call__(self):
        return self.now


class FakeEvent:
    def __init__(self):
        self.at = None


def float32(value):
    return struct.unpack("f", struct.pack("f", value))[0]


class FakeGpu:
    """``drift_ppm`` is how much faster its clock runs than the host's."""

    def __init__(self, host, drift_ppm=0, power=None, uuid="GPU-fake"):
        self.power = power
        self.uuid = uuid
        self.host = host
        self.drift_ppm = drift_ppm
        self.current = 0
        self.free_at = {}
        self.broken = False
        self.in_capture = False
        self.other_captures = False
        self.compiled = 0
        self.waited = {}
        self.memory_now = None
        self.events = 0
        self.calls = []

    def describe(self, probe_start_ns, rank, world_size):
        place = ("node", None, self.uuid, "Fake", None, "exclusive", rank, world_size, 1 << 30)
        return DeviceInfo(*place, self.power is not None, None, probe_start_ns)

    def work(self, length, stream=None):
        """Kernels of this length are launched."""
        stream = self.current if stream is None else stream
        self.free_at[stream] = max(self.free_at.get(stream, 0), self.host.now) + length

    def event(self):
        self.events += 1
        return FakeEvent()

    def stream(self):
        return self.current

    def record(self, event, stream):
        self._check()
        assert not self.capturing(), "recorded during a capture"
        event.at = max(self.free_at.get(stream, 0), self.host.now)

    def query(self, event):
        self._check()
        assert not self.capturing(), "queried during a capture"
        self.calls.append("query")
        return event.at <= self.host.now

    def elapsed_ms(self, begin, end):
        self._check()
        assert begin.at <= self.host.now and end.at <= self.host.now, "read before it passed"
        return float32((end.at - begin.at) * (1 + self.drift_ppm / 1e6) / 1e6)

    def synchronize(self, event):
        self.host.now = max(self.host.now, event.at)

    def capturing(self):
        return self.in_capture or self.other_captures

    def capturing_here(self):
        return self.in_capture

    def compilations(self):
        return self.compiled

    def waits(self, stream):
        return self.waited.get(stream, 0)

    def memory(self):
        return self.memory_now

    def idle_thread(self):
        return False

    def _check(self):
        if self.broken:
            raise RuntimeError("CUDA error: an illegal memory access was encountered\nmore")


class InstantGpu(FakeGpu):
    """For probes that run on the real clock: its own axis has nothing on it but work, so lengths are exact
    whatever the host does. Work is done by the time that anyone asks, unless ``held``."""

    def __init__(self, **options):
        super().__init__(Host(), **options)
        self.held = False

    def work(self, length, stream=None):
        stream = self.stream() if stream is None else stream
        self.free_at[stream] = self.free_at.get(stream, START) + length

    def record(self, event, stream):
        self._check()
        event.at = self.free_at.get(stream, START)

    def query(self, event):
        self._check()
        return not self.held

    def elapsed_ms(self, begin, end):
        self._check()
        return float32((end.at - begin.at) / 1e6)

    def synchronize(self, event):
        return
