"""``generate`` measured, against a stand-in with the signature and the loop of transformers 4.57."""

import sys
import threading
from types import ModuleType, SimpleNamespace

import pytest
from stand_in import StandInProbe

from gpu_probe.integrations import transformers as integration
from gpu_probe.integrations.labels import Labels

EOS, PAD = 2, 0


class Tensor:
    """As much of a tensor as is asked for."""

    def __init__(self, rows):
        self.rows = [list(row) for row in rows]
        self.shape = (len(self.rows), len(self.rows[0]))
        self.device = "cuda:0"

    def __getitem__(self, key):
        rows, columns = key
        assert rows == slice(None)
        return Tensor([row[columns] for row in self.rows])

    def tolist(self):
        return self.rows

    def sum(self, dim):
        assert dim == -1
        return SimpleNamespace(tolist=lambda: [sum(row) for row in self.rows])


class GenerationMixin:
    """Generates, for each prompt, as many tokens as its first token says, then EOS."""

    def __init__(self, probe, max_length=20):
        self.generation_config = SimpleNamespace(
            eos_token_id=EOS, max_new_tokens=None, max_length=max_length, num_beams=1
        )
        self.config = SimpleNamespace(name_or_path="org/tiny")
        self.probe = probe
        self.depths = []

    def generate(
        self,
        inputs=None,
        generation_config=None,
        logits_processor=None,
        stopping_criteria=None,
        prefix_allowed_tokens_fn=None,
        synced_gpus=None,
        assistant_model=None,
        streamer=None,
        negative_prompt_ids=None,
        negative_prompt_attention_mask=None,
        use_model_defaults=None,
        custom_generate=None,
        **kwargs,
    ):
        assert "probe_sessions" not in kwargs
        ids = inputs if inputs is not None else kwargs["input_ids"]
        wanted = [next(token for token in row if token != PAD) for row in ids.rows]
        each = kwargs.get("num_return_sequences", 1)
        rows = [list(row) for row in ids.rows for _ in range(each)]
        wanted = [count for count in wanted for _ in range(each)]
        limit = len(rows[0]) + kwargs["max_new_tokens"] if "max_new_tokens" in kwargs else 20
        done, made = [False] * len(rows), 0
        while not all(done) and len(rows[0]) < limit:
            self.depths.append(self.probe.open_steps)
            if kwargs.get("fail") == made:
                raise MemoryError("CUDA out of memory")
            made += 1
            for at, row in enumerate(rows):
                row.append(PAD if done[at] else EOS if made == wanted[at] else 9)
            stops = [criterion(Tensor(rows), None) for criterion in stopping_criteria or ()]
            assert all(stop == [False] * len(rows) for stop in stops)
            done = [ended or row[-1] == EOS for ended, row in zip(done, rows)]
        return Tensor(rows)


@pytest.fixture
def probe():
    return StandInProbe()


@pytest.fixture
def model(probe, monkeypatch):
    torch = ModuleType("torch")
    torch.bool = "bool"
    torch.zeros = lambda size, dtype, device: [False] * size
    monkeypatch.setitem(sys.modules, "torch", torch)
    library, utils = ModuleType("transformers"), ModuleType("transformers.generation.utils")
    library.StoppingCriteriaList = list
    utils.GenerationMixin = type("GenerationMixin", (GenerationMixin,), dict(vars(GenerationMixin)))
    for name, module in (
        ("transformers", library),
        ("transformers.generation", ModuleType("transformers.generation")),
        ("transformers.generation.utils", utils),
    ):
        monkeypatch.setitem(sys.modules, name, module)
    # The real library's, where there is one, is not to be wrapped for this test's probe.
    monkeypatch.setattr(integration.transformers_batching, "install", lambda probe, default: False)
    integration.install(probe, Labels(tenant_id="acme", project_id="chat"))
    integration.install(probe)
    return utils.GenerationMixin(probe)


def test_prefill_and_each_token_is_a_step(probe, model):
    output = model.generate(Tensor([[3, 7, 7, 7]]))
    assert output.rows == [[3, 7, 7, 7, 9, 9, EOS]]
    name = probe.sessions[0].session_id
    assert probe.steps == [[(name, 4, 4)], [(name, 1, 5)], [(name, 1, 6)]]
    assert model.depths == [1, 1, 1]
    assert probe.open_steps == 0
    assert probe.outcomes == ["ok"]
    assert probe.labels()["tenant_id"] == "acme"
    assert probe.labels()["model"] == "org/tiny"


def test_a_padded_batch_is_paid_by_those_that_still_generate(probe, model):
    sessions = [probe.open_session(session_id=name) for name in ("short", "long")]
    inputs = Tensor([[PAD, PAD, 1, 7], [4, 7, 7, 7]])
    mask = Tensor([[0, 0, 1, 1], [1, 1, 1, 1]])
    model.generate(inputs, attention_mask=mask, probe_sessions=sessions)
    assert probe.steps == [
        [("short", 2, 2), ("long", 4, 4)],
        [("long", 1, 5)],
        [("long", 1, 6)],
        [("long", 1, 7)],
    ]
    assert probe.outcomes == [None, None], "sessions that were given stay the caller's"


def test_the_current_session_is_used(probe, model):
    with probe.session(session_id="s-1"):
        model.generate(input_ids=Tensor([[1, 7]]))
    assert probe.steps == [[("s-1", 2, 2)]]
    assert len(probe.sessions) == 1
    assert probe.sessions[0].labels["prompt_tokens"] == 2


def test_what_callers_got_is_counted(probe, model):
    sessions = [probe.open_session(session_id=name) for name in ("short", "long")]
    model.generate(Tensor([[1, 7], [4, 7]]), probe_sessions=sessions)
    assert [session.tokens_out for session in sessions] == [1, 4]
    model.generate(Tensor([[2, 7]]), probe_sessions=sessions)
    assert sessions[0].tokens_out == 3, "a session of several calls has the tokens of all"


def test_a_session_of_the_calls_own_has_the_prompts_tokens(probe, model):
    mask = Tensor([[0, 0, 1, 1], [1, 1, 1, 1]])
    model.generate(Tensor([[PAD, PAD, 1, 7], [2, 7, 7, 7]]), attention_mask=mask)
    name = probe.sessions[0].session_id
    assert probe.sessions[0].labels["prompt_tokens"] == 6
    # One prompt behind the other, and all decoding behind both.
    assert probe.steps == [[(name, 2, 2), (name, 4, 6)], [(name, 1, 7)]]
    assert (probe.outcomes, probe.sessions[0].tokens_out) == (["ok"], 3)


def test_no_empty_step_follows_the_last_token_that_the_length_allows(probe, model):
    model.generate(Tensor([[99, 7]]), max_new_tokens=3)
    assert [len(step) for step in probe.steps] == [1, 1, 1]


def test_several_sequences_of_one_prompt(probe, model):
    sessions = [probe.open_session(session_id=name) for name in ("a", "b")]
    model.generate(Tensor([[2, 7], [3, 7]]), num_return_sequences=2, probe_sessions=sessions)
    assert probe.steps[1] == [("a", 1, 3), ("a", 1, 3), ("b", 1, 3), ("b", 1, 3)]
    assert probe.steps[2] == [("b", 1, 4), ("b", 1, 4)]


def test_a_criterion_of_the_callers_is_kept(probe, model):
    asked = []

    def mine(input_ids, scores, **_):
        asked.append(input_ids.shape)
        return [False] * input_ids.shape[0]

    model.generate(Tensor([[2, 7]]), None, None, [mine])
    assert asked == [(1, 3), (1, 4)]


def test_out_of_memory_ends_step_and_session(probe, model):
    with pytest.raises(MemoryError):
        model.generate(Tensor([[5, 7]]), fail=2)
    assert len(probe.steps) == 3
    assert probe.open_steps == 0
    assert probe.outcomes == ["error"]


def test_threads_do_not_mix(probe, model):
    probes = [StandInProbe() for _ in range(4)]

    def work(own):
        local = type(model)(own)
        for _ in range(20):
            integration.measured(GenerationMixin.generate, own)(local, Tensor([[3, 7]]))

    threads = [threading.Thread(target=work, args=(own,)) for own in probes]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [len(own.steps) for own in probes] == [60] * 4


def test_without_transformers_it_says_so(monkeypatch):
    for name in ("transformers", "transformers.generation.utils"):
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(RuntimeError, match=r"4\.40 or later"):
        integration.install()
