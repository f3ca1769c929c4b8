"""The manifests are what Kubernetes takes, the image is what the manifests expect, and the dashboard asks for
metrics that exist."""

import argparse
import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import Recorder
from test_outbox import EVENT, TOTALS

from gpu_probe.cli import node
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


def unrestricted(spec):
    """What Kubernetes' Pod Security Standard "restricted" would refuse, and what is left open beyond it."""
    pod = spec.get("securityContext", {})
    faults = [name for name in ("hostPID", "hostIPC", "hostNetwork") if spec.get(name)]
    faults += [volume["name"] for volume in spec.get("volumes", ()) if "hostPath" in volume]
    for container in [*spec["containers"], *spec.get("initContainers", ())]:
        own = container.get("securityContext", {})
        wanted = {
            "runs as root": own.get("runAsNonRoot", pod.get("runAsNonRoot")) is True,
            "root's number": own.get("runAsUser", pod.get("runAsUser")) != 0,
            "seccomp": own.get("seccompProfile", pod.get("seccompProfile")) == {"type": "RuntimeDefault"},
            "escalation": own.get("allowPrivilegeEscalation") is False,
            "privileged": not own.get("privileged"),
            "capabilities": own.get("capabilities") == {"drop": ["ALL"]},
            "root file system": own.get("readOnlyRootFilesystem") is True,
        }
        faults += [name for name, is_kept in wanted.items() if not is_kept]
    return faults


CORE = [
    document
    for name in ("deployment.yaml", "node.yaml", "networkpolicy.yaml")
    for document in documents(name)
]


@pytest.mark.parametrize("document", CORE, ids=lambda document: document["kind"])
def test_core_manifests_fit_kubernetes_schemas(document):
    kubernetes_validate.validate(document, kubernetes_validate.latest_version(), strict=True)


@pytest.mark.parametrize("spec", list(pod_specs()), ids=["deployment", "kserve", "seldon"])
def test_every_pod_is_a_valid_pod_with_a_gpu_its_place_and_no_root(spec):
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p"}, "spec": spec}
    kubernetes_validate.validate(pod, kubernetes_validate.latest_version(), strict=True)
    (container,) = spec["containers"]
    assert container["resources"]["limits"]["nvidia.com/gpu"] == "1"
    assert unrestricted(spec) == []
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


def labels_and_pods():
    """What a PodMonitor sees of each pod: its labels, its spec."""
    for name, kind in (("deployment.yaml", "Deployment"), ("node.yaml", "DaemonSet")):
        template = of_kind(name, kind)["spec"]["template"]
        yield template["metadata"]["labels"], template["spec"]
    service = of_kind("kserve.yaml", "InferenceService")
    yield service["metadata"]["labels"], service["spec"]["predictor"]
    for predictor in of_kind("seldon.yaml", "SeldonDeployment")["spec"]["predictors"]:
        for component in predictor["componentSpecs"]:
            yield predictor["labels"], component["spec"]


@pytest.mark.parametrize(("labels", "spec"), list(labels_and_pods()), ids=["own", "node", "kserve", "seldon"])
def test_podmonitor_finds_the_port_of_every_variant(labels, spec):
    """No package carries the operator's schema: the fields of PodMonitor v1 by hand."""
    monitor = of_kind("podmonitor.yaml", "PodMonitor")
    assert monitor["apiVersion"] == "monitoring.coreos.com/v1"
    assert set(monitor["spec"]) == {"namespaceSelector", "selector", "podMetricsEndpoints"}
    assert monitor["spec"]["selector"]["matchLabels"].items() <= labels.items()
    (container,) = spec["containers"]
    ports = {port["name"]: port["containerPort"] for port in container["ports"]}
    assert ports["gpu-probe"] == 9400
    environment = {entry["name"]: entry.get("value") for entry in container["env"]}
    in_arguments = "--metrics-host=0.0.0.0" in container.get("args", ())
    assert environment.get("METERHOUSE_METRICS_HOST") == "0.0.0.0" or in_arguments


def test_podmonitor_scrapes_every_rank_of_a_pod():
    endpoints = of_kind("podmonitor.yaml", "PodMonitor")["spec"]["podMetricsEndpoints"]
    assert all(set(endpoint) == {"port", "path", "interval"} for endpoint in endpoints)
    names = [endpoint["port"] for endpoint in endpoints]
    assert names == ["gpu-probe", *(f"gpu-probe-{rank}" for rank in range(1, 8))]
    assert all(len(name) <= 15 for name in names), "Kubernetes' bound for a port's name"


def test_the_nodes_agent_has_no_more_rights_than_it_needs():
    """The host's processes and two of its folders; no privileged mode, no capability, no exec."""
    spec = of_kind("node.yaml", "DaemonSet")["spec"]["template"]["spec"]
    assert unrestricted(spec) == ["hostPID", "state", "claims", "runs as root", "root's number"]
    role = of_kind("node.yaml", "ClusterRole")
    assert role["rules"] == [{"apiGroups": [""], "resources": ["nodes/pods"], "verbs": ["get"]}]
    (container,) = spec["containers"]
    assert "nvidia.com/gpu" not in json.dumps(container["resources"]), "it takes no card from anybody"
    parser = argparse.ArgumentParser()
    node.register(parser.add_subparsers())
    options = parser.parse_args(container["args"])
    mounts = [mount["mountPath"] for mount in container["volumeMounts"]]
    assert {str(options.state), str(options.claims)} <= set(mounts)
    assert options.kubelet == "https://$(NODE_IP):10250"


def test_the_alarms_ask_for_metrics_that_exist():
    rule = of_kind("prometheusrule.yaml", "PrometheusRule")
    (group,) = rule["spec"]["groups"]
    page = full_page()
    known = set(re.findall(r"^(gpu_probe\w*)", page, re.M))
    for alarm in group["rules"]:
        assert set(re.findall(r"gpu_probe\w*", alarm["expr"])) <= known, alarm["alert"]
        for name, value in re.findall(r'(\w+)="(\w+)"', alarm["expr"]):
            assert f'{name}="{value}"' in page, alarm["alert"]
        assert alarm["annotations"]["summary"]


def test_the_wheel_carries_the_licence(tmp_path):
    """Built as pip does; the folder is copied, as a build writes beside the source."""
    assert (HERE / "LICENSE").read_bytes() == (HERE.parent / "LICENSE").read_bytes()
    source = tmp_path / "source"
    shutil.copytree(HERE, source, ignore=shutil.ignore_patterns("tests", "traces", "bench", "__pycache__"))
    build = "from setuptools import build_meta; build_meta.prepare_metadata_for_build_wheel('out')"
    (source / "out").mkdir()
    done = subprocess.run(
        [sys.executable, "-c", build], cwd=source, capture_output=True, text=True, check=False
    )
    if "No module named 'setuptools'" in done.stderr or "invalid command 'bdist_wheel'" in done.stderr:
        pytest.skip("setuptools 70.1 is of the test extra")
    assert done.returncode == 0, done.stderr
    assert [path.read_bytes() for path in (source / "out").rglob("LICENSE")] == [
        (HERE / "LICENSE").read_bytes()
    ]


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
    assert all(
        f"!{name}" in ignored for name in ("pyproject.toml", "README.md", "LICENSE", "gpu_probe", "examples")
    )


def full_page():
    """A page with every metric."""

    class State:
        backlog = lost = errors = 0

    metrics = Metrics(Recorder(), ["acme"])
    metrics.watch(State())
    metrics.event({**EVENT, "phase": "inference", "gpu_busy_ns": 1, "busy_quality": "counter"})
    busy = dict.fromkeys(("busy_attributed_ns", "busy_operator_ns", "unmetered_ns"), 1)
    metrics.totals({**TOTALS, **busy, "busy_quality": "counter"})
    return metrics.render()


def test_the_dashboard_asks_for_metrics_and_labels_that_exist():
    page = full_page()
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
