"""Collectives against a stand-in with torch.distributed's signatures; with PyTorch, in the library itself."""

import sys
import types

import pytest
from fake_gpu import InstantGpu
from watched import LABELS, MS, Watched

from gpu_probe.integrations.distributed import COLLECTIVES, install, uninstall


class Work:
    def __init__(self, gpu, length):
        self.gpu, self.length = gpu, length

    def wait(self, timeout=None):
        self.gpu.work(self.length)
        return True

    def is_completed(self):
        return True


class Distributed(types.ModuleType):
    """Each collective takes 2 ms of the GPU; an asynchronous one where it is waited for."""

    def __init__(self, gpu: InstantGpu):
        super().__init__("torch.distributed")

        def run(async_op):
            if async_op:
                return Work(gpu, 2 * MS)
            gpu.work(2 * MS)
            return None

        def all_reduce(tensor, op=None, group=None, async_op=False):
            return run(async_op)

        def broadcast(tensor, src=None, group=None, async_op=False, group_src=None):
            return run(async_op)

        def barrier(group=None, async_op=False, device_ids=None):
            return run(async_op)

        def send(tensor, dst=None, group=None, tag=0, group_dst=None):
            return run(False)

        for function in (all_reduce, broadcast, barrier, send):
            setattr(self, function.__name__, function)


@pytest.fixture
def ranks(tmp_path, monkeypatch):
    watched = Watched(tmp_path, rank=1, world_size=2)
    distributed = Distributed(watched.gpu)
    torch = types.ModuleType("torch")
    torch.distributed = distributed
    monkeypatch.setitem(sys.modules, "torch", torch)
    monkeypatch.setitem(sys.modules, "torch.distributed", distributed)
    watched.distributed = distributed
    return watched


@pytest.mark.parametrize(
    "call",
    [
        lambda d: d.all_reduce(None),
        lambda d: d.broadcast(None, 0),
        lambda d: d.barrier(),
        lambda d: d.send(None, 1),
        lambda d: d.all_reduce(None, async_op=True).wait(),
        lambda d: d.broadcast(None, 0, None, True).wait(timeout=3),
    ],
)
def test_what_a_rank_spends_in_collectives_is_told_apart(ranks, call):
    install(ranks.probe)
    install(ranks.probe)
    with ranks.probe.session(**LABELS):
        ranks.gpu.work(3 * MS)
        call(ranks.distributed)
        ranks.gpu.work(MS)
    (event,) = ranks.end()
    assert (event["gpu_time_ns"], event["communication_ns"]) == (6 * MS, 2 * MS)
    assert (event["rank"], event["world_size"]) == (1, 2)


def test_outside_a_step_they_are_left_alone_and_an_asynchronous_one_can_all_it_could(ranks):
    plain = ranks.distributed.all_reduce
    install(ranks.probe)
    assert ranks.distributed.all_reduce(None) is None
    assert ranks.distributed.all_reduce(None, async_op=True).is_completed()
    uninstall()
    assert ranks.distributed.all_reduce is plain
    assert ranks.end() == []


def test_two_ranks_of_one_session_are_two_events_that_can_be_joined(tmp_path):
    """No rank waits for another's probe: they are joined by session, sequence and rank."""
    events = []
    for rank in range(2):
        watched = Watched(tmp_path / str(rank), rank=rank, world_size=2)
        with watched.probe.session(**LABELS, session_id="shared"):
            watched.gpu.work((rank + 1) * MS)
        events += watched.end()
    assert [(e["session_id"], e["rank"], e["gpu_time_ns"]) for e in events] == [
        ("shared", 0, MS),
        ("shared", 1, 2 * MS),
    ]
    assert events[0]["event_id"] != events[1]["event_id"]


def test_the_library_has_them_with_these_signatures():
    distributed = pytest.importorskip("torch.distributed", reason="needs PyTorch")
    present = [name for name in COLLECTIVES if hasattr(distributed, name)]
    assert len(present) == len(COLLECTIVES)
