"""What the benchmarks compute from what they read, without a card."""

import io
import json
import sys
import time
from ctypes import Structure, c_double, c_uint
from pathlib import Path
from types import ModuleType, SimpleNamespace

import pytest

BENCH = Path(__file__).parents[1] / "bench"
MS = 1_000_000


@pytest.fixture
def bench(monkeypatch):
    """Modules of bench/, taken out of the way again."""
    before = set(sys.modules)
    monkeypatch.syspath_prepend(str(BENCH))
    yield lambda name: __import__(name)
    for name in set(sys.modules) - before:
        if getattr(sys.modules[name], "__file__", None) and Path(sys.modules[name].__file__).parent == BENCH:
            del sys.modules[name]


class Metric(Structure):
    _fields_ = (("metricId", c_uint), ("nvmlReturn", c_uint), ("value", c_double))


@pytest.fixture
def pynvml(monkeypatch):
    """A card that is busy as many per cent as ``busy`` says; a sample is its number."""
    module = ModuleType("pynvml")
    module.samples, module.freed = 0, []

    def alloc():
        module.samples += 1
        return module.samples

    def get(asked):
        assert asked.version == 1
        for at in range(asked.numMetrics):
            code, value = module.busy(asked.metrics[at].metricId, asked.sample1, asked.sample2)
            asked.metrics[at].nvmlReturn, asked.metrics[at].value = code, value

    module.nvmlInit = lambda: None
    module.nvmlDeviceGetHandleByIndex = lambda index: "card"
    module.nvmlGpmQueryDeviceSupport = lambda handle: SimpleNamespace(isSupportedDevice=1)
    module.nvmlGpmSampleAlloc, module.nvmlGpmSampleFree = alloc, module.freed.append
    module.nvmlGpmSampleGet = lambda handle, sample: sample
    module.nvmlGpmMetricsGet = get
    module.NVML_GPM_METRICS_GET_VERSION = 1
    module.c_nvmlGpmMetricsGet_t = lambda: SimpleNamespace(metrics=(Metric * 400)())
    module.nvmlDeviceGetTotalEnergyConsumption = lambda handle: 7
    monkeypatch.setitem(sys.modules, "pynvml", module)
    return module


def test_a_window_is_its_percentage_of_the_time_between_two_marks(bench, pynvml):
    pynvml.busy = lambda metric, first, second: (0, 25.0)
    reader = bench("card_counter").Reader(bench("card_counter").Gpm(), io.StringIO())
    begin = reader.answer("mark a")["at_ns"]
    reader.tick()
    end = reader.answer("mark b")["at_ns"]
    window = reader.answer("window a b")
    assert window["busy_ns"] == round((end - begin) / 4)
    assert window["metrics"]["dram"] == 25.0 and window["energy_mj"] == 0
    assert json.loads(reader.file.getvalue())["m"] == [25.0] * 5


def test_what_the_card_does_not_tell_is_unknown_and_never_zero(bench, pynvml):
    pynvml.busy = lambda metric, first, second: (0, float("nan")) if metric == 1 else (3, 5.0)
    reader = bench("card_counter").Reader(bench("card_counter").Gpm(), None)
    for name in "ab":
        reader.answer(f"mark {name}")
        reader.tick()
    window = reader.answer("window a b")
    assert window["busy_ns"] is None and window["metrics"]["sm"] is None
    assert window["busy_by_ticks_ns"] is None and window["ticks"] == window["ticks_unknown"] > 0


def test_samples_are_given_back(bench, pynvml):
    pynvml.busy = lambda metric, first, second: (0, 0.0)
    reader = bench("card_counter").Reader(bench("card_counter").Gpm(), None)
    for _ in range(20):
        reader.tick()
    assert pynvml.samples - len(pynvml.freed) == 1


def test_the_reader_is_a_process_that_answers(bench):
    counter = bench("card_counter").CardCounter("cpu", period_s=0.01)
    try:
        first = counter.mark("a")
        assert counter.mark("b") >= first
        assert counter.window("a", "b")["busy_ns"] is None
        with pytest.raises(RuntimeError, match="window a c"):
            counter.window("a", "c")
    finally:
        counter.close()


@pytest.fixture
def part(bench, tmp_path):
    made = bench("part").Part("p", tmp_path / "p.json", 60)
    yield made
    made.stop_clock()


def test_a_fault_is_in_the_file_and_the_next_step_runs(part, bench, tmp_path, capsys):
    def fails():
        raise ValueError("no such card")

    assert part.run("first", fails) is None
    assert part.run("second", lambda: {"found": 1}) == {"found": 1}
    part.row("what", "1 %", "2 %", True)
    kept = json.loads((tmp_path / "p.json").read_text())["results"]
    assert "no such card" in kept["first"]["error"] and kept["second"] == {"found": 1}
    bench("table").main(tmp_path / "all.json", tmp_path / "p.json", tmp_path / "gone.json")
    out = capsys.readouterr().out
    assert "met" in out and "ValueError: no such card" in out and "gone" in out
    assert json.loads((tmp_path / "all.json").read_text())["p"]["rows"] == [["what", "1 %", "2 %", "met"]]


def test_a_part_ends_when_its_seconds_are_spent(bench, tmp_path):
    part = bench("part").Part("p", tmp_path / "p.json", 0.05)

    def long():
        try:
            while True:
                time.sleep(0.01)
        except Exception:
            pytest.fail("whoever takes all faults must not take this one")

    try:
        assert part.run("first", long) is None
        assert part.run("second", lambda: 1) is None
    finally:
        part.stop_clock()
    kept = json.loads((tmp_path / "p.json").read_text())["results"]
    assert "over its seconds" in kept["first"]["error"] and "not run" in kept["second"]["error"]


def test_differences_are_unknown_where_the_truth_is(bench):
    part = bench("part")
    assert part.percent(103, 100) == 3 and part.percent(5, None) is None and part.percent(5, 0) is None
    assert part.within(-2.0, 2) and not part.within(2.1, 2) and part.within(None, 2) is None


def test_the_tables_of_older_benchmarks_have_aims_too(bench):
    result = {
        "loop": "5 ms, ahead",
        "method": "gpu-probe",
        "step_ms": 5.8,
        "rounds": 30,
        "overhead_percent": 0.12,
        "interval_95_percent": [0.1, 0.14],
    }
    ((*_, aim, verdict),) = bench("table").overhead_rows({"results": [result]})
    assert (aim, verdict) == ("0.1 %", "MISSED")
    assert bench("table").overhead_rows({"results": [{**result, "method": "none"}]})[0][2:] == ["", ""]
