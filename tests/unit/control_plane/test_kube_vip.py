"""The API's one address by kube-vip: the manifest by its documentation, and whose rights it begins with."""

from collections.abc import Mapping
from typing import Any

import pytest
import yaml

from kubepeer.intent import Intent
from tasks.control_plane import kube_vip
from tasks.control_plane.endpoint import FILES, PATHS, configuration_of, plan_endpoint
from tasks.linux.observe import Answer, FileSeen, Seen
from tasks.linux.state import LinuxChange, Write

KUBE_VIP = {"endpoint": {"provider": "kube-vip", "port": 6443}}
IMAGE = {"data": {"software": {"kube_vip_image": "ghcr.io/kube-vip/kube-vip:v0.8.9"}}}


@pytest.fixture
def intent(intent_of: Any) -> Intent:
    edited: Intent = intent_of("lab", groups={"fabric": {"data": {"cluster": KUBE_VIP}}}, defaults_file=IMAGE)
    return edited


@pytest.fixture
def old_intent(intent_of: Any) -> Intent:
    """Of a Kubernetes that has no super-admin.conf."""
    edited: Intent = intent_of("seed", groups={"fabric": {"data": {"cluster": KUBE_VIP}}}, defaults_file=IMAGE)
    return edited


def seen(files: Mapping[str, FileSeen | None] | None = None) -> Seen:
    return Seen({"restarts": Answer(0, "")}, dict.fromkeys(PATHS) | dict(files or {}))


def after(changes: tuple[LinuxChange, ...]) -> dict[str, FileSeen | None]:
    written = [step for change in changes for step in change.steps if isinstance(step, Write)]
    return {step.path: FileSeen(step.mode, step.owner, step.content) for step in written}


def kubeconfig(changes: tuple[LinuxChange, ...]) -> str:
    (manifest,) = [change.after for change in changes if change.what == kube_vip.POD]
    volumes = yaml.safe_load(manifest or "")["spec"]["volumes"]
    return str(next(volume["hostPath"]["path"] for volume in volumes if volume["name"] == "kubeconfig"))


def test_its_two_files_are_placed_and_nothing_of_keepalived(intent: Intent) -> None:
    changes = plan_endpoint(intent, intent.nodes[0], seen(), None)
    assert [change.what for change in changes] == [kube_vip.HOSTS_FILE, kube_vip.POD]
    stands = seen(after(changes))
    assert plan_endpoint(intent, intent.nodes[0], stands, None) == ()


def test_the_manifest_is_that_of_its_documentation(intent: Intent) -> None:
    pod = yaml.safe_load(kube_vip.files(intent, intent.nodes[1], None, cluster_stands=True)[kube_vip.POD])
    (container,) = pod["spec"]["containers"]
    assert (container["image"], container["args"]) == (intent.software.kube_vip_image, ["manager"])
    assert {one["name"]: one.get("value") for one in container["env"]} == {
        "vip_arp": "true",
        "cp_enable": "true",
        "cp_namespace": "kube-system",
        "address": "10.31.90.0",
        "port": "6443",
        "vip_interface": "eth0",
        "vip_subnet": "32",
        "vip_nodename": None,  # the node's, by a field
        "vip_leaderelection": "true",
        "vip_leasename": "plndr-cp-lock",
        "vip_leaseduration": "5",
        "vip_renewdeadline": "3",
        "vip_retryperiod": "1",
    }
    assert container["securityContext"]["capabilities"] == {"drop": ["ALL"], "add": ["NET_ADMIN", "NET_RAW"]}
    assert all(isinstance(one.get("value", ""), str) for one in container["env"])
    assert "127.0.0.1 localhost kubernetes\n" in kube_vip.HOSTS


def test_the_first_control_plane_begins_with_the_rights_that_admin_conf_has_not_yet(intent: Intent) -> None:
    first, second = intent.control_planes[:2]
    begins = plan_endpoint(intent, first, seen(), None)
    assert kubeconfig(begins) == "/etc/kubernetes/super-admin.conf"
    assert kubeconfig(plan_endpoint(intent, second, seen(), None)) == "/etc/kubernetes/admin.conf"
    stands = seen(after(begins))
    assert plan_endpoint(intent, first, stands, None) == (), "an init that was cut off goes on with them"
    (born,) = plan_endpoint(intent, first, stands, None, cluster_stands=True)
    assert kubeconfig((born,)) == "/etc/kubernetes/admin.conf"
    lives = seen(after((*begins, born)))
    assert plan_endpoint(intent, first, lives, None) == (), "an API that does not answer is no new cluster"
    assert configuration_of(born.after or "") != configuration_of(begins[-1].after or "")


def test_before_1_29_admin_conf_has_all_rights(old_intent: Intent) -> None:
    assert kubeconfig(plan_endpoint(old_intent, old_intent.nodes[0], seen(), None)) == "/etc/kubernetes/admin.conf"


def test_a_node_that_is_no_member_yet_loses_what_another_provider_left(intent: Intent, intent_of: Any) -> None:
    before = after(plan_endpoint(intent_of("lab"), intent.nodes[0], seen(), "password"))
    changes = plan_endpoint(intent, intent.nodes[0], seen(before), None)
    assert [change.what for change in changes if change.after is None] == list(FILES["keepalived"])
    assert "password" not in "".join(change.diff for change in changes if change.what.endswith("keepalived.conf"))


def test_a_file_that_somebody_else_has_made_is_left(intent: Intent) -> None:
    theirs = FileSeen("644", "root:root", "frontend web\n")
    changes = plan_endpoint(intent, intent.nodes[0], seen({"/etc/haproxy/haproxy.cfg": theirs}), None)
    assert [change.what for change in changes] == [kube_vip.HOSTS_FILE, kube_vip.POD]


def test_of_an_external_load_balancer_nothing_is_installed(intent_of: Any) -> None:
    intent = intent_of(groups={"fabric": {"data": {"cluster": {"endpoint": {"provider": "external"}}}}})
    assert plan_endpoint(intent, intent.nodes[0], seen(), None) == ()
