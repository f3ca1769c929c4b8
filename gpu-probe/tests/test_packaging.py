"""The manifests are what Kubernetes takes, the image is what the manifests expect, and the dashboard asks for
metrics that exist."""

import json
import re
from pathlib import Path

import pytest
from conftest import Recorder
from test_outbox import EVENT, TOTALS

from gpu_probe.exporter import Metrics

HERE = Path(__file__).parents[1]
kubernetes_validate = pytest.importorskip(
    "kubernetes_validate", reason="kubernetes-validate is of the test extra"
)
yaml = pytest.importorskip("yaml")


def documents(name):
    return list(yaml.safe_load_all((HERE / "kubernetes" / name).read_text()))


def of_kind(name, kind):
    (document,) = [document for document in documents(name) if document["kind"] == kind]
    return document


def pod_specs():
    yield of_kind("deployment.yaml", "Deployment")["spec"]["template"]["spec"]
    yield of_kind("kserve.yaml", "InferenceService")["spec"]["predictor"]
    for predictor in of_kind("seldon.yaml", "SeldonDeployment")["spec"]["predictors"]:
        for component in predictor["componentSpecs"]:
            yield component["spec"]


@pytest.mark.parametrize("document", documents("deployment.yaml"), ids=lambda document: document["kind"])
def test_core_manifests_fit_kubernetes_schemas(document):
    kubernetes_validate.validate(document, kubernetes_validate.latest_version(), strict=True)


@pytest.mark.parametrize("spec", list(pod_specs()), ids=["deployment", "kserve", "seldon"])
def test_every_pod_is_a_valid_pod_with_a_gpu_its_place_and_no_root(spec):
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p"}, "spec": spec}
    kubernetes_validate.validate(pod, kubernetes_validate.latest_version(), strict=True)
    (container,) = spec["containers"]
    assert container["resources"]["limits"]["nvidia.com/gpu"] == "1"
    assert spec["securityContext"]["runAsNonRoot"] is True
    fields = {
        entry["name"]: entry["valueFrom"]["fieldRef"]["fieldPath"]
        for entry in container["env"]
        if "valueFrom" in entry
    }
    assert fields == {
        "NODE_NAME": "spec.nodeName",
        "POD_NAME": "metadata.name",
        "POD_NAMESPACE": "metadata.namespace",
    }
    state = {entry["name"]: entry.get("value") for entry in container["env"]}["GPU_PROBE_STATE_DIR"]
    assert state in [mount["mountPath"] for mount in container["volumeMounts"]]


def test_the_schemas_would_tell_a_wrong_manifest():
    wrong = of_kind("deployment.yaml", "Deployment")
    wrong["spec"]["template"]["spec"]["containers"][0]["ports"][0]["containerport"] = 1
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(wrong, kubernetes_validate.latest_version(), strict=True)


def test_podmonitor_finds_the_deployments_port():
    """No package carries the operator's schema: the fields of PodMonitor v1 by hand."""
    monitor = of_kind("podmonitor.yaml", "PodMonitor")
    assert monitor["apiVersion"] == "monitoring.coreos.com/v1"
    assert set(monitor["spec"]) == {"selector", "podMetricsEndpoints"}
    (endpoint,) = monitor["spec"]["podMetricsEndpoints"]
    assert set(endpoint) == {"port", "path", "interval"}
    template = of_kind("deployment.yaml", "Deployment")["spec"]["template"]
    assert monitor["spec"]["selector"]["matchLabels"].items() <= template["metadata"]["labels"].items()
    ports = {port["name"]: port["containerPort"] for port in template["spec"]["containers"][0]["ports"]}
    assert ports[endpoint["port"]] == 9400


def test_kserve_and_seldon_have_the_shape_of_their_resources():
    service = of_kind("kserve.yaml", "InferenceService")
    assert service["apiVersion"] == "serving.kserve.io/v1beta1"
    assert service["spec"]["predictor"]["containers"][0]["name"] == "kserve-container"
    seldon = of_kind("seldon.yaml", "SeldonDeployment")
    assert seldon["apiVersion"] == "machinelearning.seldon.io/v1"
    (predictor,) = seldon["spec"]["predictors"]
    assert predictor["graph"]["name"] == predictor["componentSpecs"][0]["spec"]["containers"][0]["name"]
    assert seldon["spec"]["protocol"] == "v2"


def test_the_image_is_the_official_one_without_root_and_with_a_health_check():
    lines = (HERE / "Dockerfile").read_text()
    assert re.search(r"^FROM pytorch/pytorch:2\.6\.0-cuda\S+-runtime$", lines, re.M)
    assert re.search(r"^USER 10001:10001$", lines, re.M)
    assert re.search(r"^HEALTHCHECK .*\\\n\s+CMD \[.*8000/healthz", lines, re.M)
    assert re.search(r'^CMD \["uvicorn"', lines, re.M)
    extras = (HERE / "pyproject.toml").read_text()
    for extra in re.search(r"gpu-probe\[([a-z,]+)\]", lines).group(1).split(","):
        assert re.search(rf"^{extra} = \[", extras, re.M)
    ignored = (HERE / ".dockerignore").read_text()
    assert all(f"!{name}" in ignored for name in ("pyproject.toml", "README.md", "gpu_probe", "examples"))


def test_the_dashboard_asks_for_metrics_and_labels_that_exist():
    class State:
        backlog = lost = errors = 0

    metrics = Metrics(Recorder(), ["acme"])
    metrics.watch(State())
    metrics.event({**EVENT, "phase": "inference"})
    metrics.totals(TOTALS)
    page = metrics.render()
    known = set(re.findall(r"^(gpu_probe\w*)", page, re.M))
    labels = set(re.findall(r'(\w+)="', page)) | {"le"}
    dashboard = json.loads((HERE / "grafana/gpu-probe.json").read_text())
    queries = [target["expr"] for panel in dashboard["panels"] for target in panel.get("targets", [])]
    assert len(queries) >= 8
    for query in queries:
        assert set(re.findall(r"gpu_probe\w*", query)) <= known, query
        for group in re.findall(r"by \(([^)]*)\)", query):
            assert set(group.replace(" ", "").split(",")) <= labels, query
    assert len({panel["id"] for panel in dashboard["panels"]}) == len(dashboard["panels"])
