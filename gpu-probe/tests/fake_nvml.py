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


class MetricsGet:
    """c_nvmlGpmMetricsGet_t; fields that do not exist cannot be set."""

    __slots__ = ("metrics", "numMetrics", "sample1", "sample2", "version")

    def __init__(self):
        self.metrics = [SimpleNamespace(metricId=0, nvmlReturn=0, value=0.0)]


class FakeNvml:
    NVML_SUCCESS = NVML_SUCCESS
    NVMLError = NVMLError
    c_nvmlGpmMetricsGet_t = MetricsGet

    def __init__(self, name="NVIDIA H100 80GB HBM3", uuid="GPU-1234", **refuse):
        self.name = name
        self.uuid = uuid
        self.refuse = refuse
        self.energy_mj = 5_000_000_000
        self.power_mw = 350_000
        self.sent_kib, self.received_kib = 1000, 2000
        self.processes, self.mps_processes = [object()], []
        self.asked = []

        # GPM: what a pair of samples says, and its code; ``long_percent`` is of samples that do not follow
        # one another. Samples name the card or instance that they were taken of.
        self.percent, self.long_percent, self.metric_code = 50.0, None, NVML_SUCCESS
        self.has_gpm, self.instance, self.slices = 1, None, (2, 2)
        self.samples, self.taken = [], 0
        self.rate, self.ring = None, None
        # Grows when NVML ends: handles of before are void. ``inits`` is how often it was begun.
        self.generation, self.inits = 0, 0
        self.left_behind = 0

    @property
    def handle(self):
        return f"handle-{self.generation}" if self.generation else "handle"

    def check(self, handle):
        if handle != self.handle:
            raise NVMLError(INVALID_ARGUMENT)

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
        self.inits += 1

    def _nvmlShutdown(self):
        self.left_behind += len(self.samples)
        self.samples.clear()
        self.generation += 1

    def _nvmlGpmQueryDeviceSupport(self, handle):
        return SimpleNamespace(isSupportedDevice=self.has_gpm)

    def _nvmlGpmSampleAlloc(self):
        sample = SimpleNamespace(number=None, of=None)
        self.samples.append(sample)
        return sample

    def _nvmlGpmSampleFree(self, sample):
        assert any(sample is each for each in self.samples), "freed twice, or after NVML ended"
        self.samples = [each for each in self.samples if each is not sample]

    def _take(self, of, sample):
        assert any(sample is each for each in self.samples), "a sample of before NVML ended"
        self.taken += 1
        sample.number, sample.of = self.taken, of
        return sample

    def _nvmlGpmSampleGet(self, handle, sample):
        self.check(handle)
        return self._take(self.uuid, sample)

    def _nvmlGpmMigSampleGet(self, parent, instance, sample):
        assert parent == "parent"
        return self._take(instance, sample)

    def _nvmlGpmMetricsGet(self, query):
        assert (query.version, query.numMetrics, query.metrics[0].metricId) == (1, 1, 1)
        before, after = query.sample1, query.sample2
        assert before.of == after.of and before.number < after.number
        follows = after.number == before.number + 1
        query.metrics[0].value = self.percent if follows or self.long_percent is None else self.long_percent
        query.metrics[0].nvmlReturn = self.metric_code
        return query

    def _nvmlDeviceGetGpuInstanceId(self, handle):
        self.check(handle)
        return self.instance

    def _nvmlDeviceGetAttributes(self, handle):
        return SimpleNamespace(gpuInstanceSliceCount=self.slices[0], computeInstanceSliceCount=self.slices[1])

    def _nvmlDeviceGetDeviceHandleFromMigDeviceHandle(self, handle):
        self.check(handle)
        return "parent"

    def _nvmlDeviceGetUtilizationRates(self, handle):
        self.check(handle)
        if self.rate is None:
            raise NVMLError(NOT_SUPPORTED)
        return SimpleNamespace(gpu=self.rate, memory=0)

    def _nvmlDeviceGetSamples(self, handle, kind, since):
        assert kind == 1
        if self.ring is None:
            raise NVMLError(NOT_FOUND)
        rows = [(stamp, value) for stamp, value in self.ring if stamp > since]
        return 1, [SimpleNamespace(timeStamp=s, sampleValue=SimpleNamespace(uiVal=v)) for s, v in rows]

    def _nvmlDeviceGetCount(self):
        return 1

    def _nvmlDeviceGetHandleByUUID(self, uuid):
        if uuid != self.uuid.encode():
            raise NVMLError(NOT_FOUND)
        return self.handle

    def _nvmlDeviceGetHandleByIndex(self, index):
        if index:
            raise NVMLError(INVALID_ARGUMENT)
        return self.handle

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
