"""The same hooks in the real library, where it is installed: a small model with random weights, on the GPU if
there is one."""

import pytest
from conftest import Recorder
from stand_in import StandInProbe
from tiny_llama import tiny_llama

torch = pytest.importorskip("torch", reason="torch is not installed")
transformers = pytest.importorskip("transformers", reason="transformers is not installed")

from gpu_probe import Probe  # noqa: E402
from gpu_probe.integrations.transformers import measured  # noqa: E402

DEVICE = "cuda" if torch.cuda.is_available() else "cpu"


@pytest.fixture(scope="module")
def model():
    return tiny_llama(torch, transformers, bos_token_id=1, eos_token_id=2, pad_token_id=0).to(DEVICE)


def prompt():
    ids = torch.tensor([[0, 0, 5, 6, 7], [5, 6, 7, 8, 9]], device=DEVICE)
    return {"input_ids": ids, "attention_mask": (ids != 0).long()}


def generate(model, probe, **options):
    return measured(type(model).generate, probe)(model, **prompt(), **options)


def test_each_token_is_a_step_and_the_output_is_the_same(model):
    probe = StandInProbe()
    sessions = [probe.open_session(session_id=name) for name in ("a", "b")]
    options = {"max_new_tokens": 6, "do_sample": False, "eos_token_id": None}
    plain = model.generate(**prompt(), **options)
    found = generate(model, probe, probe_sessions=sessions, **options)
    assert torch.equal(plain, found)
    assert probe.steps[0] == [("a", 3, 3), ("b", 5, 5)]
    assert probe.steps[1:] == [[("a", 1, 3 + n), ("b", 1, 5 + n)] for n in range(1, 6)]


def test_a_sequence_that_has_ended_takes_no_part(model):
    probe = StandInProbe()
    sessions = [probe.open_session(session_id=name) for name in ("a", "b")]
    options = {"max_new_tokens": 12, "do_sample": False}
    free = model.generate(**prompt(), **options, eos_token_id=None)[:, 5:].tolist()
    # A token that only one of the two gives out in the middle ends that one there.
    end, at = next(
        (token, n) for n, token in enumerate(free[0]) if n > 0 and token not in free[1] + free[0][:n]
    )
    generate(model, probe, probe_sessions=sessions, **options, eos_token_id=end)
    in_step = [[name for name, _, _ in step] for step in probe.steps]
    assert in_step == [["a", "b"]] * (at + 1) + [["b"]] * (11 - at)


def test_beams(model):
    probe = StandInProbe()
    sessions = [probe.open_session(session_id=name) for name in ("a", "b")]
    options = {"max_new_tokens": 5, "do_sample": False, "num_beams": 3, "eos_token_id": None}
    plain = model.generate(**prompt(), **options)
    assert torch.equal(plain, generate(model, probe, probe_sessions=sessions, **options))
    assert [name for name, _, _ in probe.steps[1]] == ["a"] * 3 + ["b"] * 3
    assert len(probe.steps) == 5


def test_with_the_real_probe(model, tmp_path):
    recorder = Recorder()
    probe = Probe(DEVICE, state_dir=tmp_path, output=recorder, cold_start=False)
    first = probe.open_session(tenant_id="a", project_id="p", model="m", prompt_tokens=3)
    second = probe.open_session(tenant_id="b", project_id="p", model="m", prompt_tokens=5)
    generate(
        model, probe, probe_sessions=[first, second], max_new_tokens=20, do_sample=False, eos_token_id=None
    )
    first.close()
    second.close()
    probe.close()
    events = {record["tenant_id"]: record for record in recorder.events if record["phase"] == "inference"}
    assert {(event["batch_steps"], event["tokens_out"]) for event in events.values()} == {(20, 20)}
    assert events["b"]["tokens_in"] == 5
    assert all(event["gpu_time_ns"] > 0 for event in events.values())
    walls = [record for record in recorder.minutes]
    parts = ("attributed_ns", "operator_ns", "idle_ns", "unattributed_ns")
    assert sum(record["wall_time_ns"] for record in walls) == sum(
        record[part] for record in walls for part in parts
    )


def test_a_block_has_the_steps_and_tokens_of_what_is_generated_in_it(model, tmp_path):
    recorder = Recorder()
    with Probe(DEVICE, state_dir=tmp_path, output=recorder, cold_start=False) as probe:
        ids = torch.tensor([[5, 6, 7]], device=DEVICE)
        options = {"attention_mask": torch.ones_like(ids), "do_sample": False, "eos_token_id": None}
        call = measured(type(model).generate, probe)
        with probe.session(tenant_id="block", project_id="p", model="m"):
            call(model, ids, max_new_tokens=5, **options)
        with probe.session(tenant_id="beams", project_id="p", model="m", prompt_tokens=3):
            call(model, ids, max_new_tokens=6, num_beams=3, **options)
        call(model, ids, max_new_tokens=5, **options)
    found = {
        event["tenant_id"]: (event["batch_steps"], event["tokens_in"], event["tokens_out"])
        for event in recorder.events
        if event["phase"] == "inference"
    }
    assert found == {"block": (5, 3, 5), "beams": (6, 3, 6), "unknown": (5, 3, 5)}
