"""What kubeadm reads and how it is run, for the versions whose forms differ."""

import base64
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from kubepeer.errors import RefusedError
from kubepeer.intent import Intent
from tasks.control_plane import join_secrets, kubeadm
from tasks.control_plane.join_secrets import JoinSecrets
from tasks.linux.state import Execute, LinuxChange

SOCKET = "unix:///run/containerd/containerd.sock"
FORMS = [(26, "v1beta3"), (30, "v1beta3"), (31, "v1beta4"), (36, "v1beta4"), (37, "v1beta4")]  # minor, API
SECRETS = JoinSecrets("abcdef.0123456789abcdef", "00112233445566778899aabbccddeeff" * 2)
HASH = "sha256:" + "5" * 64
BY_MINOR = pytest.mark.parametrize(("minor", "api"), FORMS)


def of_minor(intent_of: Any, minor: int, **software: Any) -> Intent:
    versions = {"software": {"kubernetes": f"1.{minor}.0", **software}}
    intent: Intent = intent_of(defaults_file={"data": versions})
    return intent


def documents(text: str) -> dict[str, dict[str, Any]]:
    found = list(yaml.safe_load_all(text))
    kinds = {document["kind"]: document for document in found}
    assert len(kinds) == len(found)
    return kinds


def execution(change: LinuxChange) -> Execute:
    (step,) = change.steps
    assert isinstance(step, Execute)
    return step


@BY_MINOR
def test_init_reads_four_documents_in_the_form_of_its_version(intent_of: Any, minor: int, api: str) -> None:
    intent = of_minor(intent_of, minor)
    found = documents(kubeadm.init_configuration(intent, intent.nodes[0], SECRETS))
    assert {kind: document["apiVersion"] for kind, document in found.items()} == {
        "InitConfiguration": f"kubeadm.k8s.io/{api}",
        "ClusterConfiguration": f"kubeadm.k8s.io/{api}",
        "KubeletConfiguration": "kubelet.config.k8s.io/v1beta1",
        "KubeProxyConfiguration": "kubeproxy.config.k8s.io/v1alpha1",
    }
    registration = found["InitConfiguration"]["nodeRegistration"]
    assert registration.pop("imagePullSerial", None) is (False if api == "v1beta4" else None)
    assert registration == {"name": "k8s-calico-master-10-31-90-1.tinychen.io", "criSocket": SOCKET}


def test_init_says_what_the_inventory_says(intent_of: Any) -> None:
    intent = intent_of()
    found = documents(kubeadm.init_configuration(intent, intent.nodes[0], SECRETS))
    init, cluster = found["InitConfiguration"], found["ClusterConfiguration"]
    assert init["localAPIEndpoint"] == {"advertiseAddress": "10.31.90.1", "bindPort": 6443}
    assert init["certificateKey"] == SECRETS.certificate_key
    (token,) = init["bootstrapTokens"]
    assert (token["token"], token["ttl"], token["description"]) == (
        SECRETS.token,
        "30m0s",
        join_secrets.TOKEN_DESCRIPTION,
    )
    assert token["usages"] == ["signing", "authentication"]
    assert cluster["kubernetesVersion"] == "v1.26.0"
    assert cluster["clusterName"] == "k8s-calico"
    assert cluster["controlPlaneEndpoint"] == "k8s-calico-apiserver.tinychen.io:8443"
    assert cluster["apiServer"]["certSANs"] == [
        "10.31.90.0",
        "k8s-calico-apiserver.tinychen.io",
        "k8s-calico-apiserver",
    ]
    assert cluster["networking"] == {
        "dnsDomain": "cali-cluster.tclocal",
        "podSubnet": "10.33.0.0/17",
        "serviceSubnet": "10.33.128.0/18",
    }
    assert found["KubeletConfiguration"]["cgroupDriver"] == "systemd"
    assert found["KubeletConfiguration"]["failSwapOn"] is True
    assert found["KubeProxyConfiguration"]["mode"] == "ipvs"
    assert found["KubeProxyConfiguration"]["ipvs"] == {"strictARP": True}
    assert "conntrack" not in found["KubeProxyConfiguration"]


def test_init_in_the_lab_leaves_swap_conntrack_and_ipvs_alone(intent_of: Any) -> None:
    intent = intent_of("lab")
    found = documents(kubeadm.init_configuration(intent, intent.nodes[0], SECRETS))
    assert (found["KubeletConfiguration"]["cgroupDriver"], found["KubeletConfiguration"]["failSwapOn"]) == (
        "cgroupfs",
        False,
    )
    proxy = found["KubeProxyConfiguration"]
    assert proxy["mode"] == "iptables"
    assert "ipvs" not in proxy
    assert proxy["conntrack"] == {
        "maxPerCore": 0,
        "min": 0,
        "tcpEstablishedTimeout": "0s",
        "tcpCloseWaitTimeout": "0s",
    }


@BY_MINOR
def test_a_control_plane_joins_in_the_form_of_its_version(intent_of: Any, minor: int, api: str) -> None:
    intent = of_minor(intent_of, minor)
    join = documents(kubeadm.join_configuration(intent, intent.nodes[1], SECRETS, HASH))["JoinConfiguration"]
    assert join["apiVersion"] == f"kubeadm.k8s.io/{api}"
    assert join["nodeRegistration"]["criSocket"] == SOCKET
    assert join["nodeRegistration"]["name"] == "k8s-calico-master-10-31-90-2.tinychen.io"
    assert join["controlPlane"] == {
        "localAPIEndpoint": {"advertiseAddress": "10.31.90.2", "bindPort": 6443},
        "certificateKey": SECRETS.certificate_key,
    }
    assert join["discovery"]["bootstrapToken"] == {
        "apiServerEndpoint": "k8s-calico-apiserver.tinychen.io:8443",
        "token": SECRETS.token,
        "caCertHashes": [HASH],
    }
    # v1beta4 has moved discovery's timeout to a section of its own
    assert join["discovery"].get("timeout") == (None if api == "v1beta4" else "2m0s")
    assert join.get("timeouts") == ({"discovery": "2m0s"} if api == "v1beta4" else None)


def test_a_worker_gets_no_key_to_the_control_planes_certificates(intent_of: Any) -> None:
    intent = intent_of()
    text = kubeadm.join_configuration(intent, intent.workers[0], SECRETS, HASH)
    assert set(documents(text)["JoinConfiguration"]) == {"apiVersion", "kind", "discovery", "nodeRegistration"}
    assert SECRETS.certificate_key not in text


def test_the_hash_of_the_ca_is_the_one_that_openssl_computes(tmp_path: Path, leave_out: Any) -> None:
    certificate = tmp_path / "ca.crt"
    options = [
        "-newkey",
        "ec",
        "-pkeyopt",
        "ec_paramgen_curve:P-256",
        "-nodes",
        "-subj",
        "/CN=kubernetes",
        "-days",
        "1",
    ]
    try:
        subprocess.run(
            ["openssl", "req", "-x509", *options, "-keyout", tmp_path / "ca.key", "-out", certificate],
            check=True,
            capture_output=True,
        )
    except FileNotFoundError:
        leave_out("openssl is not here")
    pipe = f"openssl x509 -pubkey -noout -in '{certificate}' | openssl pkey -pubin -outform der | sha256sum"
    digest = subprocess.run(["/bin/sh", "-c", pipe], check=True, capture_output=True, text=True).stdout.split()[0]
    assert join_secrets.ca_hash(certificate.read_text()) == f"sha256:{digest}"


def test_a_generated_token_and_key_have_kubeadms_form_and_never_repeat() -> None:
    generated = [JoinSecrets.generate() for _ in range(50)]
    assert all(re.fullmatch("[a-z0-9]{6}[.][a-z0-9]{16}", secrets.token) for secrets in generated)
    assert all(re.fullmatch("[0-9a-f]{64}", secrets.certificate_key) for secrets in generated)
    assert len({secrets.token for secrets in generated} | {secrets.certificate_key for secrets in generated}) == 100


def test_a_bootstrap_token_is_a_secret_that_the_api_knows_as_one() -> None:
    secret: dict[str, Any] = join_secrets.bootstrap_token(SECRETS, "2030-01-01T00:30:00Z")
    assert (secret["kind"], secret["type"]) == ("Secret", "bootstrap.kubernetes.io/token")
    assert secret["metadata"] == {"name": "bootstrap-token-abcdef", "namespace": "kube-system"}
    assert {key: base64.b64decode(value).decode() for key, value in secret["data"].items()} == {
        "token-id": "abcdef",
        "token-secret": "0123456789abcdef",
        "expiration": "2030-01-01T00:30:00Z",
        "description": "made by kubepeer for one run",
        "usage-bootstrap-authentication": "true",
        "usage-bootstrap-signing": "true",
        "auth-extra-groups": "system:bootstrappers:kubeadm:default-node-token",
    }
    assert join_secrets.decoded(secret, "token-id") == "abcdef"
    assert join_secrets.decoded(secret, "no-such-field") == ""
    assert join_secrets.decoded({"data": None}, "token-id") == ""


def test_the_first_init_ignores_nothing(intent_of: Any) -> None:
    change = kubeadm.initialise(intent_of(), "configuration", again=False)
    assert (change.what, change.before) == ("kubeadm init", None)
    assert 'kubeadm init --config "$f" --upload-certs >' in execution(change).script
    assert "ignore" not in execution(change).script


def test_an_init_that_was_cut_off_goes_on_with_what_it_left(intent_of: Any) -> None:
    change = kubeadm.initialise(intent_of(), "configuration", again=True)
    assert change.before == "cut off by an earlier run"
    flags = re.search(r"--ignore-preflight-errors=(\S+)", execution(change).script)
    assert flags is not None
    assert sorted(flags[1].split(",")) == [
        "DirAvailable--var-lib-etcd",
        "FileAvailable--etc-kubernetes-manifests-etcd.yaml",
        "FileAvailable--etc-kubernetes-manifests-kube-apiserver.yaml",
        "FileAvailable--etc-kubernetes-manifests-kube-controller-manager.yaml",
        "FileAvailable--etc-kubernetes-manifests-kube-scheduler.yaml",
        "Port-10250",
        "Port-10257",
        "Port-10259",
        "Port-2379",
        "Port-2380",
        "Port-6443",
    ]


@pytest.mark.parametrize("name", ["k8s-calico-master-10-31-90-2", "k8s-calico-worker-10-31-90-4"])
def test_a_join_ignores_nothing_on_its_command_line(intent_of: Any, name: str) -> None:
    intent = intent_of()
    assert "ignore" not in execution(kubeadm.joining(intent, intent.node(name), "configuration", reset=False)).script


@pytest.mark.parametrize(
    ("minor", "wanted", "told"),
    [(26, True, False), (34, True, False), (35, True, True), (37, True, True), (36, False, False)],
)
def test_control_groups_of_version_1_are_allowed_where_kubernetes_asks(
    intent_of: Any, minor: int, *, wanted: bool, told: bool
) -> None:
    intent = of_minor(intent_of, minor, allow_cgroup_v1=wanted)
    init = documents(kubeadm.init_configuration(intent, intent.nodes[0], SECRETS))
    assert init["KubeletConfiguration"].get("failCgroupV1") == (False if told else None)
    registrations = [init["InitConfiguration"]["nodeRegistration"]]
    for node in (intent.nodes[1], intent.workers[0]):
        joined = documents(kubeadm.join_configuration(intent, node, SECRETS, HASH))
        registrations.append(joined["JoinConfiguration"]["nodeRegistration"])
    for registration in registrations:
        assert registration.get("ignorePreflightErrors") == (["SystemVerification"] if told else None)
    changes = [
        kubeadm.initialise(intent, "configuration", again=False),
        kubeadm.joining(intent, intent.workers[0], "configuration", reset=False),
    ]
    for change in changes:
        assert ("control groups of version 1 allowed" in (change.after or "")) is told


@pytest.mark.parametrize("running", ["v1.26.15", "v1.26.0", "v1.26.3+k3s1", "v1.26.0-rc.1"])
def test_a_node_joins_a_cluster_of_its_own_minor_version(intent_of: Any, running: str) -> None:
    kubeadm.refuse_another_version(intent_of(), intent_of().nodes[1], running)


@pytest.mark.parametrize("running", ["v1.25.16", "v1.27.0", "v1.36.3"])
def test_no_node_joins_a_cluster_of_another_minor_version(intent_of: Any, running: str) -> None:
    stands = f"{intent_of().nodes[1].name}: the cluster runs Kubernetes {running[1:]}, the inventory says 1.26.0: "
    with pytest.raises(RefusedError, match="^" + re.escape(stands)):
        kubeadm.refuse_another_version(intent_of(), intent_of().nodes[1], running)


@pytest.mark.parametrize(
    ("name", "reset", "before", "after"),
    [
        ("k8s-calico-master-10-31-90-2", False, None, "control plane of k8s-calico"),
        ("k8s-calico-worker-10-31-90-4", True, "half joined", "worker of k8s-calico"),
    ],
)
def test_a_join_says_what_stands_and_what_becomes_of_it(
    intent_of: Any, name: str, before: str | None, after: str, *, reset: bool
) -> None:
    intent = intent_of()
    change = kubeadm.joining(intent, intent.node(name), "configuration", reset=reset)
    assert (change.what, change.before, change.after) == ("kubeadm join", before, after)


def every_execution(intent: Intent) -> list[Execute]:
    """Each way in which kubeadm is run, with the configuration that it is given."""
    init = kubeadm.init_configuration(intent, intent.nodes[0], SECRETS)
    changes = [kubeadm.initialise(intent, init, again=again) for again in (False, True)]
    for node in intent.nodes:
        join = kubeadm.join_configuration(intent, node, SECRETS, HASH)
        changes += [kubeadm.joining(intent, node, join, reset=reset) for reset in (False, True)]
    changes.append(kubeadm.mark_control_plane(intent, init))
    return [*map(execution, changes), kubeadm.upload_certificates(intent, init)]


@pytest.mark.parametrize("defaults", ["seed", "lab"])
def test_no_secret_is_in_a_scripts_arguments_and_the_configuration_comes_on_its_input(
    intent_of: Any, defaults: str
) -> None:
    for step in every_execution(intent_of(defaults)):
        assert SECRETS.token in (step.stdin or "")
        for secret in (SECRETS.token, SECRETS.token.split(".")[1], SECRETS.certificate_key):
            assert secret not in step.script
            assert secret not in step.title


def test_no_change_shows_a_secret(intent_of: Any) -> None:
    intent = intent_of()
    init = kubeadm.init_configuration(intent, intent.nodes[0], SECRETS)
    join = kubeadm.join_configuration(intent, intent.nodes[1], SECRETS, HASH)
    for change in (
        kubeadm.initialise(intent, init, again=False),
        kubeadm.joining(intent, intent.nodes[1], join, reset=False),
    ):
        assert SECRETS.token not in change.diff
        assert SECRETS.certificate_key not in change.diff


@pytest.fixture
def machine(tmp_path: Path) -> Any:
    """Run a step's script with a program named kubeadm of the test; its folder of passing files is tmp_path/run."""
    (tmp_path / "bin").mkdir()
    (tmp_path / "run").mkdir()

    def run(step: Execute, program: str) -> subprocess.CompletedProcess[str]:
        (file := tmp_path / "bin" / "kubeadm").write_text(f"#!/bin/sh\n{program}\n")
        file.chmod(0o755)
        script = re.sub(r"(?<![\w.])/(etc|run|var)/", rf"{tmp_path}/\1/", step.script)
        path = f"PATH='{tmp_path}/bin':$PATH\n"
        arguments = ["/bin/sh", "-c", path + script]
        return subprocess.run(arguments, input=step.stdin, text=True, capture_output=True, check=False, timeout=20)

    return run


def test_kubeadm_finds_its_configuration_in_a_file_of_root_that_is_gone_afterwards(
    machine: Any, intent_of: Any, tmp_path: Path
) -> None:
    (init, *_) = every_execution(intent_of())
    kept = tmp_path / "kept"
    ended = machine(init, f'echo "$@" > {kept}; stat -c %a "$3" >> {kept}; cat "$3" >> {kept}')
    assert ended.returncode == 0
    arguments, mode, configuration = kept.read_text().split("\n", 2)
    assert re.fullmatch(r"init --config \S+/kubepeer-kubeadm\.\w{6} --upload-certs", arguments)
    assert mode == "600"
    assert configuration == init.stdin
    assert [path.name for path in (tmp_path / "run").iterdir()] in ([], ["kubepeer.lock"])


@pytest.mark.cases("complaints")
def test_of_kubeadms_hundred_lines_the_errors_are_passed_on_with_its_code(
    case: dict[str, Any], machine: Any, intent_of: Any, tmp_path: Path
) -> None:
    (init, *_) = every_execution(intent_of())
    (tmp_path / "said").write_text(case["said"])
    ended = machine(init, f"cat {tmp_path}/said >&2; exit 1")
    assert ended.returncode == 1
    assert " ".join(ended.stderr.split()) == case["passed_on"]
    assert "\n" not in ended.stderr
    assert [path.name for path in (tmp_path / "run").iterdir()] in ([], ["kubepeer.lock"])


def test_without_an_error_line_the_last_lines_are_passed_on(machine: Any, intent_of: Any) -> None:
    (init, *_) = every_execution(intent_of())
    ended = machine(init, "echo one; echo two; echo three; exit 9")
    assert (ended.returncode, ended.stderr.split()) == (9, ["two", "three"])


OWN = (
    "localhost,127.0.0.0/8,10.31.90.0,k8s-calico-apiserver,k8s-calico-apiserver.tinychen.io,"
    "10.31.0.0/16,10.33.0.0/17,10.33.128.0/18,10.33.192.0/18,.svc,.cali-cluster.tclocal"
)


@pytest.mark.parametrize(
    ("environment", "exempt"),
    [
        ({}, ""),
        ({"HTTPS_PROXY": "http://proxy.example.net:3128"}, OWN),
        ({"http_proxy": "http://proxy.example.net:3128", "no_proxy": "example.net"}, f"example.net,{OWN}"),
        ({"ALL_PROXY": "socks5://10.0.0.1", "NO_PROXY": "one", "no_proxy": "two"}, f"one,{OWN}"),
    ],
    ids=["no_proxy_at_all", "a_proxy", "a_proxy_with_exemptions", "two_spellings"],
)
def test_the_clusters_own_addresses_never_go_through_a_proxy_of_the_machines_environment(
    machine: Any,
    intent_of: Any,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    environment: dict[str, str],
    exempt: str,
) -> None:
    for name in ("HTTPS_PROXY", "HTTP_PROXY", "ALL_PROXY", "NO_PROXY"):
        for spelling in (name, name.lower()):
            monkeypatch.delenv(spelling, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    intent = intent_of()
    for step in (*every_execution(intent), execution(kubeadm.reset(intent, intent.nodes[1]))):
        assert machine(step, f'echo "$NO_PROXY" "$no_proxy" > {tmp_path}/kept').returncode == 0
        assert (tmp_path / "kept").read_text().split() == ([exempt] * 2 if exempt else [])


def test_a_control_plane_is_marked_by_the_phase_that_does_nothing_else(
    machine: Any, intent_of: Any, tmp_path: Path
) -> None:
    intent = intent_of()
    mark = kubeadm.mark_control_plane(intent, kubeadm.init_configuration(intent, intent.nodes[1], SECRETS))
    ended = machine(execution(mark), f'echo "$@" > {tmp_path}/kept; cat "$5" >> {tmp_path}/kept')
    assert ended.returncode == 0
    arguments, configuration = (tmp_path / "kept").read_text().split("\n", 1)
    assert arguments.startswith("init phase mark-control-plane --config ")
    assert documents(configuration)["InitConfiguration"]["nodeRegistration"]["name"] == intent.nodes[1].full_name


def test_a_key_or_token_of_digits_alone_stays_text(intent_of: Any) -> None:
    """YAML would read a number, and kubeadm refuse it."""
    digits = JoinSecrets("123456.1234567890123456", "12" * 32)
    intent = intent_of()
    init = documents(kubeadm.init_configuration(intent, intent.nodes[0], digits))["InitConfiguration"]
    join = documents(kubeadm.join_configuration(intent, intent.nodes[1], digits, HASH))["JoinConfiguration"]
    assert init["certificateKey"] == join["controlPlane"]["certificateKey"] == digits.certificate_key
    assert init["bootstrapTokens"][0]["token"] == join["discovery"]["bootstrapToken"]["token"] == digits.token
