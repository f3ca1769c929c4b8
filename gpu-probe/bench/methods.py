"""Ways to time the steps of a loop, as people do it. Each is a class with ``open`` (a batch of requests
begins), ``step`` around each step, ``close`` and ``stop``."""

import tempfile
import time
from contextlib import contextmanager, nullcontext

import torch

from gpu_probe import Probe


class Nothing:
    name = "none"

    def open(self, rows):
        pass

    def step(self):
        return nullcontext()

    def close(self):
        pass

    def stop(self):
        pass


class Probed(Nothing):
    """This package, books kept in a process beside."""

    name = "gpu-probe"

    def __init__(self):
        self.probe = Probe("cuda:0", state_dir=tempfile.mkdtemp(prefix="gpu-probe-bench-"))
        self.context = 1024

    def open(self, rows):
        probe = self.probe
        self.sessions = [
            probe.open_session(tenant_id=f"tenant-{i % 4}", project_id="p", model="bench", prompt_tokens=64)
            for i in range(rows)
        ]

    def step(self):
        self.context += 1
        return self.probe.step(self.rows)

    def rows(self):
        return [(session, 1, self.context) for session in self.sessions]

    def close(self):
        for session in self.sessions:
            session.close("ok", 32)

    def stop(self):
        self.counts = self.probe.counts()
        self.probe.close()


class Synchronizing(Nothing):
    """Waits for the GPU before and after each step and reads the host's clock."""

    name = "synchronize"

    def __init__(self):
        self.seconds = 0.0

    @contextmanager
    def step(self):
        torch.cuda.synchronize()
        begin = time.perf_counter()
        yield
        torch.cuda.synchronize()
        self.seconds += time.perf_counter() - begin


class Windows(Nothing):
    """A window as Zeus opens it: wait for the GPU, read the energy counter; here one for each batch of
    requests."""

    name = "energy windows"

    def __init__(self):
        import pynvml

        pynvml.nvmlInit()
        self.nvml, self.handle = pynvml, pynvml.nvmlDeviceGetHandleByIndex(0)
        self.energy = 0

    def read(self):
        torch.cuda.synchronize()
        return self.nvml.nvmlDeviceGetTotalEnergyConsumption(self.handle)

    def open(self, rows):
        self.begin = self.read()

    def close(self):
        self.energy += self.read() - self.begin


class StepWindows(Windows):
    name = "energy windows per step"

    def open(self, rows):
        pass

    def close(self):
        pass

    @contextmanager
    def step(self):
        begin = self.read()
        yield
        self.energy += self.read() - begin


class Naive(Nothing):
    """A new pair of events for each step, waited for after it."""

    name = "naive events"

    def __init__(self):
        self.ms = 0.0

    @contextmanager
    def step(self):
        begin, end = torch.cuda.Event(enable_timing=True), torch.cuda.Event(enable_timing=True)
        begin.record()
        yield
        end.record()
        end.synchronize()
        self.ms += begin.elapsed_time(end)


class Profiled(Nothing):
    """torch.profiler over kernels, for each batch of requests."""

    name = "torch.profiler"

    def open(self, rows):
        self.profile = torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CUDA])
        self.profile.start()

    def close(self):
        self.profile.stop()


OTHERS = (Synchronizing, Naive, Windows, StepWindows, Profiled)
