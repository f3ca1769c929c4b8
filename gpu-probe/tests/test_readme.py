"""The examples of README and docs run, on a CPU and with stand-ins for the frameworks."""

import re
import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace
from unittest.mock import MagicMock

import pytest
from stand_in import StandInProbe
from test_model_servers import InferenceRequest, KServeModel, MLModel
from test_transformers import GenerationMixin, Tensor

import gpu_probe
from gpu_probe.cli.main import main
from gpu_probe.integrations import default

HERE = Path(__file__).parents[1]
PAGES = [HERE / "README.md", *sorted((HERE / "docs").glob("*.md"))]
WAYS = ("asgi", "distributed", "kserve", "mlserver", "transformers", "triton")


def blocks(page):
    return re.findall(r"^```python\n(.*?)^```", page.read_text(encoding="utf-8"), re.M | re.S)


class Matrix:
    """As much of a torch.Tensor as the examples use."""

    def __matmul__(self, other):
        return self


class FastAPI:
    def add_middleware(self, middleware, **options):
        self.middleware = middleware(None, **options)

    def post(self, path):
        return lambda function: function


class Tokenizer:
    def __call__(self, text, return_tensors):
        return self

    def to(self, device):
        return {"input_ids": Tensor([[3, 5]])}


@pytest.fixture
def frameworks(monkeypatch):
    """Modules by their name, as the examples import them."""

    class Model(GenerationMixin):
        continuous_batching_context_manager = MagicMock()

        def to(self, device):
            return self

    shared = SimpleNamespace(open_steps=0)
    torch = ModuleType("torch")
    torch.bool, torch.zeros = "bool", lambda size, dtype, device: [False] * size
    torch.randn = lambda *sizes, device: Matrix()
    torch.distributed = ModuleType("torch.distributed")
    transformers, utils = ModuleType("transformers"), ModuleType("transformers.generation.utils")
    transformers.StoppingCriteriaList = list
    utils.GenerationMixin = Model
    transformers.AutoTokenizer = SimpleNamespace(from_pretrained=lambda name: Tokenizer())
    transformers.AutoModelForCausalLM = SimpleNamespace(from_pretrained=lambda name: Model(shared))
    kserve = ModuleType("kserve")
    kserve.Model = type("Model", (KServeModel,), dict(vars(KServeModel)))
    kserve.ModelServer = MagicMock()
    mlserver, types = ModuleType("mlserver"), ModuleType("mlserver.types")
    mlserver.MLModel = type("MLModel", (MLModel,), dict(vars(MLModel)))
    types.InferenceResponse = SimpleNamespace
    triton = ModuleType("triton_python_backend_utils")
    triton.InferenceResponse = lambda tensors: SimpleNamespace(has_error=lambda: False)
    triton.get_input_tensor_by_name = lambda request, name: SimpleNamespace(shape=lambda: [2])
    fastapi = ModuleType("fastapi")
    fastapi.FastAPI = FastAPI
    modules = {
        "torch": torch,
        "torch.distributed": torch.distributed,
        "transformers": transformers,
        "transformers.generation": ModuleType("transformers.generation"),
        "transformers.generation.utils": utils,
        "kserve": kserve,
        "mlserver": mlserver,
        "mlserver.types": types,
        "triton_python_backend_utils": triton,
        "fastapi": fastapi,
        "vllm": MagicMock(),
    }
    for name, module in modules.items():
        monkeypatch.setitem(sys.modules, name, module)
    return {"inputs": {"inputs": Tensor([[3]])}, "batch": {"inputs": Tensor([[3], [4]])}, "Model": Model}


@pytest.fixture
def probes(tmp_path, monkeypatch):
    """Every probe of an example is of the CPU, in a folder of the test."""
    made = []

    class CpuProbe(gpu_probe.Probe):
        def __init__(self, device, *, state_dir, **options):
            assert device in ("cuda", "cuda:0") and state_dir.startswith(("/tmp/", "/var/lib/gpu-probe"))
            super().__init__("cpu", state_dir=tmp_path / str(len(made)), accounting="thread", **options)
            made.append(self)

    monkeypatch.setattr(gpu_probe, "Probe", CpuProbe)
    # What the frameworks' examples take from the environment.
    default.set_probe(StandInProbe())
    yield made
    for probe in made:
        probe.close()
    default.set_probe(None)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_example_runs(page, frameworks, probes):
    names = {
        "model": frameworks["Model"](SimpleNamespace(open_steps=0)),
        **frameworks,
        "run": lambda prompt: prompt,
    }
    if page.name == "transformers.md":
        # Its sessions are the reader's.
        names.update(first=MagicMock(), second=MagicMock(), input_ids=[3])
    for block in blocks(page):
        exec(compile(block, f"{page.name}: {block[:60]}", "exec"), names)


def test_what_the_readme_does_is_in_the_log_as_it_says(frameworks, probes, tmp_path, capsys):
    names = {}
    for block in blocks(HERE / "README.md"):
        exec(compile(block, "README.md", "exec"), names)
    model = names["TritonPythonModel"]()
    default.set_probe(probes[0])
    model.execute([InferenceRequest(request_id="r")])
    probes[0].close()
    capsys.readouterr()
    assert main(["inspect", str(tmp_path / "0" / "wal" / "0")]) == 0
    printed = capsys.readouterr().out
    for tenant in ("acme", "bank"):
        assert f'"tenant_id":"{tenant}"' in printed.replace(" ", "")
    for outcome in ("ok", "cancelled"):
        assert f'"outcome":"{outcome}"' in printed.replace(" ", "")


def test_there_is_an_example_and_a_page_for_each_way_in():
    readme = (HERE / "README.md").read_text(encoding="utf-8")
    for way in WAYS:
        assert f"from gpu_probe.integrations.{way} import" in readme, way
    pages = {path.stem for path in PAGES[1:]}
    assert pages >= {
        "asgi",
        "kserve",
        "mlserver",
        "python",
        "ranks",
        "sglang",
        "transformers",
        "triton",
        "vllm",
    }
    for page in pages:
        assert f"docs/{page}.md" in readme
    for path in PAGES[1:]:
        if path.stem not in ("kubernetes", "metrics", "publishing"):
            assert re.search(r"^Written for .*\d", path.read_text(encoding="utf-8"), re.M), path.name


def test_install_lines_name_a_folder_or_a_file():
    """No index has the package: who registers its name there could be anybody."""
    sources = [
        *PAGES,
        *HERE.glob("Dockerfile*"),
        *(HERE / "gpu_probe").rglob("*.py"),
        HERE.parent / "README.md",
    ]
    lines = [line for path in sources for line in path.read_text(encoding="utf-8").splitlines()]
    installs = [line for line in lines if re.search(r"\binstall\b.*gpu.probe", line)]
    assert len(installs) >= 6
    for line in installs:
        assert re.search(r"(\./|/opt/)gpu-probe\b|gpu_probe-[\d.]+-py3-none-any\.whl", line), line


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_a_probe_from_the_environment_is_named_with_its_module(page):
    text = page.read_text(encoding="utf-8")
    assert "probe_from_environment" not in text or "gpu_probe.environment" in text


def test_a_server_is_given_models_that_are_ready(frameworks, probes):
    """KServe refuses to start without one (NoModelReady)."""
    server = sys.modules["kserve"].ModelServer
    for name in ("README.md", "docs/kserve.md"):
        (block,) = [block for block in blocks(HERE / name) if "ModelServer" in block]
        exec(compile(block, name, "exec"), {})
        (models,), _ = server.return_value.start.call_args
        assert [model.ready for model in models] == [True], name


def test_links_lead_somewhere():
    for page in [*PAGES, HERE / "BENCHMARKS.md", HERE / "traces" / "README.md"]:
        for target in re.findall(r"\]\(([\w./-]+\.\w+|[\w./-]+/)\)", page.read_text(encoding="utf-8")):
            assert (page.parent / target).exists(), f"{page.name}: {target}"
