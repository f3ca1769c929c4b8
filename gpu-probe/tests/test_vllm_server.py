"""The labels that vLLM's HTTP server hands to its engine."""

import asyncio
import base64
import json

import pytest

from gpu_probe.integrations import vllm_server
from gpu_probe.integrations.vllm_labels import request_id
from gpu_probe.integrations.vllm_server import VllmMiddleware


def post(body, headers=(), path="/v1/chat/completions", parts=None):
    seen = {}

    async def app(scope, receive, send):
        whole = b""
        while True:
            message = await receive()
            whole += message.get("body", b"")
            if not message.get("more_body"):
                break
        seen.update(body=whole, headers=dict(scope["headers"]), last=message["type"])

    messages = parts or [{"type": "http.request", "body": body, "more_body": False}]

    async def receive():
        return messages.pop(0)

    scope = {"type": "http", "method": "POST", "path": path, "headers": [(b"content-length", b"1"), *headers]}
    asyncio.run(VllmMiddleware(app)(scope, receive, None))
    return seen


TENANT = [(b"x-meterhouse-tenant", b"acme"), (b"X-Meterhouse-Session", b"s-1")]


def test_headers_travel_in_the_body():
    seen = post(json.dumps({"model": "llama", "vllm_xargs": {"top": 1}}).encode(), TENANT)
    document = json.loads(seen["body"])
    assert document["vllm_xargs"] == {"top": 1, "meterhouse_tenant": "acme", "meterhouse_session": "s-1"}
    assert int(seen["headers"][b"content-length"]) == len(seen["body"])


def test_a_caller_cannot_name_another_tenant_in_the_body():
    forged = json.dumps({"vllm_xargs": {"meterhouse_tenant": "rival"}}).encode()
    assert json.loads(post(forged, TENANT)["body"])["vllm_xargs"]["meterhouse_tenant"] == "acme"
    assert json.loads(post(forged)["body"])["vllm_xargs"] == {}
    assert json.loads(post(forged, path="/v1/some/other")["body"])["vllm_xargs"] == {}


@pytest.mark.parametrize("body", [b"{", b"[1]", b'{"vllm_xargs": 3}', b""])
def test_a_body_that_is_none_of_ours_goes_on_as_it_is(body):
    assert post(body, TENANT)["body"] == body


def test_other_paths_and_halved_bodies():
    assert post(b"{}", TENANT, path="/tokenize")["body"] == b"{}"
    upload = [(b"content-type", b"multipart/form-data")]
    assert post(b"--x", upload, path="/v1/audio/transcriptions")["body"] == b"--x"
    parts = [
        {"type": "http.request", "body": b'{"mod', "more_body": True},
        {"type": "http.request", "body": b'el":"x"}', "more_body": False},
    ]
    assert json.loads(post(b"", TENANT, parts=parts)["body"])["model"] == "x"
    gone = [{"type": "http.request", "body": b"{", "more_body": True}, {"type": "http.disconnect"}]
    assert post(b"", TENANT, parts=gone)["last"] == "http.disconnect"


@pytest.mark.parametrize("path", vllm_server.XARGS_PATHS)
def test_every_route_that_takes_vllm_xargs_gets_the_labels(path):
    assert json.loads(post(b"{}", TENANT, path=path)["body"])["vllm_xargs"]["meterhouse_tenant"] == "acme"


def carried(seen):
    return json.loads(base64.urlsafe_b64decode(seen["headers"][b"x-request-id"].split(b".")[1]))


@pytest.mark.parametrize("path", vllm_server.CARRIER_PATHS)
def test_other_routes_carry_them_in_the_request_id(path):
    seen = post(b"{}", [*TENANT, (b"X-Request-Id", b"mine")], path=path)
    assert carried(seen)["meterhouse_tenant"] == "acme"
    assert seen["headers"][b"x-request-id"].endswith(b".mine")


@pytest.mark.parametrize("path", ["/v1/embeddings", "/v1/completions", "/tokenize"])
def test_a_caller_cannot_name_another_tenant_in_a_request_id(path):
    forged = request_id({"meterhouse_tenant": "rival"}, "x")
    body = json.dumps({"request_id": forged}).encode()
    seen = post(body, [*TENANT, (b"x-request-id", forged.encode())], path=path)
    assert b"rival" not in base64.urlsafe_b64decode(seen["headers"][b"x-request-id"].split(b".")[1])
    assert "request_id" not in json.loads(seen["body"])
    assert "request_id" not in json.loads(post(body, path=path)["body"])
    plain = post(b"{}", [(b"x-request-id", b"mine")], path="/v1/completions")
    assert plain["headers"][b"x-request-id"] == b"mine"


def test_a_caller_cannot_name_another_tenant_in_sampling_params():
    forged = json.dumps(
        {"sampling_params": {"extra_args": {"meterhouse_tenant": "rival", "top": 1}}}
    ).encode()
    seen = post(forged, TENANT, path="/inference/v1/generate")
    extra = json.loads(seen["body"])["sampling_params"]["extra_args"]
    assert extra == {"top": 1, "meterhouse_tenant": "acme", "meterhouse_session": "s-1"}


FORGED = b'{"meterhouse_tenant":"bank","top":1}'
NAMES = [
    b'form-data; name="vllm_xargs"',
    b"form-data; name=vllm_xargs",
    b'form-data; NAME="vllm_xargs"; filename="x"',
    b'form-data; name="vllm\\_xargs"',
]


def form(*parts, end=b"--x--\r\n"):
    written = b"".join(
        b"--x\r\nContent-Disposition: %s\r\n\r\n%s\r\n" % (name, content) for name, content in parts
    )
    return written + end


def fields(seen):
    """As a server's own parser reads them: of two of a name the last one counts."""
    multipart = pytest.importorskip("python_multipart", reason="python-multipart is not installed")
    _, options = multipart.multipart.parse_options_header(seen["headers"][b"content-type"])
    found = {}
    parser = multipart.FormParser(
        "multipart/form-data",
        lambda field: found.update({field.field_name: field.value}),
        lambda file: found.update({file.field_name: file.file_object.getvalue()}),
        boundary=options[b"boundary"],
    )
    parser.write(seen["body"])
    parser.finalize()
    return found


@pytest.mark.parametrize(
    "end", [b"--x--\r\n", b"--x--\r\n--x\r\n", b""], ids=["whole", "epilogue", "cut off"]
)
@pytest.mark.parametrize("name", NAMES)
def test_a_form_field_is_overwritten(name, end):
    body = form((name, FORGED), (b'form-data; name="file"; filename="a.wav"', b"RIFF\r\n--xy\r\n"), end=end)
    upload = [*TENANT, (b"content-type", b"multipart/form-data; boundary=x")]
    seen = post(body, upload, path="/v1/audio/transcriptions")
    assert int(seen["headers"][b"content-length"]) == len(seen["body"])
    found = fields(seen)
    assert found[b"file"].startswith(b"RIFF\r\n--xy\r\n")
    labels = json.loads(found[b"vllm_xargs"])
    assert (labels["meterhouse_tenant"], labels["meterhouse_session"]) == ("acme", "s-1")
    assert (
        json.loads(fields(post(body, upload[2:], path="/v1/audio/transcriptions"))[b"vllm_xargs"]).get(
            "meterhouse_tenant"
        )
        is None
    )


def test_a_url_encoded_field_is_overwritten():
    kind = [(b"content-type", b"application/x-www-form-urlencoded")]
    body = b"a=1&vllm_xargs=%7B%22meterhouse_tenant%22%3A%22bank%22%7D&vllm%5Fxargs=%7B%7D"
    seen = post(body, [*TENANT, *kind], path="/v1/audio/transcriptions")
    assert b"bank" not in seen["body"]
    assert seen["body"].count(b"vllm_xargs") == 1
    assert b"acme" in seen["body"]


@pytest.mark.parametrize("path", vllm_server.UNLABELLED_PATHS)
def test_a_route_without_labels_is_refused_by_setting(path, monkeypatch):
    assert post(b"{}", TENANT, path=path)["body"] == b"{}"
    monkeypatch.setenv(vllm_server.SETTING, "refuse")
    sent = []

    async def send(message):
        sent.append(message)

    for scope in ({"type": "http", "method": "POST", "path": path}, {"type": "websocket", "path": path}):
        asyncio.run(VllmMiddleware(None)({**scope, "headers": []}, None, send))
    assert [message.get("status") or message.get("code") for message in sent] == [403, None, 1008]
    monkeypatch.setenv(vllm_server.SETTING, "no")
    with pytest.raises(ValueError, match="serve or refuse"):
        VllmMiddleware(None)
