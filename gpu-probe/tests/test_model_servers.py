"""Triton, KServe and MLServer against stand-ins with their signatures."""

import asyncio
import inspect
import json
from types import SimpleNamespace

import pytest
from stand_in import StandInProbe

from gpu_probe.integrations import kserve, mlserver, triton
from gpu_probe.integrations.labels import Labels

HEADERS = {
    "X-Meterhouse-Session": "s-1",
    "x-meterhouse-tenant": "acme",
    "x-meterhouse-project": "chat",
}


@pytest.fixture
def probe():
    return StandInProbe()


# Triton's Python backend


class InferenceRequest:
    """pb_utils.InferenceRequest: parameters() is JSON text."""

    def __init__(self, parameters=None, request_id="", cancelled=False, size=1):
        self._parameters, self._id, self._cancelled, self.size = parameters, request_id, cancelled, size

    def parameters(self):
        return json.dumps(self._parameters) if self._parameters else ""

    def request_id(self):
        return self._id

    def is_cancelled(self):
        return self._cancelled


class InferenceResponse:
    def __init__(self, error=None):
        self._error = error

    def has_error(self):
        return self._error is not None


def triton_model(probe, **options):
    @triton.metered(probe, **options)
    class TritonPythonModel:
        def initialize(self, args):
            self.name = args["model_name"]

        def execute(self, requests):
            if any(request.size == 13 for request in requests):
                raise RuntimeError("CUDA error")
            return [InferenceResponse("bad" if request.size == 7 else None) for request in requests]

        def finalize(self):
            return "bye"

    model = TritonPythonModel()
    model.initialize({"model_name": "resnet", "model_version": "2", "model_instance_kind": "GPU"})
    return model


def test_triton_batch_is_one_step_of_all_its_requests(probe):
    model = triton_model(probe, size=lambda request: request.size)
    requests = [
        InferenceRequest(HEADERS, "r-1", size=4),
        InferenceRequest(request_id="r-2", size=7),
        InferenceRequest(request_id="r-3", cancelled=True),
    ]
    assert len(model.execute(requests)) == 3
    assert probe.warmups == [("resnet", "2", "load")]
    assert probe.steps == [[("s-1", 4, 4), ("r-2", 7, 7), ("r-3", 1, 1)]]
    assert probe.outcomes == ["ok", "error", "cancelled"]
    assert (probe.labels()["tenant_id"], probe.labels()["model"]) == ("acme", "resnet")
    assert model.finalize() == "bye"


def test_triton_exception_ends_every_session(probe):
    model = triton_model(probe, size=lambda request: request.size)
    with pytest.raises(RuntimeError):
        model.execute([InferenceRequest(size=13), InferenceRequest()])
    assert probe.outcomes == ["error", "error"]
    assert probe.open_steps == 0


def test_triton_decoupled_async_and_resolver(probe):
    @triton.metered(probe, resolver=lambda request: Labels(tenant_id="t") if request.request_id() else None)
    class TritonPythonModel:
        async def execute(self, requests):
            await asyncio.sleep(0)

    model = TritonPythonModel()
    model.initialize({"model_name": "m", "model_version": "1"})
    assert asyncio.run(model.execute([InferenceRequest(), InferenceRequest(request_id="r")])) is None
    assert [session.labels["tenant_id"] for session in probe.sessions] == ["t"]
    assert probe.outcomes == ["ok"]


def test_a_triton_before_request_parameters_is_unknown_and_says_so(probe, caplog):
    model = triton_model(probe)
    old = SimpleNamespace(request_id=lambda: "r", size=1)
    model.execute([old])
    assert probe.labels()["tenant_id"] == "unknown"
    assert "no request parameters" in caplog.text


# KServe


class KServeModel:
    """kserve.Model's way of calling predict."""

    def __init__(self, name, return_response_headers=False):
        self.name = name
        self.ready = False
        self.required_response_headers = return_response_headers

    async def __call__(self, body, headers=None):
        response_headers = {}
        arguments = (body, headers, response_headers) if self.required_response_headers else (body, headers)
        called = self.predict(*arguments)
        return (await called if inspect.iscoroutinefunction(self.predict) else called), response_headers

    def load(self):
        self.ready = True
        return self.ready


def test_kserve_predict_in_both_colours(probe):
    @kserve.metered(probe, model_version="7")
    class Plain(KServeModel):
        def predict(self, payload, headers=None, response_headers=None):
            assert probe.open_steps == 1
            response_headers["x"] = "y"
            return {"predictions": payload["instances"]}

    @kserve.metered(probe)
    class Async(KServeModel):
        async def predict(self, payload, headers=None):
            await asyncio.sleep(0)
            return "done"

    plain = Plain("bert", return_response_headers=True)
    assert plain.load() is True
    assert asyncio.run(plain({"instances": [1, 2, 3]}, HEADERS)) == ({"predictions": [1, 2, 3]}, {"x": "y"})
    v2 = SimpleNamespace(inputs=[SimpleNamespace(shape=[8, 16])])
    assert asyncio.run(Async("t5")(v2, {}))[0] == "done"
    assert probe.warmups == [("bert", "7", "load")]
    assert probe.steps == [[("s-1", 3, 3)], [("made-1", 8, 8)]]
    assert probe.outcomes == ["ok", "ok"]
    assert (probe.labels()["tenant_id"], probe.labels()["model_version"]) == ("acme", "7")


def test_kserve_inside_an_asgi_session_is_a_step_of_it(probe):
    @kserve.metered(probe)
    class Model(KServeModel):
        def predict(self, payload, headers=None):
            return payload

    with probe.session(session_id="outer"):
        Model("m").predict({"instances": [1]}, HEADERS)
    assert probe.steps == [[("outer", 1, 1)]]
    assert len(probe.sessions) == 1


@pytest.mark.parametrize(
    ("raised", "outcome"), [(ValueError(), "error"), (asyncio.CancelledError(), "cancelled")]
)
def test_kserve_errors(probe, raised, outcome):
    @kserve.metered(probe)
    class Model(KServeModel):
        async def predict(self, payload, headers=None):
            raise raised

    with pytest.raises(type(raised)):
        asyncio.run(Model("m").predict({}, {}))
    assert probe.outcomes == [outcome]


# MLServer


class MLModel:
    """mlserver.MLModel."""

    def __init__(self, settings):
        self._settings = settings
        self.ready = False

    name = property(lambda self: self._settings.name)
    version = property(lambda self: self._settings.version)
    settings = property(lambda self: self._settings)

    async def load(self) -> bool:
        return True

    async def predict(self, payload):
        raise NotImplementedError

    async def predict_stream(self, payloads):
        yield await self.predict(await payloads.__anext__())


def inference_request(headers=None, identity="i-1", rows=2):
    parameters = None if headers is None else SimpleNamespace(headers=headers)
    return SimpleNamespace(id=identity, parameters=parameters, inputs=[SimpleNamespace(shape=[rows, 4])])


def ml_model(probe, **settings):
    @mlserver.metered(probe)
    class Model(MLModel):
        async def predict(self, payload):
            assert probe.open_steps >= 1
            return "answer"

    return Model(SimpleNamespace(name="iris", version="v1", **{"max_batch_size": 0, **settings}))


def test_mlserver_predict(probe):
    model = ml_model(probe)
    assert asyncio.run(model.load()) is True
    assert asyncio.run(model.predict(inference_request(HEADERS))) == "answer"
    assert asyncio.run(model.predict(inference_request())) == "answer"
    assert probe.warmups == [("iris", "v1", "load")]
    assert probe.steps == [[("s-1", 2, 2)], [("i-1", 2, 2)]]
    assert [session.labels["tenant_id"] for session in probe.sessions] == ["acme", "unknown"]
    assert probe.outcomes == ["ok", "ok"]


async def stream_of(*payloads):
    for payload in payloads:
        yield payload


async def collect(responses, count=None):
    got = []
    async for response in responses:
        got.append(response)
        if len(got) == count:
            await responses.aclose()
            break
    return got


def test_mlserver_streams_a_step_for_each_response(probe):
    @mlserver.metered(probe)
    class Model(MLModel):
        async def predict_stream(self, payloads):
            async for payload in payloads:
                for word in payload.words:
                    assert probe.open_steps == 1
                    yield word

    model = Model(SimpleNamespace(name="llm", version=None, max_batch_size=0))
    request = inference_request(HEADERS)
    request.words = ["a", "b", "c"]
    assert asyncio.run(collect(model.predict_stream(stream_of(request)))) == ["a", "b", "c"]
    assert probe.steps[:3] == [[("s-1", 1, 1)], [("s-1", 1, 2)], [("s-1", 1, 3)]]
    assert probe.outcomes == ["ok"]
    asyncio.run(collect(model.predict_stream(stream_of(request)), count=1))
    assert probe.outcomes == ["ok", "cancelled"]


def test_mlserver_default_stream_is_one_session_and_one_step(probe):
    model = ml_model(probe)
    assert asyncio.run(collect(model.predict_stream(stream_of(inference_request(HEADERS))))) == ["answer"]
    assert probe.steps[0] == [("s-1", 1, 1)]
    assert len(probe.sessions) == 1


def test_mlserver_merged_batches_are_nobodys_and_said_so(probe, caplog):
    model = ml_model(probe, max_batch_size=8)
    asyncio.run(model.load())
    asyncio.run(model.predict(inference_request(HEADERS)))
    assert probe.labels()["tenant_id"] == "unknown"
    assert "adaptive batching" in caplog.text
