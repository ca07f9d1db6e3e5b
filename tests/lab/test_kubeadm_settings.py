"""What people add to kubeadm is changed on the cluster that stands: only what the plan says restarts, and undone it is as it was."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from tests.lab.conftest import HEALED_SECONDS
from tests.lab.devices import Kubectl, expected_routes, routes_of_kernel
from tests.lab.laboratory import MASTERS, ROUTERS, WORKERS, Laboratory, wait_for
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


@pytest.fixture(scope="module")
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
