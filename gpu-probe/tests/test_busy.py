"""Looking into a step now and then, against a stand-in of torch.profiler."""

import sys
from types import ModuleType, SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from watched import LABELS, MS, Watched

from gpu_probe.busy.intervals import union_ns
from gpu_probe.device.busy import BusySampler, kernel_intervals


def kernel(start, duration, device="CUDA"):
    return SimpleNamespace(
        device_type=lambda: SimpleNamespace(name=device), start_ns=lambda: start, duration_ns=lambda: duration
    )


@pytest.fixture
def torch(monkeypatch):
    """Each profile sees the kernels that ``kernels`` holds when it stops."""
    module = ModuleType("torch")
    module.kernels, module.profiles, module.waits = [], 0, 0

    class Profile:
        def __init__(self, activities):
            assert activities == ["CUDA"]

        def start(self):
            module.profiles += 1

        def stop(self):
            events = list(module.kernels)
            self.profiler = SimpleNamespace(kineto_results=SimpleNamespace(events=lambda: events))

    def synchronize():
        module.waits += 1

    module.profiler = SimpleNamespace(profile=Profile, ProfilerActivity=SimpleNamespace(CUDA="CUDA"))
    module.cuda = SimpleNamespace(synchronize=synchronize)
    monkeypatch.setitem(sys.modules, "torch", module)
    return module


@given(st.lists(st.tuples(st.integers(0, 300), st.integers(0, 40)), max_size=30))
def test_the_union_is_what_is_covered(spans):
    intervals = [(begin, begin + length) for begin, length in spans]
    covered = {at for begin, end in intervals for at in range(begin, end)}
    assert union_ns(intervals) == len(covered)


def test_only_what_ran_on_the_gpu_counts():
    events = [kernel(0, 5), kernel(3, 4), kernel(0, 99, "CPU"), kernel(50, 0)]
    results = SimpleNamespace(events=lambda: events)
    profile = SimpleNamespace(profiler=SimpleNamespace(kineto_results=results))
    assert union_ns(kernel_intervals(profile)) == 7


def test_one_step_in_so_many_is_looked_into_and_the_first_of_each_size(torch):
    sampler = BusySampler(0.01)
    torch.profiles = torch.waits = 0
    small, large = [("s", 1, 1)], [("s", 900, 900)]
    for number in range(300):
        rows = large if number == 150 else small
        sampler.begin(rows)
        torch.kernels = [kernel(0, 300)]
        sampler.end()
    assert torch.profiles == 3 + 2
    assert torch.waits == 2 * torch.profiles, "a step that is not looked into does not wait"
    assert (sampler.known(small), sampler.known(large), sampler.known(small * 9)) == (300, 300, None)


def test_a_step_is_as_busy_as_one_of_its_size_was(torch, tmp_path):
    watched = Watched(tmp_path, busy_sampling=0.5)
    torch.kernels = [kernel(0, MS // 4)]
    session = watched.probe.open_session(**LABELS)
    watched.gpu.held = True
    for _ in range(4):
        with watched.probe.step([(session, 1, 1)]):
            watched.gpu.work(MS)
    watched.gpu.held = False
    session.close()
    (event,) = watched.end()
    assert (event["gpu_busy_ns"], event["gpu_time_ns"]) == (MS, 4 * MS)


def test_sampling_that_is_off_never_touches_the_profiler(torch, tmp_path):
    watched = Watched(tmp_path)
    with watched.probe.session(**LABELS):
        watched.gpu.work(MS)
    (event,) = watched.end()
    assert event["gpu_busy_ns"] == event["gpu_time_ns"] and event["busy_quality"] == "elapsed"
    assert torch.profiles == 0
