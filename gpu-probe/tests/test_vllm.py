"""The vLLM plug-in against stand-ins with the signatures of vLLM 0.10 to 0.33."""

import importlib
import pickle
import sys
from dataclasses import dataclass, field
from enum import IntEnum
from importlib.metadata import entry_points
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
from conftest import Recorder
from stand_in import StandInProbe

from gpu_probe import Probe
from gpu_probe.integrations import default, vllm, vllm_runner
from gpu_probe.integrations.vllm import extra_args
from gpu_probe.integrations.vllm_labels import request_id


@dataclass
class NewRequestData:
    req_id: str
    prompt_token_ids: list[int] | None
    num_computed_tokens: int
    sampling_params: Any = None
    pooling_params: Any = None
    prompt_embeds: Any = None
    lora_request: Any = None


@dataclass
class CachedRequestData:
    req_ids: list[str] = field(default_factory=list)
    num_computed_tokens: list[int] = field(default_factory=list)


@dataclass
class SchedulerOutput:
    scheduled_new_reqs: list[NewRequestData]
    scheduled_cached_reqs: CachedRequestData
    num_scheduled_tokens: dict[str, int]
    total_num_scheduled_tokens: int
    finished_req_ids: set[str]


class RequestStatus(IntEnum):
    FINISHED_STOPPED = 6
    FINISHED_ABORTED = 8


class Scheduler:
    """finish_requests and schedule as in vllm.v1.core.sched.scheduler."""

    def __init__(self):
        self.finished_req_ids = set()
        self.next_output = None

    def finish_requests(self, request_ids, finished_status):
        self.finished_req_ids |= {request_ids} if isinstance(request_ids, str) else set(request_ids)

    def update_from_output(self, scheduler_output, model_runner_output):
        outputs = [
            SimpleNamespace(request_id=name, new_token_ids=tokens)
            for name, tokens in model_runner_output.items()
        ]
        return {0: SimpleNamespace(outputs=outputs)}

    def schedule(self, throttle_prefills=False):
        output, self.next_output = self.next_output or step(), None
        output.finished_req_ids = self.finished_req_ids
        self.finished_req_ids = set()
        return output


class GPUModelRunner:
    """execute_model(scheduler_output, intermediate_tensors) and sample_tokens(grammar_output)."""

    def __init__(self, probe=None):
        self.model_config = SimpleNamespace(model="/models/llama", served_model_name=["llama"])
        self.seen = []
        self.probe = probe
        self.result = "output"

    def load_model(self, eep_scale_up: bool = False):
        return "loaded"

    def profile_run(self):
        return self._dummy_run(16)

    def _dummy_run(self, num_tokens):
        return num_tokens

    def capture_model(self) -> int:
        return 7

    def execute_model(self, scheduler_output, intermediate_tensors=None):
        self.seen.append((scheduler_output, intermediate_tensors, self.probe and self.probe.open_steps))
        return self.result

    def sample_tokens(self, grammar_output):
        return ("sampled", grammar_output, self.probe and self.probe.open_steps)

    def pool(self):
        return ("pooled", self.probe and self.probe.open_steps)

    def profile_cudagraph_memory(self):
        return 3

    def _dummy_sampler_run(self, hidden_states):
        return hidden_states

    def _dummy_pooler_run(self, hidden_states):
        return hidden_states

    def add_lora(self, lora_request):
        return True


class Worker:
    """compile_or_warm_up_model(), which sends made-up requests through its own execute_model."""

    def __init__(self, runner):
        self.model_runner = runner

    def compile_or_warm_up_model(self):
        self.model_runner._dummy_run(8)
        self.model_runner.execute_model(step(new=[(request("made_up", 4), 4)]))
        self.model_runner.sample_tokens(None)
        return 1.5


def step(new=(), cached=(), finished=()):
    scheduled = {request.req_id: tokens for request, tokens in new}
    scheduled.update({name: tokens for name, _, tokens in cached})
    data = CachedRequestData([name for name, _, _ in cached], [computed for _, computed, _ in cached])
    return SchedulerOutput(
        [request for request, _ in new], data, scheduled, sum(scheduled.values()), set(finished)
    )


def request(name, prompt, cached=0, **labels):
    params = SimpleNamespace(extra_args=extra_args(**labels) if labels else None)
    return NewRequestData(name, list(range(prompt)), cached, params)


@pytest.fixture
def installed(monkeypatch):
    """The stand-ins as vLLM's modules, and the plug-in registered in them."""
    probe = StandInProbe()
    runner = type("GPUModelRunner", (GPUModelRunner,), dict(vars(GPUModelRunner)))
    scheduler = type("Scheduler", (Scheduler,), dict(vars(Scheduler)))
    worker = type("Worker", (Worker,), dict(vars(Worker)))
    for name, content in (
        (vllm.RUNNERS[0][0], {"GPUModelRunner": runner}),
        (vllm.WORKER[0], {"Worker": worker}),
        (vllm.SCHEDULER[0], {"Scheduler": scheduler}),
    ):
        parts = name.split(".")
        for end in range(1, len(parts)):
            monkeypatch.setitem(sys.modules, ".".join(parts[:end]), ModuleType(".".join(parts[:end])))
        module = ModuleType(name)
        vars(module).update(content)
        monkeypatch.setitem(sys.modules, name, module)
    default.set_probe(probe)
    vllm.register()
    vllm.register()
    made = runner(probe)
    yield SimpleNamespace(probe=probe, runner=made, worker=worker(made), scheduler=scheduler())
    default.set_probe(None)


def test_vllm_finds_the_plugin():
    found = entry_points()
    group = (
        found.select(group="vllm.general_plugins")
        if hasattr(found, "select")
        else found["vllm.general_plugins"]
    )
    assert {point.load() for point in group if point.name == "gpu_probe"} == {vllm.register}


def test_a_request_from_prefill_to_its_end(installed):
    probe, runner = installed.probe, installed.runner
    new = request(
        "cmpl-1", 100, cached=16, tenant_id="acme", project_id="chat", user_id="zoe", session_id="s-1"
    )
    assert runner.execute_model(step(new=[(new, 60)]), "tensors") == "output"
    runner.execute_model(step(cached=[("cmpl-1", 76, 24)]))
    runner.execute_model(step(cached=[("cmpl-1", 100, 1)]), intermediate_tensors=None)
    assert probe.outcomes == [None]
    runner.execute_model(step(finished=["cmpl-1"]))
    assert probe.steps == [[("s-1", 60, 76)], [("s-1", 24, 100)], [("s-1", 1, 101)]]
    assert probe.labels() == {
        "tenant_id": "acme",
        "project_id": "chat",
        "user_id": "zoe",
        "session_id": "s-1",
        "model": "llama",
        "model_version": "unknown",
    }
    assert probe.sessions[0].labels["prompt_tokens"] == 100
    assert probe.outcomes == ["ok"]
    assert [(tensors, depth) for _, tensors, depth in runner.seen] == [
        ("tensors", 1),
        (None, 1),
        (None, 1),
        (None, 0),
    ]


def test_a_mixed_batch_and_sampling_apart(installed):
    probe, runner = installed.probe, installed.runner
    runner.result = None
    runner.execute_model(step(new=[(request("a", 10), 10), (request("b", 4), 4)]))
    assert probe.open_steps == 1, "the step goes on until its tokens are sampled"
    assert runner.sample_tokens("grammar") == ("sampled", "grammar", 1)
    assert probe.open_steps == 0
    assert runner.sample_tokens(None) == ("sampled", None, 0)
    runner.execute_model(step(new=[(request("c", 7), 7)], cached=[("a", 10, 1), ("b", 4, 1)]))
    assert runner.pool() == ("pooled", 1)
    assert probe.open_steps == 0
    assert probe.steps == [
        [("a", 10, 10), ("b", 4, 4)],
        [("c", 7, 7), ("a", 1, 11), ("b", 1, 5)],
    ]
    assert probe.labels(0)["tenant_id"] == "unknown"


def test_a_step_whose_sampling_never_comes_ends_with_the_next(installed):
    probe, runner = installed.probe, installed.runner
    runner.result = None
    runner.execute_model(step(new=[(request("a", 10), 10)]))
    runner.execute_model(step(cached=[("a", 10, 1)]))
    runner.sample_tokens(None)
    assert (len(probe.steps), probe.open_steps) == (2, 0)


@pytest.mark.parametrize("case", ["whole", "chunked", "preempted, V1", "preempted, V2", "speculated"])
@pytest.mark.parametrize("apart", [True, False], ids=["sampling apart", "sampling inside"])
def test_100_tokens_in_and_3_out(installed, case, apart, tmp_path):
    runner, scheduler, recorder = installed.runner, installed.scheduler, Recorder()
    runner.result = None if apart else "output"
    new = request("a", 100, tenant_id="acme", project_id="chat")
    again = NewRequestData("a", list(range(100)), 0, new.sampling_params)
    steps = {
        "whole": [(step(new=[(new, 100)]), [5]), (step(cached=[("a", 100, 1)]), [6])],
        "chunked": [
            (step(new=[(new, 60)]), []),
            (step(cached=[("a", 60, 40)]), [5]),
            (step(cached=[("a", 100, 1)]), [6]),
        ],
        "preempted, V1": [(step(new=[(new, 100)]), [5]), (step(cached=[("a", 0, 101)]), [6])],
        "preempted, V2": [(step(new=[(new, 100)]), [5]), (step(new=[(again, 101)]), [6])],
        "speculated": [(step(new=[(new, 100)]), [5]), (step(cached=[("a", 100, 4)]), [6, 7])],
    }[case]
    if case != "speculated":
        steps.append((step(cached=[("a", 101, 1)]), [7]))
    with Probe("cpu", state_dir=tmp_path, output=recorder, cold_start=False) as probe:
        default.set_probe(probe)
        for output, tokens in steps:
            runner.execute_model(output)
            runner.sample_tokens(None)
            scheduler.update_from_output(output, {"a": tokens})
        scheduler.finish_requests("a", RequestStatus.FINISHED_STOPPED)
        runner.execute_model(pickle.loads(pickle.dumps(scheduler.schedule())))
    (event,) = [one for one in recorder.events if one["tenant_id"] == "acme"]
    assert (event["tokens_in"], event["tokens_out"], event["tokens_cached"]) == (100, 3, 0)
    assert event["batch_steps"] == len(steps)


def test_an_adapter_is_the_model_and_loading_it_the_operators(installed):
    probe, runner = installed.probe, installed.runner
    adapter = SimpleNamespace(lora_name="llama-legal")
    assert runner.add_lora(adapter) is True
    new = request("a", 10)
    new.lora_request = adapter
    runner.execute_model(step(new=[(new, 10)]))
    assert probe.warmups == [("llama-legal", "unknown", "load")]
    assert probe.labels()["model"] == "llama-legal"


def test_made_up_requests_are_no_sessions(installed):
    probe, runner = installed.probe, installed.runner
    assert installed.worker.compile_or_warm_up_model() == 1.5
    for name in ("_warmup_0_", "_v2_mixed_warmup_decode_"):
        runner.execute_model(step(new=[(request(name, 4), 4)]))
    assert (probe.sessions, probe.steps) == ([], [])
    assert probe.warmups[0] == ("llama", "unknown", "warmup")


def test_labels_travel_in_a_request_id_where_nothing_else_does(installed):
    labels = extra_args("acme", "search", user_id="zoe")
    name = f"embd-{request_id(labels, None)}-0"
    pooled = NewRequestData(name, [1, 2], 0, pooling_params=SimpleNamespace(extra_kwargs=None))
    installed.runner.execute_model(step(new=[(pooled, 2)]))
    found = installed.probe.labels()
    assert (found["tenant_id"], found["project_id"], found["user_id"]) == ("acme", "search", "zoe")
    assert len(found["session_id"].encode()) <= 128


def test_an_aborted_request_is_cancelled_also_in_another_process(installed):
    probe, runner, scheduler = installed.probe, installed.runner, installed.scheduler
    runner.execute_model(step(new=[(request(name, 4), 4) for name in ("a", "b", "c")]))
    scheduler.finish_requests("a", RequestStatus.FINISHED_ABORTED)
    scheduler.finish_requests(iter(["b"]), RequestStatus.FINISHED_STOPPED)
    output = scheduler.schedule()
    sent = pickle.loads(pickle.dumps(output))
    runner.execute_model(sent)
    assert probe.outcomes == ["cancelled", "ok", None]
    scheduler.finish_requests(["c"], RequestStatus.FINISHED_STOPPED)
    runner.execute_model(scheduler.schedule())
    assert probe.outcomes == ["cancelled", "ok", "ok"]


def test_a_preempted_request_that_comes_as_new_is_the_same_session(installed):
    probe, runner = installed.probe, installed.runner
    runner.execute_model(step(new=[(request("a", 8), 8)]))
    runner.execute_model(step(new=[(request("a", 8), 9)]))
    assert len(probe.sessions) == 1
    # What is computed again is work behind the prompt, and no prompt.
    assert probe.steps[1] == [("a", 8, 16), ("a", 1, 9)]


def test_what_comes_before_serving_is_the_operators(installed):
    probe, runner = installed.probe, installed.runner
    assert runner.load_model() == "loaded"
    assert runner.profile_run() == 16
    assert runner.profile_cudagraph_memory() == 3
    assert runner.capture_model() == 7
    runner._dummy_sampler_run("hidden")
    runner._dummy_pooler_run("hidden")
    assert [(model, phase) for model, _, phase in probe.warmups] == [
        ("llama", "load"),
        *[("llama", "warmup")] * 6,
    ]
    assert probe.steps == []


def test_pooling_and_embeddings(installed):
    pooled = NewRequestData(
        "p", None, 0, pooling_params=SimpleNamespace(extra_kwargs=extra_args("acme", "search"))
    )
    pooled.prompt_embeds = SimpleNamespace(shape=(12, 4096))
    installed.runner.execute_model(step(new=[(pooled, 12)]))
    assert installed.probe.labels()["tenant_id"] == "acme"
    assert installed.probe.sessions[0].labels["prompt_tokens"] == 12


def test_an_exception_of_the_engine_goes_on(installed):
    class OutOfMemory(GPUModelRunner):
        def execute_model(self, scheduler_output, intermediate_tensors=None):
            raise MemoryError("CUDA out of memory")

    vllm_runner.patch_runner(OutOfMemory)
    with pytest.raises(MemoryError):
        OutOfMemory(installed.probe).execute_model(step(new=[(request("a", 8), 8)]))
    assert installed.probe.steps == [[("a", 8, 8)]]
    assert installed.probe.open_steps == 0


def test_an_unknown_scheduler_output_is_served_unmeasured_and_told_once(installed, caplog):
    for _ in range(3):
        assert installed.runner.execute_model(SimpleNamespace(old=True)) == "output"
    assert installed.probe.steps == []
    assert caplog.text.count("does not know this vLLM's scheduler output") == 1


def test_a_probe_that_cannot_start_does_not_stop_vllm(installed, caplog, monkeypatch):
    def broken():
        raise OSError("no space left on device")

    monkeypatch.setattr(vllm_runner, "get_probe", broken)
    runner = type(installed.runner)()
    assert runner.load_model() == "loaded"
    assert runner.execute_model(step(new=[(request("a", 8), 8)])) == "output"
    assert caplog.text.count("vLLM runs unmeasured") == 1


def test_without_vllm_it_says_so(caplog, monkeypatch):
    monkeypatch.setattr(vllm, "RUNNERS", (("no_such_vllm.runner", "GPUModelRunner"),))
    vllm.register()
    assert "0.10 to 0.33" in caplog.text


def test_the_modules_import_without_vllm():
    for name in ("vllm", "vllm_batch", "vllm_runner", "vllm_scheduler", "vllm_server"):
        importlib.import_module(f"gpu_probe.integrations.{name}")
