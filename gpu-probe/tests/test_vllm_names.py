"""The check of a vLLM's source against what the plug-in wraps, on a small tree in its place."""

import importlib.util
import zipfile
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[1] / "bench" / "check_vllm_names.py"
TREE = {
    "vllm/v1/worker/gpu_model_runner.py": """
class GPUModelRunner(LoRAModelRunnerMixin):
    def execute_model(self, scheduler_output, intermediate_tensors=None): ...
    def sample_tokens(self, grammar_output): ...
    def pool(self): ...
    def load_model(self): ...
    def profile_run(self): ...
    def profile_cudagraph_memory(self): ...
    def capture_model(self): ...
    def _dummy_run(self, num_tokens): ...
    def _dummy_sampler_run(self, hidden_states): ...
    def _dummy_pooler_run(self, hidden_states): ...
""",
    "vllm/v1/worker/lora_model_runner_mixin.py": """
class LoRAModelRunnerMixin:
    def add_lora(self, lora_request): ...
""",
    "vllm/v1/worker/gpu_worker.py": """
class Worker:
    def compile_or_warm_up_model(self): ...
""",
    "vllm/v1/core/sched/scheduler.py": """
class Scheduler:
    def schedule(self, throttle_prefills=False): ...
    def update_from_output(self, scheduler_output, model_runner_output): ...
    def finish_requests(self, request_ids, finished_status): ...
""",
    "vllm/v1/core/sched/output.py": """
class NewRequestData:
    req_id: str
    prompt_token_ids: list
    sampling_params: object
    pooling_params: object
    num_computed_tokens: int
    lora_request: object
class CachedRequestData:
    req_ids: list
    num_computed_tokens: list
class SchedulerOutput:
    scheduled_new_reqs: list
    scheduled_cached_reqs: object
    num_scheduled_tokens: dict
    finished_req_ids: set
""",
    "vllm/v1/engine/__init__.py": """
class EngineCoreOutput:
    request_id: str
    new_token_ids: list
class EngineCoreOutputs:
    outputs: list
""",
    "vllm/sampling_params.py": """
class SamplingParams:
    extra_args: dict
""",
}


@pytest.fixture(scope="module")
def script():
    spec = importlib.util.spec_from_file_location("check_vllm_names", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def findings(script, changes=()):
    tree = dict(TREE)
    for path, old, new in changes:
        assert old in tree[path]
        tree[path] = tree[path].replace(old, new)
    return [tuple(finding) for finding in script.check(tree.get)]


def test_a_tree_with_everything_has_no_findings(script):
    assert findings(script) == []


@pytest.mark.parametrize(
    ("path", "old", "new", "text", "fatal"),
    [
        ("vllm/v1/worker/gpu_model_runner.py", "def execute_model", "def run", "has no execute_model", True),
        (
            "vllm/v1/worker/gpu_model_runner.py",
            "(self, scheduler_output,",
            "(self, batch,",
            "begin with",
            True,
        ),
        ("vllm/v1/worker/gpu_model_runner.py", "def profile_cudagraph_memory", "def x", "nobody's", False),
        ("vllm/v1/worker/gpu_worker.py", "compile_or_warm_up_model", "warm_up", "has no compile_or", True),
        ("vllm/v1/core/sched/scheduler.py", "def schedule(", "def plan(", "has no schedule", True),
        ("vllm/v1/core/sched/output.py", "finished_req_ids", "done_req_ids", "has no finished_req_ids", True),
        ("vllm/v1/engine/__init__.py", "new_token_ids", "tokens", "has no new_token_ids", True),
    ],
)
def test_what_is_renamed_is_found(script, path, old, new, text, fatal):
    (finding,) = findings(script, [(path, old, new)])
    assert text in finding[0]
    assert finding[1] is fatal


def test_a_wheel_and_a_folder_read_the_same(script, tmp_path, capsys):
    for path, text in TREE.items():
        (tmp_path / "tree" / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "tree" / path).write_text(text)
    with zipfile.ZipFile(tmp_path / "vllm.whl", "w") as wheel:
        for path, text in TREE.items():
            wheel.writestr(path, text)
    for source in ("tree", "vllm.whl"):
        assert script.main([str(tmp_path / source)]) == 0
    assert capsys.readouterr().out.splitlines() == ["the plug-in can measure"] * 2
    (tmp_path / "empty").mkdir()
    assert script.main([str(tmp_path / "empty")]) == 1
    assert script.main([]) == 2
