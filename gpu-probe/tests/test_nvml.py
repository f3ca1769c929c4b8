"""What NVML refuses is null, never 0, and never an exception on somebody's request."""

import fake_nvml
import pytest
from fake_nvml import ALL_CODES, NOT_SUPPORTED, FakeNvml

from gpu_probe import nvml as probe_nvml
from gpu_probe.nvml import find_device, list_devices

ASKED = (
    "nvmlDeviceGetName",
    "nvmlDeviceGetMemoryInfo",
    "nvmlDeviceGetEnforcedPowerLimit",
    "nvmlSystemGetDriverVersion",
    "nvmlDeviceGetTotalEnergyConsumption",
    "nvmlDeviceGetPowerUsage",
    "nvmlDeviceGetComputeRunningProcesses",
    "nvmlDeviceGetMPSComputeRunningProcesses",
    "nvmlDeviceGetFieldValues",
)


@pytest.fixture(autouse=True)
def no_mps(monkeypatch):
    monkeypatch.delenv("CUDA_MPS_PIPE_DIRECTORY", raising=False)
    monkeypatch.delenv("CUDA_MPS_ACTIVE_THREAD_PERCENTAGE", raising=False)


def device(nvml, uuid="GPU-1234"):
    found = find_device(uuid, 0, nvml)
    assert found is not None
    return found


def test_all_is_told_where_all_is_there():
    nvml = FakeNvml()
    found = device(nvml)
    facts = found.facts()
    assert facts == (
        "GPU-1234",
        "NVIDIA H100 80GB HBM3",
        None,
        "exclusive",
        80 << 30,
        700_000,
        "counter",
        True,
        "580.159",
    )
    assert found.read() == (350_000, 5_000_000_000, 1000 * 1024, 2000 * 1024)
    assert found.errors == 0


def test_links_are_asked_for_together_and_not_the_first_alone():
    nvml = FakeNvml()
    device(nvml).read()
    links = [fields for fields in nvml.asked if isinstance(fields[0], tuple)]
    assert links and all(fields == [(138, 0xFFFFFFFF), (139, 0xFFFFFFFF)] for fields in links)


@pytest.mark.parametrize("code", ALL_CODES)
@pytest.mark.parametrize("function", ASKED)
def test_any_refusal_leaves_the_rest(function, code):
    found = device(FakeNvml(**{function: code}))
    facts, reading = found.facts(), found.read()
    if function == "nvmlDeviceGetTotalEnergyConsumption":
        assert facts.energy_quality == "integral" and reading.energy_mj == 0
    else:
        assert facts.energy_quality == "counter" and reading.energy_mj == 5_000_000_000
    assert facts.nvlink == (function != "nvmlDeviceGetFieldValues")
    if function == "nvmlDeviceGetFieldValues":
        assert reading[2:] == (None, None)
        assert reading.power_mw == 350_000 - 1, "the average where the instant is refused"
    assert (facts.memory_total_bytes is None) == (function == "nvmlDeviceGetMemoryInfo")
    assert (facts.power_limit_mw is None) == (function == "nvmlDeviceGetEnforcedPowerLimit")
    assert (facts.driver is None) == (function == "nvmlSystemGetDriverVersion")
    assert facts.sharing == "exclusive"


@pytest.mark.parametrize("code", ALL_CODES)
@pytest.mark.parametrize("field", [138, 139, 186])
def test_each_value_of_a_call_that_succeeds_has_its_own_code(field, code):
    reading = device(FakeNvml(**{f"field_{field}": code})).read()
    assert reading.nvlink_tx_bytes == (None if field == 138 else 1000 * 1024)
    assert reading.nvlink_rx_bytes == (None if field == 139 else 2000 * 1024)
    assert reading.power_mw == (350_000 - 1 if field == 186 else 350_000)


@pytest.mark.parametrize("code", ALL_CODES)
def test_a_reading_that_fails_for_once_is_counted_and_the_next_is_read(code):
    nvml = FakeNvml()
    found = device(nvml)
    nvml.refuse = {"nvmlDeviceGetTotalEnergyConsumption": code}
    assert found.read() is None
    nvml.refuse = {}
    assert found.read().energy_mj == 5_000_000_000
    assert found.errors == 1


def test_a_device_of_an_older_library_lacks_functions():
    class Older(FakeNvml):
        def __getattr__(self, function):
            if function == "nvmlDeviceGetMPSComputeRunningProcesses":
                raise AttributeError(function)
            return super().__getattr__(function)

    assert device(Older()).facts().sharing == "exclusive"


def test_without_energy_and_power_there_is_no_sensor():
    refused = dict.fromkeys(("nvmlDeviceGetTotalEnergyConsumption", "nvmlDeviceGetPowerUsage"), NOT_SUPPORTED)
    found = device(FakeNvml(**refused, field_186=NOT_SUPPORTED))
    assert found.facts().energy_quality is None
    assert found.read() is None


def test_power_is_integrated_where_there_is_no_counter(monkeypatch):
    now = [0]
    monkeypatch.setattr(probe_nvml.time, "monotonic_ns", lambda: now[0])
    nvml = FakeNvml(nvmlDeviceGetTotalEnergyConsumption=NOT_SUPPORTED)
    found = device(nvml)
    assert found.read().energy_mj == 0
    nvml.power_mw, now[0] = 450_000, 1_000_000_000
    assert found.read().energy_mj == 400_000, "the trapezoid of 350 W and 450 W over a second"


def test_a_mig_instance_is_labelled_and_has_no_energy_of_its_own():
    nvml = FakeNvml("NVIDIA A100-SXM4-40GB MIG 3g.20gb", "MIG-77")
    facts = device(nvml, "MIG-77").facts()
    assert (facts.model, facts.mig_profile, facts.energy_quality) == (
        "NVIDIA A100-SXM4-40GB",
        "3g.20gb",
        None,
    )
    assert device(nvml, "MIG-77").read() is None


@pytest.mark.parametrize(
    "profile",
    [
        *(
            "1g.5gb",
            "1g.5gb+me",
            "2g.10gb",
            "3g.40gb",
            "4g.40gb",
            "7g.80gb",
            "1g.6gb+me",
            "1g.12gb",
            "1g.18gb+me",
        ),
        *(
            "1c.3g.20gb",
            "2c.4g.20gb",
            "1g.24gb+gfx",
            "1g.24gb+me.all",
            "1g.24gb-me",
            "2g.48gb+gfx",
            "1g.23gb",
        ),
        *("4g.96gb+gfx", "2g.35gb+me", "1g.5gb+me+gfx", "1g.11.5gb"),
    ],
)
@pytest.mark.parametrize(
    "model", ["NVIDIA A100-SXM4-40GB", "NVIDIA RTX PRO 6000 Blackwell Server Edition", "NVIDIA H200", "A30"]
)
def test_every_form_of_a_mig_profile_is_cut_from_the_model(model, profile):
    facts = device(FakeNvml(f"{model} MIG {profile}", "MIG-77"), "MIG-77").facts()
    assert (facts.model, facts.mig_profile) == (model, profile)


def test_an_instance_whose_name_has_no_profile_and_a_card_with_mig_in_its_name():
    facts = device(FakeNvml("NVIDIA H100", "MIG-77"), "MIG-77").facts()
    assert (facts.model, facts.mig_profile) == ("NVIDIA H100", "unknown")
    facts = device(FakeNvml("MIG Works 9")).facts()
    assert (facts.model, facts.mig_profile) == ("MIG Works 9", None)


def test_cuda_gives_a_mig_instances_uuid_without_its_prefix():
    assert device(FakeNvml(uuid="MIG-77"), "GPU-77").facts().uuid == "MIG-77"


def test_mps_is_told_by_its_processes_or_its_settings(monkeypatch):
    nvml = FakeNvml()
    nvml.mps_processes = [object()]
    assert device(nvml).facts().sharing == "mps"
    monkeypatch.setenv("CUDA_MPS_PIPE_DIRECTORY", "/tmp/mps")
    assert device(FakeNvml()).facts().sharing == "mps"


def test_several_processes_share_by_time():
    nvml = FakeNvml()
    nvml.processes = [object(), object()]
    assert device(nvml).facts().sharing == "timeslice"


def test_devices_that_are_not_there():
    assert find_device("GPU-other", 0, FakeNvml()) is None
    assert find_device(None, 3, FakeNvml()) is None
    assert len(list_devices(FakeNvml())) == 1


def test_the_codes_here_are_those_of_the_library():
    pynvml = pytest.importorskip("pynvml", reason="the nvml extra is not installed")
    assert pynvml.NVML_SUCCESS == fake_nvml.NVML_SUCCESS
    for name in ("NOT_SUPPORTED", "NO_PERMISSION", "NOT_FOUND", "GPU_IS_LOST", "TIMEOUT", "UNKNOWN"):
        assert getattr(pynvml, f"NVML_ERROR_{name}") == getattr(fake_nvml, name)
    assert pynvml.NVML_FI_DEV_NVLINK_THROUGHPUT_DATA_TX == probe_nvml.FIELD_NVLINK_TX
    assert pynvml.NVML_FI_DEV_NVLINK_THROUGHPUT_DATA_RX == probe_nvml.FIELD_NVLINK_RX
    assert pynvml.NVML_FI_DEV_POWER_INSTANT == probe_nvml.FIELD_POWER_INSTANT
    assert issubclass(pynvml.NVMLError_NotSupported, pynvml.NVMLError)
    for function in ASKED:
        assert callable(getattr(pynvml, function))
