"""What people add to kubeadm is changed on the cluster that stands: only what the plan says restarts, and undone it is as it was."""

import base64
import json
import secrets
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.lab.conftest import HEALED_SECONDS
from tests.lab.cut_off import begin, titles
from tests.lab.devices import Kubectl, expected_routes, routes_of_kernel
from tests.lab.laboratory import MASTERS, NODES, ROUTERS, WORKERS, Laboratory, wait_for
from tests.lab.runbooks import Answer, Project, Runbooks

pytestmark = pytest.mark.lab
MANIFESTS, CERTIFICATE = "/etc/kubernetes/manifests", "/etc/kubernetes/pki/apiserver.crt"
AUDIT_LOG = "/var/log/kubernetes/audit/audit.log"
NODE = WORKERS[0]
ON_THE_NODE = {
    "labels": {"example.net/zone": "a"},
    "taints": [{"key": "example.net/slow", "effect": "PreferNoSchedule"}],
}
SETTLED_SECONDS = 900  # three apiservers, one after the other, on a busy machine


@pytest.mark.usefixtures("cluster")
def test_a_label_and_a_taint_come_and_go_and_what_others_set_stays(
    cluster: Kubectl, project: Project, runbooks: Runbooks
) -> None:
    cluster("label", "node", f"{NODE}.tinychen.io", "example.net/other=b")
    edited = project.edited(hosts={NODE: {"data": ON_THE_NODE}})
    told = edited.deploy("--output", "json").ended(0)
    assert set(told.changes) == {(MASTERS[0], f"Node {NODE}.tinychen.io")}
    assert edited.deploy("--output", "json").ended(0).changes == {}
    (node,) = cluster.get("node", f"{NODE}.tinychen.io")
    assert node["metadata"]["labels"]["example.net/zone"] == "a"
    assert node["spec"]["taints"] == [{"key": "example.net/slow", "effect": "PreferNoSchedule"}]
    runbooks.deploy().ended(0)
    (node,) = cluster.get("node", f"{NODE}.tinychen.io")
    assert "example.net/zone" not in node["metadata"]["labels"]
    assert node["metadata"]["labels"]["example.net/other"] == "b"
    assert not node["spec"].get("taints")
    cluster("label", "node", f"{NODE}.tinychen.io", "example.net/other-")


def pods(cluster: Kubectl) -> dict[str, str]:
    """Static pod -> the hash of its manifest, by the kubelet."""
    found = cluster.get("pods", "-n", "kube-system", "-l", "tier=control-plane")
    return {pod["metadata"]["name"]: pod["metadata"]["annotations"]["kubernetes.io/config.hash"] for pod in found}


def capacity(cluster: Kubectl) -> str:
    """How many pods the kubelet of the node would take."""
    (node,) = cluster.get("node", f"{NODE}.tinychen.io")
    return str(node["status"]["capacity"]["pods"])


@dataclass(frozen=True)
class Changed:
    """The cluster with settings.

    Attributes:
        before: its static pods as they were.
        planned, answer: of the dry run, and of the run.

    """

    runbooks: Runbooks
    before: dict[str, str]
    planned: Answer
    answer: Answer


@pytest.fixture(scope="class")
def changed(cluster: Kubectl, project: Project, runbooks: Runbooks) -> Iterator[Changed]:
    settings: dict[str, Any] = {
        "cert_sans": ["api.example.net"],
        "api_server": {"extra_args": {"profiling": False}},
        "scheduler": {"extra_args": {"v": 3}},
        "audit": {"policy": {"rules": [{"level": "Metadata"}]}},
    }
    edited = project.edited(defaults={"data": {"kubeadm": settings}})
    before = pods(cluster)
    planned = edited.deploy("--dry-run", "--output", "json")
    answer = edited.deploy("--output", "json", deadline=SETTLED_SECONDS)
    yield Changed(edited, before, planned, answer)
    runbooks.deploy(deadline=SETTLED_SECONDS).ended(0)
    assert pods(cluster) == before


@pytest.mark.long("settings")
class TestSettingsOfTheControlPlanes:
    """One run with all of them."""

    def test_the_run_makes_just_what_the_dry_run_shows(self, changed: Changed) -> None:
        assert changed.answer.ended(0).changes == changed.planned.ended(0).changes
        for name in MASTERS:
            assert {what for host, what in changed.answer.changes if host == name} >= {
                f"{MANIFESTS}/kube-apiserver.yaml",
                f"{MANIFESTS}/kube-scheduler.yaml",
                f"names in {CERTIFICATE}",
            }

    def test_only_what_the_plan_said_has_restarted(self, changed: Changed, cluster: Kubectl) -> None:
        now = pods(cluster)
        assert now.keys() == changed.before.keys()
        restarted = {name for name, digest in now.items() if changed.before[name] != digest}
        assert restarted == {
            f"{part}-{name}.tinychen.io" for part in ("kube-apiserver", "kube-scheduler") for name in MASTERS
        }

    def test_every_apiserver_does_what_it_was_told(self, changed: Changed, lab: Laboratory) -> None:
        assert changed.answer.code == 0
        for name in MASTERS:
            wait_for(f"{name}: the log of audits", lambda name=name: lab.inside(name, f"head -n 1 {AUDIT_LOG}"), 60)
            assert json.loads(lab.inside(name, f"head -n 1 {AUDIT_LOG}"))["level"] == "Metadata"
            assert "--profiling=false" in lab.inside(name, "tr '\\0' ' ' </proc/$(pidof kube-apiserver)/cmdline")

    def test_the_routes_have_stayed_right(self, changed: Changed, cluster: Kubectl, lab: Laboratory) -> None:
        changed.runbooks.verify("--wait", str(HEALED_SECONDS), deadline=HEALED_SECONDS + 60).ended(0)
        for router in ROUTERS:
            assert expected_routes(cluster.blocks()).items() <= routes_of_kernel(lab, router).items()

    def test_a_second_run_changes_nothing_and_there_is_no_drift(self, changed: Changed) -> None:
        assert changed.runbooks.deploy("--output", "json").ended(0).changes == {}
        changed.runbooks.drift().ended(0)


CUT_OFF_IN = ("Control plane settings", "Kubelets", "Labels and taints", "Keys of encryption", "Objects encrypted")
OTHER_SETTINGS: dict[str, Any] = {
    "cert_sans": ["api.example.org"],
    "api_server": {"extra_args": {"profiling": False}},
    "encryption": {"secret": {"file": "key"}},
}


@pytest.mark.long("settings")
class TestARunWithSettingsThatIsKilled:
    """In each phase that changes something on a cluster that stands; the next run goes on, and is killed in the next phase."""

    @pytest.fixture(scope="class")
    def edited(self, cluster: Kubectl, project: Project, runbooks: Runbooks) -> Iterator[Runbooks]:
        assert cluster.ready() == set(NODES)
        key = project.folder / "key"
        key.write_text(base64.b64encode(secrets.token_bytes(32)).decode())
        key.chmod(0o600)
        node = {"data": {**ON_THE_NODE, "kubelet_configuration": {"maxPods": 100}}}
        yield project.edited(defaults={"data": {"kubeadm": OTHER_SETTINGS}}, hosts={NODE: node})
        runbooks.deploy(deadline=SETTLED_SECONDS).ended(0)

    @pytest.mark.parametrize("title", CUT_OFF_IN)
    def test_it_is_killed_in(
        self,
        edited: Runbooks,
        tmp_path: Path,
        processes: list[subprocess.Popen[bytes]],
        title: str,
    ) -> None:
        assert set(CUT_OFF_IN) < set(titles())
        process = begin(edited.config, title, "killed", tmp_path)
        processes.append(process)
        code = process.wait(SETTLED_SECONDS)
        log = (tmp_path / "log").read_text(encoding="utf-8")
        assert code == -9, log
        assert " failed" not in log, log

    def test_the_next_run_brings_everything_about(self, edited: Runbooks, cluster: Kubectl, lab: Laboratory) -> None:
        edited.deploy(deadline=SETTLED_SECONDS).ended(0)
        assert edited.deploy("--output", "json").ended(0).changes == {}
        edited.drift().ended(0)
        (node,) = cluster.get("node", f"{NODE}.tinychen.io")
        assert node["metadata"]["labels"]["example.net/zone"] == "a"
        wait_for("its kubelet tells", lambda: capacity(cluster) == "100", 60)
        for name in MASTERS:
            assert "--profiling=false" in lab.inside(name, "tr '\\0' ' ' </proc/$(pidof kube-apiserver)/cmdline")
        edited.verify("--wait", str(HEALED_SECONDS), deadline=HEALED_SECONDS + 60).ended(0)

    def test_what_is_in_etcd_is_encrypted(self, edited: Runbooks, cluster: Kubectl) -> None:
        assert edited
        etcdctl = (
            "etcdctl --endpoints https://127.0.0.1:2379 --cacert /etc/kubernetes/pki/etcd/ca.crt "
            "--cert /etc/kubernetes/pki/etcd/healthcheck-client.crt --key /etc/kubernetes/pki/etcd/healthcheck-client.key"
        )
        pod = cluster.pod_on(MASTERS[0], "kube-system", "component=etcd")
        keys = cluster(
            "exec",
            "-n",
            "kube-system",
            pod,
            "--",
            *etcdctl.split(),
            "get",
            "/registry/secrets/",
            "--prefix",
            "--keys-only",
        )
        names = [key for key in keys.split() if key]
        assert names
        for name in names:
            stored = cluster(
                "exec", "-n", "kube-system", pod, "--", *etcdctl.split(), "get", name, "--print-value-only"
            )
            assert stored.startswith("k8s:enc:secretbox:v1:"), name
