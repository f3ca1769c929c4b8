"""The vLLM plug-in against stand-ins with the signatures of vLLM 0.10 to 0.16."""

import asyncio
import importlib
import json
import pickle
import sys
from dataclasses import dataclass, field
from enum import IntEnum
from importlib.metadata import entry_points
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
from stand_in import StandInProbe

from gpu_probe.integrations import default, vllm
from gpu_probe.integrations.vllm import extra_args
from gpu_probe.integrations.vllm_server import VllmMiddleware


@dataclass
class NewRequestData:
    req_id: str
    prompt_token_ids: list[int] | None
    num_computed_tokens: int
    sampling_params: Any = None
    pooling_params: Any = None
    prompt_embeds: Any = None


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

    def schedule(self):
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
        return "output"

    def sample_tokens(self, grammar_output):
        return ("sampled", grammar_output, self.probe and self.probe.open_steps)


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
    for name, content in (
        (vllm.RUNNERS[0], {"GPUModelRunner": runner}),
        (vllm.SCHEDULER, {"Scheduler": scheduler}),
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
    yield SimpleNamespace(probe=probe, runner=runner(probe), scheduler=scheduler())
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
    runner.execute_model(step(new=[(request("a", 10), 10), (request("b", 4), 4)]))
    assert runner.sample_tokens("grammar") == ("sampled", "grammar", 1)
    assert runner.sample_tokens(None) == ("sampled", None, 0)
    runner.execute_model(step(new=[(request("c", 7), 7)], cached=[("a", 10, 1), ("b", 4, 1)]))
    assert probe.steps == [
        [("a", 10, 10), ("b", 4, 4)],
        [("a", 0, 10), ("b", 0, 4)],
        [("c", 7, 7), ("a", 1, 11), ("b", 1, 5)],
    ]
    assert probe.labels(0)["tenant_id"] == "unknown"


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
    assert probe.steps[1] == [("a", 9, 9)]


def test_what_comes_before_serving_is_the_operators(installed):
    probe, runner = installed.probe, installed.runner
    assert runner.load_model() == "loaded"
    assert runner.profile_run() == 16
    assert runner.capture_model() == 7
    assert [(model, phase) for model, _, phase in probe.warmups] == [
        ("llama", "load"),
        ("llama", "warmup"),
        ("llama", "warmup"),
        ("llama", "warmup"),
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

    vllm.patch_runner(OutOfMemory)
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

    monkeypatch.setattr(vllm, "get_probe", broken)
    runner = type(installed.runner)()
    assert runner.load_model() == "loaded"
    assert runner.execute_model(step(new=[(request("a", 8), 8)])) == "output"
    assert caplog.text.count("vLLM runs unmeasured") == 1


def test_without_vllm_it_says_so(caplog, monkeypatch):
    monkeypatch.setattr(vllm, "RUNNERS", ("no_such_vllm.runner",))
    vllm.register()
    assert "0.10 to 0.16" in caplog.text


# The server's side


def post(body, headers=(), path="/v1/chat/completions", parts=None):
    seen = {}

    async def app(scope, receive, send):
        whole = b""
        while True:
            message = await receive()
            whole += message.get("body", b"")
            if not message.get("more_body"):
                break
        seen.update(body=whole, headers=dict(scope["headers"]), last=message["type"])

    messages = parts or [{"type": "http.request", "body": body, "more_body": False}]

    async def receive():
        return messages.pop(0)

    scope = {"type": "http", "method": "POST", "path": path, "headers": [(b"content-length", b"1"), *headers]}
    asyncio.run(VllmMiddleware(app)(scope, receive, None))
    return seen


TENANT = [(b"x-meterhouse-tenant", b"acme"), (b"X-Meterhouse-Session", b"s-1")]


def test_headers_travel_in_the_body():
    seen = post(json.dumps({"model": "llama", "vllm_xargs": {"top": 1}}).encode(), TENANT)
    document = json.loads(seen["body"])
    assert document["vllm_xargs"] == {"top": 1, "meterhouse_tenant": "acme", "meterhouse_session": "s-1"}
    assert int(seen["headers"][b"content-length"]) == len(seen["body"])


def test_a_caller_cannot_name_another_tenant_in_the_body():
    forged = json.dumps({"vllm_xargs": {"meterhouse_tenant": "rival"}}).encode()
    assert json.loads(post(forged, TENANT)["body"])["vllm_xargs"]["meterhouse_tenant"] == "acme"
    assert json.loads(post(forged)["body"])["vllm_xargs"] == {}
    assert json.loads(post(forged, path="/v1/responses")["body"])["vllm_xargs"] == {}


@pytest.mark.parametrize("body", [b"{", b"[1]", b'{"vllm_xargs": 3}', b""])
def test_a_body_that_is_none_of_ours_goes_on_as_it_is(body):
    assert post(body, TENANT)["body"] == body


def test_other_paths_and_halved_bodies():
    assert post(b"{}", TENANT, path="/tokenize")["body"] == b"{}"
    upload = [(b"content-type", b"multipart/form-data; boundary=x")]
    assert post(b"--x", upload, path="/v1/audio/transcriptions")["body"] == b"--x"
    parts = [
        {"type": "http.request", "body": b'{"mod', "more_body": True},
        {"type": "http.request", "body": b'el":"x"}', "more_body": False},
    ]
    assert json.loads(post(b"", TENANT, parts=parts)["body"])["model"] == "x"
    gone = [{"type": "http.request", "body": b"{", "more_body": True}, {"type": "http.disconnect"}]
    assert post(b"", TENANT, parts=gone)["last"] == "http.disconnect"


def test_the_modules_import_without_vllm():
    for name in ("vllm", "vllm_batch", "vllm_server"):
        importlib.import_module(f"gpu_probe.integrations.{name}")
