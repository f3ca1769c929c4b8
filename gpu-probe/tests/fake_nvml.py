"""pynvml as far as the probe uses it, with NVML's own codes. ``refuse`` maps a function, or a field of
nvmlDeviceGetFieldValues, to the code that it answers."""

from types import SimpleNamespace

NVML_SUCCESS = 0
UNINITIALIZED, INVALID_ARGUMENT, NOT_SUPPORTED, NO_PERMISSION = 1, 2, 3, 4
NOT_FOUND, DRIVER_NOT_LOADED, TIMEOUT, FUNCTION_NOT_FOUND = 6, 9, 10, 13
GPU_IS_LOST, UNKNOWN = 15, 999
ALL_CODES = (UNINITIALIZED, INVALID_ARGUMENT, NOT_SUPPORTED, NO_PERMISSION, NOT_FOUND, DRIVER_NOT_LOADED)
ALL_CODES += (TIMEOUT, FUNCTION_NOT_FOUND, GPU_IS_LOST, UNKNOWN)
LAST_LINK = 17


class NVMLError(Exception):
    def __init__(self, value):
        self.value = value
        super().__init__(value)

    def __str__(self):
        return f"NVML error {self.value}"


class FakeNvml:
    NVML_SUCCESS = NVML_SUCCESS
    NVMLError = NVMLError

    def __init__(self, name="NVIDIA H100 80GB HBM3", uuid="GPU-1234", **refuse):
        self.name = name
        self.uuid = uuid
        self.refuse = refuse
        self.energy_mj = 5_000_000_000
        self.power_mw = 350_000
        self.sent_kib, self.received_kib = 1000, 2000
        self.processes, self.mps_processes = [object()], []
        self.asked = []

    def __getattr__(self, function):
        answer = getattr(type(self), f"_{function}", None)
        if answer is None:
            raise AttributeError(function)

        def call(*arguments):
            if function in self.refuse:
                raise NVMLError(self.refuse[function])
            return answer(self, *arguments)

        call.__name__ = function
        return call

    def _nvmlInit(self):
        return None

    def _nvmlDeviceGetCount(self):
        return 1

    def _nvmlDeviceGetHandleByUUID(self, uuid):
        if uuid != self.uuid.encode():
            raise NVMLError(NOT_FOUND)
        return "handle"

    def _nvmlDeviceGetHandleByIndex(self, index):
        if index:
            raise NVMLError(INVALID_ARGUMENT)
        return "handle"

    def _nvmlDeviceGetUUID(self, handle):
        return self.uuid

    def _nvmlDeviceGetName(self, handle):
        return self.name.encode()

    def _nvmlDeviceGetMemoryInfo(self, handle):
        return SimpleNamespace(total=80 << 30, free=1, used=1)

    def _nvmlDeviceGetEnforcedPowerLimit(self, handle):
        return 700_000

    def _nvmlSystemGetDriverVersion(self):
        return "580.159"

    def _nvmlDeviceGetTotalEnergyConsumption(self, handle):
        return self.energy_mj

    def _nvmlDeviceGetPowerUsage(self, handle):
        return self.power_mw - 1

    def _nvmlDeviceGetComputeRunningProcesses(self, handle):
        return self.processes

    def _nvmlDeviceGetMPSComputeRunningProcesses(self, handle):
        return self.mps_processes

    def _nvmlDeviceGetFieldValues(self, handle, fields):
        """The call succeeds; each value has its own code, as in NVML."""
        self.asked.append(fields)
        return [self._field(*(field if isinstance(field, tuple) else (field, 0))) for field in fields]

    def _field(self, field, scope):
        code = self.refuse.get(f"field_{field}", NVML_SUCCESS)
        kib = {138: self.sent_kib, 139: self.received_kib}.get(field, 0)
        # Scope 0 is the first of 18 links and not all of them.
        total = kib if scope == 0xFFFFFFFF else kib // (LAST_LINK + 1)
        value = SimpleNamespace(ullVal=total, uiVal=self.power_mw)
        return SimpleNamespace(fieldId=field, scopeId=scope, nvmlReturn=code, value=value)
