"""Continuous batching in the real library, where it is installed: a small model with random weights, on the
CPU."""

import importlib
import threading

import pytest
from stand_in import StandInProbe
from tiny_llama import tiny_llama

torch = pytest.importorskip("torch", reason="torch is not installed")
transformers = pytest.importorskip("transformers", reason="transformers is not installed")

from gpu_probe.integrations import default, transformers_batching  # noqa: E402
from gpu_probe.integrations.labels import Labels  # noqa: E402
from gpu_probe.integrations.transformers_requests import labelled  # noqa: E402

VERSION = tuple(int(part) for part in transformers.__version__.split(".")[:2])
PACKAGE = "transformers.generation.continuous_batching"
BUDGET = 16
LONG, SHORT = [5, 6, 7, 8, 9, 10, 11] * 3, [5, 6, 7]


@pytest.fixture(scope="module")
def model():
    return tiny_llama(torch, transformers)


@pytest.fixture
def probe(monkeypatch):
    # Versions before 5.17 cannot tell how much memory a CPU has.
    cache = importlib.import_module(f"{PACKAGE}.cache")
    if VERSION < (5, 17):
        memory = (torch.device("cpu"), 2**30, 0, 0)
        monkeypatch.setattr(cache, "get_device_and_memory_breakdown", lambda: memory)
    found = StandInProbe()
    default.set_probe(found)
    assert transformers_batching.install()
    yield found
    default.set_probe(None)


def settings(sequences=1, blocks=64, **more):
    config = transformers.GenerationConfig(
        max_new_tokens=4,
        do_sample=sequences > 1,
        eos_token_id=-1,
        num_blocks=blocks,
        max_batch_tokens=BUDGET,
        num_return_sequences=sequences,
    )
    named = {"generation_config": config}
    if VERSION >= (5, 17):
        named["continuous_batching_config"] = transformers.ContinuousBatchingConfig(
            num_blocks=blocks, max_batch_tokens=BUDGET, **more
        )
    return named


def prompts_and_tokens(probe):
    return sorted((one.labels["prompt_tokens"], one.tokens_out) for one in probe.sessions)


def computed(probe, session):
    return [
        (new, context) for step in probe.steps for name, new, context in step if name == session.session_id
    ]


def of_prompt(probe, tokens):
    return next(one for one in probe.sessions if one.labels["prompt_tokens"] == tokens)


def test_each_request_of_a_batch_is_a_session(probe, model):
    with labelled(Labels(tenant_id="acme", project_id="chat")):
        output = model.generate_batch([SHORT, LONG], progress_bar=False, **settings())
    assert len(output) == 2
    assert prompts_and_tokens(probe) == [(3, 4), (21, 4)]
    assert probe.outcomes == ["ok", "ok"]
    assert {one.labels["tenant_id"] for one in probe.sessions} == {"acme"}
    assert {one.labels["model"] for one in probe.sessions} == {"LlamaForCausalLM"}
    assert probe.open_steps == 0
    for tokens in (3, 21):
        rows = computed(probe, of_prompt(probe, tokens))
        assert sum(new for new, context in rows if context <= tokens) == tokens
        assert [row for row in rows if row[1] > tokens][:3] == [(1, tokens + n) for n in (1, 2, 3)]
    assert all(sum(new for _, new, _ in step) <= BUDGET for step in probe.steps)


def test_the_output_is_the_same(model, probe):
    if VERSION < (5, 17):
        pytest.skip("paged attention on a CPU differs from generate's there, measured or not")
    output = model.generate_batch([LONG], progress_bar=False, **settings())
    result = next(iter(output.values()))
    inputs = torch.tensor([LONG])
    plain = model.generate(
        inputs, attention_mask=torch.ones_like(inputs), max_new_tokens=4, do_sample=False, eos_token_id=None
    )
    assert result.generated_tokens[:4] == plain[0, len(LONG) :].tolist()


def test_requests_of_an_open_session_are_its_own(probe, model):
    session = probe.open_session(session_id="s-1")
    with probe.use(session):
        model.generate_batch([SHORT, SHORT], progress_bar=False, **settings())
    assert len(probe.sessions) == 1
    assert {name for step in probe.steps for name, _, _ in step} == {"s-1"}
    assert (session.outcome, session.tokens_out) == (None, 8)


def test_several_sequences_of_a_prompt_are_one_session(probe, model):
    if VERSION < (5, 0):
        pytest.skip("transformers 4.57 returns one sequence of a prompt")
    model.generate_batch([LONG], progress_bar=False, **settings(sequences=3))
    assert prompts_and_tokens(probe) == [(21, 12)]
    assert probe.outcomes == ["ok"]


def test_a_prefix_that_is_cached_is_not_computed(probe, model):
    if VERSION < (5, 17):
        pytest.skip("blocks are shared from 5.0 on, and sized so that a small prompt has one from 5.17 on")
    config = settings(allow_block_sharing=True, block_size=16)
    prompt = list(range(3, 40))
    with model.continuous_batching_context_manager(**config) as manager:
        for _ in range(2):
            name = manager.add_request(prompt, max_new_tokens=2)
            while not (manager.get_result(timeout=1) or manager.get_result(request_id=name, timeout=1)):
                assert manager.is_running()
    first, second = probe.sessions
    assert computed(probe, first)[0] == (16, 16)
    new, context = computed(probe, second)[0]
    assert context - new == 32


def test_a_cancelled_request_ends_as_cancelled(probe, model, monkeypatch):
    scheduler = importlib.import_module(f"{PACKAGE}.scheduler").Scheduler
    cleared, stepped = threading.Event(), threading.Event()
    original = scheduler.clear_cancelled_requests

    def watched(self):
        if probe.steps:
            stepped.set()
        before = len(self.active_requests) + len(self.waiting_requests)
        result = original(self)
        if before and not self.active_requests and not self.waiting_requests:
            cleared.set()
        return result

    monkeypatch.setattr(scheduler, "clear_cancelled_requests", watched)
    manager = model.init_continuous_batching(**settings())
    manager.start()
    try:
        name = manager.add_request(SHORT, max_new_tokens=400)
        # 4.57 takes a cancellation only once its loop runs.
        assert stepped.wait(20)
        manager.cancel_request(name)
        assert cleared.wait(20)
    finally:
        manager.stop(block=True, timeout=20)
    assert probe.outcomes == ["cancelled"]
    assert 0 < probe.sessions[0].tokens_out < 400


def test_a_request_that_fails_ends_as_error(probe, model):
    manager = model.init_continuous_batching(**settings())

    def broken(*_, **__):
        raise MemoryError("CUDA out of memory")

    forward, model.forward = model.forward, broken
    try:
        manager.add_request(SHORT)
        manager.start()
        manager._generation_thread.join(20)
    finally:
        model.forward = forward
        manager.stop(block=True, timeout=20)
    assert probe.outcomes == ["error"]
    assert probe.open_steps == 0


def test_two_clients_may_send_one_request_id(probe, model):
    manager = model.init_continuous_batching(**settings())
    with labelled(Labels(tenant_id="acme")):
        manager.add_request(SHORT, request_id="same")
    with labelled(Labels(tenant_id="bank")):
        manager.add_request(LONG, request_id="same")
    manager.start()
    result = None
    while result is None and manager.is_running():
        result = manager.get_result(timeout=1)
    manager.stop(block=True, timeout=20)
    found = {one.labels["tenant_id"]: one.outcome for one in probe.sessions}
    assert found == {"acme": "error", "bank": "ok"}
    assert {name for step in probe.steps for name, _, _ in step} == {of_prompt(probe, 21).session_id}


def test_a_warm_up_is_the_operators(probe, model):
    if VERSION < (5, 17):
        pytest.skip("there is no model runner before 5.17")
    runner = importlib.import_module(f"{PACKAGE}.model_runner").ModelRunner
    with model.continuous_batching_context_manager(**settings(max_blocks_per_request=4)) as manager:
        while manager.batch_processor is None:
            assert manager.is_running()
        runner.run_one_warmup(manager.batch_processor.model_runner, model, num_q_tokens=2, max_kv_read=None)
    assert [phase for _, _, phase in probe.warmups] == ["warmup"]
    assert probe.sessions == []
