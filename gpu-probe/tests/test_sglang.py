"""The SGLang plug-in against stand-ins with the names and signatures of SGLang 0.5.23's source."""

import gc
import sys
from contextlib import contextmanager
from types import ModuleType, SimpleNamespace

import pytest
from stand_in import StandInProbe

from gpu_probe.integrations import default, sglang
from gpu_probe.integrations.sglang import extra_args


class Mode:
    def __init__(self, name):
        self.name = name

    def is_idle(self):
        return self.name == "IDLE"

    def is_prebuilt(self):
        return self.name == "PREBUILT"

    def is_extend(self):
        return self.name in ("EXTEND", "MIXED")


class FINISH_ABORT:
    pass


class FINISH_LENGTH:
    pass


class Req:
    def __init__(self, rid, prompt, **labels):
        self.rid = rid
        self.origin_input_ids = list(range(prompt))
        self.output_ids = []
        self.lora_id = None
        self.finished_reason = None
        self.sampling_params = SimpleNamespace(custom_params=extra_args(**labels) if labels else None)

    @property
    def seqlen(self):
        return len(self.origin_input_ids) + len(self.output_ids)

    def finished(self):
        return self.finished_reason is not None


class Scheduler:
    """run_batch(batch, pp_proxy_tensors) and process_batch_result(batch, result)."""

    enable_overlap = False

    def __init__(self, probe):
        self.server_args = SimpleNamespace(served_model_name="qwen", model_path="/models/qwen")
        self.probe = probe

    def run_batch(self, batch, pp_proxy_tensors=None):
        return ("ran", self.probe.open_steps)

    def process_batch_result(self, batch, result):
        for req, tokens in result.items():
            req.output_ids += tokens
        batch.reqs = [req for req in batch.reqs if not req.finished()]


class ModelRunner:
    def __init__(self):
        self.server_args = SimpleNamespace(served_model_name="qwen", model_path="/models/qwen")

    def load_model(self):
        return "loaded"

    def init_cuda_graphs(self, capture_decode_cuda_graph=True):
        return "captured"


def extend(*reqs):
    return SimpleNamespace(
        forward_mode=Mode("EXTEND"),
        reqs=[req for req, _, _ in reqs],
        prefix_lens=[prefix for _, prefix, _ in reqs],
        extend_lens=[length for _, _, length in reqs],
    )


def decode(*reqs, mode="DECODE"):
    return SimpleNamespace(forward_mode=Mode(mode), reqs=list(reqs), prefix_lens=None, extend_lens=None)


@pytest.fixture
def installed(monkeypatch):
    probe = StandInProbe()
    scheduler = type("Scheduler", (Scheduler,), dict(vars(Scheduler)))
    runner = type("ModelRunner", (ModelRunner,), dict(vars(ModelRunner)))
    for (name, attribute), value in ((sglang.SCHEDULER, scheduler), (sglang.RUNNER, runner)):
        parts = name.split(".")
        for end in range(1, len(parts)):
            monkeypatch.setitem(sys.modules, ".".join(parts[:end]), ModuleType(".".join(parts[:end])))
        module = ModuleType(name)
        setattr(module, attribute, value)
        monkeypatch.setitem(sys.modules, name, module)
    default.set_probe(probe)
    sglang.register()
    sglang.register()
    yield SimpleNamespace(probe=probe, scheduler=scheduler(probe), runner=runner())
    default.set_probe(None)


def test_a_request_from_prefill_to_its_end(installed):
    probe, scheduler = installed.probe, installed.scheduler
    req = Req("r-1", 100, tenant_id="acme", project_id="chat")
    for batch, tokens in (
        (extend((req, 16, 60)), []),
        (extend((req, 76, 24)), [5]),
        (decode(req), [6, 7]),  # one of them was speculated
    ):
        assert scheduler.run_batch(batch) == ("ran", 1)
        if batch.forward_mode.name == "DECODE":
            req.finished_reason = FINISH_LENGTH()
        scheduler.process_batch_result(batch, {req: tokens})
    assert probe.steps == [[("r-1", 60, 76)], [("r-1", 24, 100)], [("r-1", 1, 101)]]
    assert probe.sessions[0].labels["prompt_tokens"] == 100
    assert (probe.labels()["tenant_id"], probe.labels()["model"]) == ("acme", "qwen")
    assert (probe.outcomes, probe.sessions[0].tokens_out) == (["ok"], 3)


def test_a_retracted_request_is_no_new_prompt(installed):
    probe, scheduler = installed.probe, installed.scheduler
    req = Req("r-1", 8)
    scheduler.run_batch(extend((req, 0, 8)))
    req.output_ids.append(5)
    scheduler.run_batch(extend((req, 0, 9)))
    assert len(probe.sessions) == 1
    assert probe.steps[1] == [("r-1", 8, 16), ("r-1", 1, 9)]


def test_aborted_requests_are_cancelled(installed):
    probe, scheduler = installed.probe, installed.scheduler
    aborted, dropped = Req("a", 4), Req("b", 4)
    batch = extend((aborted, 0, 4), (dropped, 0, 4))
    scheduler.run_batch(batch)
    aborted.finished_reason = FINISH_ABORT()
    scheduler.process_batch_result(batch, {})
    assert probe.outcomes == ["cancelled", None]
    del dropped, batch
    gc.collect()
    assert probe.outcomes == ["cancelled", "cancelled"]


@pytest.mark.parametrize("mode", ["IDLE", "PREBUILT"])
def test_a_batch_without_a_forward_is_no_step(installed, mode):
    assert installed.scheduler.run_batch(decode(mode=mode)) == ("ran", 0)


def test_a_step_begins_on_the_stream_of_the_forward(installed):
    entered = []

    @contextmanager
    def stream(which):
        entered.append((which, installed.probe.open_steps))
        yield
        entered.append((which, installed.probe.open_steps))

    installed.scheduler.enable_overlap = True
    installed.scheduler.device_module = SimpleNamespace(stream=stream)
    installed.scheduler.forward_stream = "forward"
    installed.scheduler.run_batch(extend((Req("a", 4), 0, 4)))
    assert entered == [("forward", 0), ("forward", 1)]
    assert installed.probe.open_steps == 0


def test_what_comes_before_serving_is_the_operators(installed):
    assert installed.runner.load_model() == "loaded"
    assert installed.runner.init_cuda_graphs() == "captured"
    assert [(model, phase) for model, _, phase in installed.probe.warmups] == [
        ("qwen", "load"),
        ("qwen", "warmup"),
    ]


def test_another_sglang_is_served_unmeasured_and_told_once(installed, caplog):
    for _ in range(2):
        assert installed.scheduler.run_batch(SimpleNamespace(old=True)) == ("ran", 0)
    assert caplog.text.count("does not know this SGLang's batches") == 1


def test_without_sglang_it_says_so(caplog, monkeypatch):
    monkeypatch.setattr(sglang, "SCHEDULER", ("no_such_sglang", "Scheduler"))
    sglang.register()
    assert "0.5.23" in caplog.text
