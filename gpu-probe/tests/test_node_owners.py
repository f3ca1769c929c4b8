"""From a process to its pod: control groups of every form, the kubelet's pods, claims."""

import json
import os
import ssl
import subprocess
import threading
import time
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest
from fake_node import CONTAINER, UID, FakeProc, pod

from gpu_probe.node import claims
from gpu_probe.node.cgroup import Group, parse_cgroup
from gpu_probe.node.claims import Claim, claimed, make_folders
from gpu_probe.node.host import Host, ProcessKey, read_start
from gpu_probe.node.pods import FilePods, KubeletPods, PodsError

LOW = UID.replace("-", "_")
STATIC = "0123456789abcdef0123456789abcdef"
SLICE = "kubepods.slice/kubepods-burstable.slice"
IN_POD = Group(UID, CONTAINER)


@pytest.mark.parametrize(
    ("text", "group"),
    [
        (f"0::/kubepods/burstable/pod{UID}/{CONTAINER}", IN_POD),
        (f"0::/kubepods/pod{UID}/{CONTAINER}", IN_POD),
        (f"0::/kubepods/besteffort/pod{UID}", Group(UID)),
        (f"0::/{SLICE}/kubepods-burstable-pod{LOW}.slice/cri-containerd-{CONTAINER}.scope", IN_POD),
        (f"0::/kubepods.slice/kubepods-pod{LOW}.slice/crio-{CONTAINER}.scope", IN_POD),
        (f"0::/kubepods.slice/kubepods-pod{LOW}.slice/crio-{CONTAINER}.scope/container", IN_POD),
        (f"0::/{SLICE}/kubepods-burstable-pod{LOW}.slice/docker-{CONTAINER}.scope", IN_POD),
        (f"0::/../../kubepods-besteffort-pod{LOW}.slice/cri-containerd-{CONTAINER}.scope", IN_POD),
        (f"0::/kubelet.slice/kubelet-kubepods-pod{LOW}.slice:cri-containerd:{CONTAINER}", IN_POD),
        (f"12:devices:/kubepods/pod{UID}/{CONTAINER}\n4:memory:/user.slice\n1:name=systemd:/x", IN_POD),
        (
            f"11:cpu,cpuacct:/system.slice/containerd.service/kubepods-pod{LOW}.slice:cri-containerd:{CONTAINER}",
            IN_POD,
        ),
        (f"0::/kubepods/burstable/pod{STATIC}/{CONTAINER}", Group(STATIC, CONTAINER)),
        # Kubernetes in a container: the inner pod counts.
        (
            f"0::/docker/{'cd' * 9}/kubepods/pod{'9' * 8}{UID[8:]}/{'ef' * 32}/kubepods/pod{UID}/{CONTAINER}",
            IN_POD,
        ),
        (f"0::/docker/{CONTAINER}", Group(None, CONTAINER)),
        (f"0::/system.slice/docker-{CONTAINER}.scope", Group(None, CONTAINER)),
        (f"0::/machine.slice/libpod-{CONTAINER}.scope/container", Group(None, CONTAINER)),
        ("0::/system.slice/slurmstepd.scope/job_123/step_0/user/task_0", Group(slurm_job="123")),
        ("0::/system.slice/node7_slurmstepd.scope/job_123/step_batch", Group(slurm_job="123")),
        ("9:devices:/slurm/uid_1000/job_77/step_0\n1:name=systemd:/", Group(slurm_job="77")),
        ("9:memory:/slurm_node7/uid_1000/job_77/step_batch/task_0", Group(slurm_job="77")),
        ("0::/system.slice/slurmstepd.scope/s5K1M9V5K3XZ00/step_0", Group(slurm_job="s5K1M9V5K3XZ00")),
        ("0::/user.slice/user-1000.slice/session-2.scope", Group()),
        ("0::/user.slice/job_5/podcast", Group()),
        ("0::/", Group()),
        ("", Group()),
        ("garbage without colons", Group()),
    ],
)
def test_every_form_of_a_control_group(text, group):
    assert parse_cgroup(text + "\n") == group


def test_a_start_is_read_whatever_the_program_is_called(tmp_path):
    proc = FakeProc(tmp_path / "proc")
    proc.add(41, start=987, name="a b) (c) 1 2")
    assert Host(proc.folder).key(41) == ProcessKey(41, 987)
    assert Host(proc.folder).key(42) is None
    assert read_start(Host()._proc, os.getpid()) > 0


GPU = "GPU-1234"


class ClaimedNode:
    def __init__(self, tmp_path):
        self.proc = FakeProc(tmp_path / "proc")
        self.host = Host(self.proc.folder)
        self.folder = tmp_path / "claims"
        make_folders(self.folder, [GPU])

    def holds(self, pid):
        key = self.host.key(pid)
        return claimed(self.folder, GPU, [key], self.host) == {key}


@pytest.fixture
def node(tmp_path):
    return ClaimedNode(tmp_path)


def mine():
    return read_start(Host()._proc, os.getpid())


def test_a_claim_holds_while_it_is_renewed_and_until_it_is_released(node):
    node.proc.add(os.getpid(), start=mine())
    claim = Claim(GPU, node.folder)
    assert node.holds(os.getpid())
    (file,) = (node.folder / GPU).iterdir()
    long_ago = time.time() - 60
    os.utime(file, (long_ago, long_ago))
    assert not node.holds(os.getpid()), "its meter is gone"
    claim.renew()
    assert node.holds(os.getpid())
    claim.release()
    assert not node.holds(os.getpid())
    claim.renew()
    claim.release()


def test_a_date_in_the_future_does_not_claim_for_ever(node):
    node.proc.add(os.getpid(), start=mine())
    Claim(GPU, node.folder)
    (file,) = (node.folder / GPU).iterdir()
    os.utime(file, (time.time() + 10**6,) * 2)
    assert not node.holds(os.getpid())


def test_another_start_is_another_process(node):
    node.proc.add(os.getpid(), start=mine() + 1)
    Claim(GPU, node.folder)
    assert not node.holds(os.getpid())


def test_a_claim_from_inside_a_container_is_found_by_the_inner_number(node):
    node.proc.add(5555, start=mine(), inner=(os.getpid(),))
    Claim(GPU, node.folder)
    assert node.holds(5555)


def test_the_same_inner_number_in_another_container_is_not_claimed(node):
    node.proc.add(5555, start=mine(), inner=(os.getpid(),), namespace="pid:[1]")
    Claim(GPU, node.folder)
    (file,) = (node.folder / GPU).iterdir()
    assert json.loads(file.read_text())["pid_namespace"].startswith("pid:[")
    assert not node.holds(5555)


@pytest.mark.parametrize(("file_uid", "process_uid", "holds"), [(1, 1, True), (1, 2, False), (0, 2, True)])
def test_nobody_but_root_claims_another_users_process(node, monkeypatch, file_uid, process_uid, holds):
    node.proc.add(os.getpid(), start=mine())
    Claim(GPU, node.folder)
    monkeypatch.setattr(node.host, "owner_uid", lambda pid: process_uid)
    real = claims._read
    monkeypatch.setattr(claims, "_read", lambda path: [held._replace(uid=file_uid) for held in real(path)])
    assert node.holds(os.getpid()) == holds


def test_another_cards_claim_and_files_of_anything_claim_nothing(node, tmp_path):
    node.proc.add(os.getpid(), start=mine())
    Claim("GPU-other", node.folder)
    for name in ("x", "1-2.claim.tmp", "-1-2.claim", "1.claim"):
        (node.folder / GPU / name).write_text("not JSON")
    (node.folder / GPU / f"{os.getpid()}-{mine()}.claim").symlink_to(tmp_path)
    assert not node.holds(os.getpid())


@pytest.mark.parametrize("uuid", ["../x", "GPU-../../etc", "", "gpu"])
def test_without_an_agent_or_with_a_strange_card_a_claim_does_nothing(tmp_path, uuid):
    for claim in (Claim(GPU, tmp_path / "none"), Claim(uuid, tmp_path)):
        claim.renew()
        claim.release()
    assert list(tmp_path.iterdir()) == []


def test_a_claim_is_taken_when_the_agent_comes(node, tmp_path):
    node.proc.add(os.getpid(), start=mine())
    late = tmp_path / "late"
    claim = Claim(GPU, late)
    late.mkdir()
    claim.renew()
    assert [file.suffix for file in (late / GPU).iterdir()] == [".claim"]
    claim.release()
    claim.renew()
    assert list((late / GPU).iterdir()) == []


def test_any_user_may_put_claims_in_and_take_out_his_own_only(node):
    assert [oct(path.stat().st_mode & 0o7777) for path in (node.folder, node.folder / GPU)] == ["0o1777"] * 2


def test_a_file_of_pods(tmp_path):
    file = tmp_path / "pods.json"
    hashed = {"kubernetes.io/config.hash": STATIC}
    items = [pod(tenant="t"), pod(uid="mirror", annotations=hashed, name="etcd"), {"metadata": {}}, {}, 7]
    file.write_text(json.dumps({"items": items}))
    pods = FilePods(file).read()
    assert set(pods) == {UID, "mirror", STATIC} and pods[STATIC].name == "etcd"
    for text in ("", "[]", "{}", "7"):
        file.write_text(text)
        with pytest.raises(PodsError, match="is not a list of pods"):
            FilePods(file).read()
    with pytest.raises(PodsError, match="No such file"):
        FilePods(tmp_path / "none").read()


@pytest.fixture
def kubelet(tmp_path):
    key, certificate = tmp_path / "key.pem", tmp_path / "ca.crt"
    made = subprocess.run(
        [
            *("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=node"),
            *("-addext", "subjectAltName=IP:127.0.0.1", "-keyout", str(key), "-out", str(certificate)),
        ],
        capture_output=True,
        check=False,
    )
    if made.returncode:
        pytest.skip("openssl is not here")

    asked = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            asked.append((self.path, self.headers["Authorization"]))
            right = self.headers["Authorization"] == "Bearer secret"
            body = json.dumps({"items": [pod(tenant="t")]}).encode() if right else b"no"
            self.send_response(200 if right else 403)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    token = tmp_path / "token"
    token.write_text("secret\n")
    yield f"https://127.0.0.1:{server.server_address[1]}", token, certificate, asked
    server.shutdown()
    server.server_close()
    thread.join()


def test_the_kubelet_is_asked_for_pods_with_a_token_and_its_authority(kubelet):
    url, token, certificate, asked = kubelet
    pods = KubeletPods(url, token, certificate)
    assert pods.read()[UID].labels == {"meterhouse.io/tenant": "t"}
    assert asked == [("/pods", "Bearer secret")]
    token.write_text("old")
    with pytest.raises(PodsError, match="403"):
        pods.read()
    token.unlink()
    with pytest.raises(PodsError, match="No such file"):
        pods.read()


def test_a_kubelet_of_another_authority_is_told_nothing(kubelet, tmp_path):
    url, token, certificate, asked = kubelet
    other = tmp_path / "other.crt"
    subprocess.run(
        [
            *("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=x"),
            *("-keyout", str(tmp_path / "k"), "-out", str(other)),
        ],
        capture_output=True,
        check=True,
    )
    with pytest.raises(PodsError, match="CERTIFICATE_VERIFY_FAILED"):
        KubeletPods(url, token, other).read()
    assert asked == []
    with pytest.raises(PodsError, match="not an https"):
        KubeletPods(url.replace("https", "http"), token, certificate)
    with pytest.raises(PodsError, match="cannot be read"):
        KubeletPods(url, token, tmp_path / "none")
