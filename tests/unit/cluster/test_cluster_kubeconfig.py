"""An administrator's kubeconfig that was not written to its end is told, and another control plane's is taken."""

import base64
from collections.abc import Callable
from typing import Any

import pytest
import yaml

from kubepeer.errors import UnreachableError
from kubepeer.run import Run
from tasks.cluster import access, kubeconfig
from tests.unit.cluster.api_server import ApiServer

NODES = [f"k8s-calico-master-10-31-90-{number}" for number in (1, 2, 3)]
PART = base64.b64encode(b"-----BEGIN CERTIFICATE-----\nMIIB").decode()
TABLE = """
- {text: "", says: is empty}
- {text: "\\n  \\n", says: is empty}
- {text: "apiVersion: v1\\nclusters:\\n- cluster: {certificate-auth", says: "is no YAML: it was not written to its end"}
- {text: "just words", says: "has no certificate-authority-data: it was not written to its end"}
- {text: "apiVersion: v1\\nclusters:\\n", says: "has no certificate-authority-data: it was not written to its end"}
- {text: "clusters: []", says: "has no certificate-authority-data: it was not written to its end"}
- {text: "clusters: [{cluster: }]", says: "has no certificate-authority-data: it was not written to its end"}
- {edit: {users: null}, says: "has no client-certificate-data: it was not written to its end"}
- {edit: {users: [{name: a}]}, says: "has no client-certificate-data: it was not written to its end"}
- {user: {client-key-data: null}, says: "has no client-key-data: it was not written to its end"}
- {user: {client-key-data: LS0tLS1}, says: has a client-key-data that is cut off}
- {user: {client-key-data: "%s"}, says: has a client-key-data that is cut off}
- {user: {client-certificate-data: "no base64!"}, says: has a client-certificate-data that is cut off}
"""


@pytest.mark.parametrize("case", yaml.safe_load(TABLE % PART), ids=lambda case: str({**case, "says": None}))
def test_what_is_missing_is_told(case: dict[str, Any], server: ApiServer) -> None:
    document = yaml.safe_load(server.kubeconfig) | case.get("edit", {})
    if "user" in case:
        document["users"][0]["user"] |= case["user"]
    with pytest.raises(kubeconfig.UnusableError) as raised:
        kubeconfig.credentials(case.get("text", yaml.safe_dump(document)))
    assert str(raised.value) == case["says"]


@pytest.mark.parametrize("share", [0.1, 0.3, 0.5, 0.7, 0.9, 0.99])
def test_wherever_the_writing_was_cut_off_it_is_no_traceback(server: ApiServer, share: float) -> None:
    with pytest.raises(kubeconfig.UnusableError):
        kubeconfig.credentials(server.kubeconfig[: int(len(server.kubeconfig) * share)])


@pytest.fixture
def run(run_of: Callable[..., Run], monkeypatch: pytest.MonkeyPatch) -> Callable[..., Run]:
    def make(*kubeconfigs: str) -> Run:
        held = dict(zip(NODES, kubeconfigs, strict=True))
        monkeypatch.setattr(access, "kubeconfig_of", lambda _, name: held[name])
        return run_of(*NODES)

    return make


def test_another_control_planes_kubeconfig_is_taken(run: Callable[..., Run], server: ApiServer) -> None:
    api = access._connect(run(server.kubeconfig[:400], "", server.kubeconfig))
    assert api is not None
    assert api.kubeconfig == server.kubeconfig


def test_where_none_is_whole_it_is_one_line_with_its_cure(run: Callable[..., Run]) -> None:
    with pytest.raises(UnreachableError) as raised:
        access.open_api(run("clusters:", "", "clusters: ["))
    said = str(raised.value)
    assert said.startswith(
        f"the Kubernetes API at 10.31.90.0:8443 is not ready: /etc/kubernetes/admin.conf of {NODES[0]} has no certificate-authority-data"
    )
    assert f"/etc/kubernetes/admin.conf of {NODES[2]} is no YAML" in said
    assert "rm /etc/kubernetes/admin.conf && kubeadm init phase kubeconfig admin --control-plane-endpoint " in said
    assert "\n" not in said


def test_a_cluster_is_not_there_while_none_is_whole(run: Callable[..., Run]) -> None:
    """kubeadm init was cut off while it wrote it: init goes on (tasks.control_plane.birth judges where it may)."""
    assert access.api_of_cluster(run("clusters:", "", "")) is None
