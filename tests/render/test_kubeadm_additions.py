"""What the inventory adds to kubeadm, judged by the real kubeadm: its configuration, the manifests, a certificate, a kubelet's file."""

import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from kubepeer.intent import Intent, Node
from tasks.control_plane import certificate, kubelet_configuration, manifests, settings
from tasks.control_plane.encryption import IDENTITY, Provider, Scheme
from tasks.control_plane.kubeadm import init_configuration, join_configuration
from tasks.control_plane.settings import Given
from tests.conftest import unavailable, untouched
from tests.render.programs import Said, over_this_machine, run
from tests.render.variants import CA_HASH, JOIN

GIVEN = Given(Scheme({"secrets": (Provider("secretbox", "key-1", "c2VjcmV0"), IDENTITY)}).text)
EVERYTHING: dict[str, Any] = {
    "cert_sans": ["api.example.net", "*.api.example.net", "192.0.2.10", "2001:db8::10"],
    "api_server": {
        "extra_args": {"profiling": False, "v": 3},
        "patches": [
            {
                "patch": {
                    "spec": {"containers": [{"name": "kube-apiserver", "resources": {"requests": {"cpu": "300m"}}}]}
                }
            },
            {"type": "json", "patch": [{"op": "add", "path": "/metadata/labels/example", "value": "yes"}]},
        ],
    },
    "controller_manager": {"extra_args": {"node-monitor-grace-period": "60s"}},
    "scheduler": {"patches": [{"type": "merge", "patch": {"metadata": {"labels": {"example": "merged"}}}}]},
    "etcd": {"extra_args": {"quota-backend-bytes": 4294967296}},
    "audit": {"policy": {"rules": [{"level": "Metadata"}]}},
    "admission": {
        "PodSecurity": {"apiVersion": "pod-security.admission.config.k8s.io/v1", "kind": "PodSecurityConfiguration"}
    },
}
EXTERNAL = {"endpoints": ["https://192.0.2.1:2379"], "ca_file": "ca", "certificate_file": "crt", "key_file": "key"}
CORE_DNS = {"patches": [{"patch": {"spec": {"replicas": 3}}}]}
FIRST, SECOND = "k8s-calico-master-10-31-90-1", "k8s-calico-master-10-31-90-2"
KUBELET = {"maxPods": 200, "evictionHard": {"memory.available": "200Mi"}, "registryPullQPS": 0}
IntentOf = Callable[..., Intent]


def intent_with(intent_of: IntentOf, kubeadm: dict[str, Any], **software: Any) -> Intent:
    return intent_of(
        "lab",
        defaults_file={"data": {"kubeadm": kubeadm, "software": software}},
        hosts={FIRST: {"data": {"kubelet_configuration": KUBELET}}},
    )


def configuration(intent: Intent, node: Node, given: Given) -> str:
    """Of the version that the kubeadm at hand builds; the form stays that of the inventory's."""
    text = init_configuration(intent, node, JOIN, given)
    return re.sub(r"kubernetesVersion: v[\d.]+", f"kubernetesVersion: v{untouched('lab').software.kubernetes}", text)


@pytest.mark.parametrize("kubernetes", ["1.26.0", "1.30.0", "1.31.0", "1.36.3"])
@pytest.mark.parametrize("more", [{}, {"external_etcd": EXTERNAL, "etcd": {}}], ids=["stacked", "external"])
def test_kubeadm_knows_all_that_is_added_in_the_form_of_each_version(
    kubeadm: Path, intent_of: IntentOf, tmp_path: Path, kubernetes: str, more: dict[str, Any]
) -> None:
    intent = intent_with(intent_of, EVERYTHING | more, kubernetes=kubernetes)
    first, second = intent.node(FIRST), intent.node(SECOND)
    for text in (configuration(intent, first, GIVEN), join_configuration(intent, second, JOIN, CA_HASH, GIVEN)):
        (tmp_path / "kubeadm.yaml").write_text(text)
        said = run([kubeadm, "config", "validate", "--config", tmp_path / "kubeadm.yaml"])
        assert said.code == 0, said.text
        assert "unknown field" not in said.text
    api = "v1beta4" if kubernetes >= "1.31" else "v1beta3"
    cluster = list(yaml.safe_load_all(configuration(intent, first, GIVEN)))[1]
    assert cluster["apiVersion"] == f"kubeadm.k8s.io/{api}"
    assert isinstance(cluster["apiServer"]["extraArgs"], list if api == "v1beta4" else dict)


@pytest.fixture
def on_a_node(kubeadm: Path) -> Callable[..., Said]:
    if os.geteuid() != 0:
        unavailable("a mount namespace needs root")

    def run_there(script: str, stdin: str = "") -> Said:
        return over_this_machine(kubeadm, script, stdin)

    return run_there


def made(on_a_node: Callable[..., Said], intent: Intent, given: Given) -> dict[str, Any]:
    """Static pod -> its manifest as kubeadm would write it."""
    node = intent.node(FIRST)
    script, stdin = manifests.rendering(
        intent, configuration(intent, node, given), settings.patches(intent, node, given)
    )
    said = on_a_node(script, stdin)
    assert said.code == 0, said.text
    written, standing = manifests.answered(said.text)
    assert standing == {}
    return {name: yaml.safe_load(text) for name, text in written.items()}


def flags(pod: Any) -> dict[str, str]:
    return dict(flag.removeprefix("--").split("=", 1) for flag in pod["spec"]["containers"][0]["command"][1:])


def test_the_manifests_have_what_was_added_and_nothing_is_written_on_the_node(
    on_a_node: Callable[..., Said], intent_of: IntentOf
) -> None:
    intent = intent_with(intent_of, EVERYTHING)
    pods = made(on_a_node, intent, GIVEN)
    assert sorted(pods) == sorted(settings.COMPONENTS)
    server = flags(pods["kube-apiserver"])
    assert (server["profiling"], server["v"]) == ("false", "3")
    assert server["audit-policy-file"] == settings.AUDIT_FILE
    assert server["encryption-provider-config"] == settings.ENCRYPTION_FILE
    assert server["admission-control-config-file"] == settings.ADMISSION_FILE
    metadata = pods["kube-apiserver"]["metadata"]
    assert metadata["labels"]["example"] == "yes"
    assert len(metadata["annotations"][settings.FILES_ANNOTATION]) == 16
    spec = pods["kube-apiserver"]["spec"]
    assert spec["containers"][0]["resources"]["requests"]["cpu"] == "300m"
    mounts = {mount["mountPath"]: mount.get("readOnly", False) for mount in spec["containers"][0]["volumeMounts"]}
    assert mounts[settings.APISERVER_FOLDER] is True
    assert mounts["/var/log/kubernetes/audit"] is False
    assert flags(pods["kube-controller-manager"])["node-monitor-grace-period"] == "60s"
    assert pods["kube-scheduler"]["metadata"]["labels"]["example"] == "merged"
    assert flags(pods["etcd"])["quota-backend-bytes"] == "4294967296"


def test_what_leaves_the_inventory_leaves_the_manifests(on_a_node: Callable[..., Said], intent_of: IntentOf) -> None:
    plain, added = (
        made(on_a_node, intent_with(intent_of, one), Given()) for one in ({}, {"api_server": {"extra_args": {"v": 3}}})
    )
    assert "v" not in flags(plain["kube-apiserver"])
    assert flags(added["kube-apiserver"]) == flags(plain["kube-apiserver"]) | {"v": "3"}
    assert [name for name in plain if plain[name] != added[name]] == ["kube-apiserver"]


def test_a_patch_that_kubeadm_cannot_apply_is_an_error_with_its_words(
    on_a_node: Callable[..., Said], intent_of: IntentOf
) -> None:
    operation = {"op": "replace", "path": "/spec/nowhere/at/all", "value": 1}
    intent = intent_with(intent_of, {"scheduler": {"patches": [{"type": "json", "patch": [operation]}]}})
    node = intent.node(FIRST)
    script, stdin = manifests.rendering(intent, configuration(intent, node, Given()), settings.patches(intent, node))
    said = on_a_node(script, stdin)
    assert said.code != 0
    assert "nowhere" in said.text
    assert len(said.text.strip().splitlines()) == 1


def test_an_etcd_of_somebody_else_is_what_the_apiserver_asks(
    on_a_node: Callable[..., Said], intent_of: IntentOf
) -> None:
    intent = intent_with(intent_of, {"external_etcd": EXTERNAL})
    given = Given(etcd=dict.fromkeys((settings.ETCD_CA, settings.ETCD_CERTIFICATE, settings.ETCD_KEY), "x"))
    pods = made(on_a_node, intent, given)
    assert sorted(pods) == ["kube-apiserver", "kube-controller-manager", "kube-scheduler"]
    server = flags(pods["kube-apiserver"])
    assert server["etcd-servers"] == "https://192.0.2.1:2379"
    assert server["etcd-keyfile"] == settings.ETCD_KEY


def test_the_certificate_has_just_the_names_that_are_planned(
    on_a_node: Callable[..., Said], intent_of: IntentOf
) -> None:
    intent = intent_with(intent_of, EVERYTHING)
    node = intent.node(FIRST)
    script = """cat >/run/init.yaml
for one in ca apiserver; do kubeadm init phase certs $one --config /run/init.yaml >/dev/null || exit; done
cat /etc/kubernetes/pki/apiserver.crt"""
    said = on_a_node(script, configuration(intent, node, Given()))
    assert said.code == 0, said.text
    assert certificate.names_in(said.text[said.text.index("-----BEGIN") :]) == certificate.names(intent, node)


def test_a_certificate_that_lacks_a_name_is_made_anew(on_a_node: Callable[..., Said], intent_of: IntentOf) -> None:
    """By the very script of the change; what it cannot make anew it leaves as it was."""
    plain, added = intent_with(intent_of, {}), intent_with(intent_of, EVERYTHING)
    node = added.node(FIRST)
    before, after = (configuration(one, node, Given()) for one in (plain, added))
    renew = certificate.renewing(added, mark=True)
    script = f"""cat >/run/all; sed -n '1,/^@@/p' /run/all | sed '$d' >/run/before; sed '1,/^@@/d' /run/all >/run/after
for one in ca apiserver; do kubeadm init phase certs $one --config /run/before >/dev/null || exit; done
cat >/run/renew <<'THE-END'
{renew}
THE-END
cp /etc/kubernetes/pki/apiserver.crt /run/old; echo nonsense | sh /run/renew 2>/run/said && exit 9
cmp /run/old /etc/kubernetes/pki/apiserver.crt || exit 8
[ -s /run/said ] && [ ! -e /run/kubepeer-restart-pending.kube-apiserver ] || exit 7
sh /run/renew </run/after || exit 6
[ -e /run/kubepeer-restart-pending.kube-apiserver ] || exit 5
ls -A /etc/kubernetes/pki; cat /etc/kubernetes/pki/apiserver.crt"""
    said = on_a_node(script, f"{before}@@\n{after}")
    assert said.code == 0, said.text
    assert said.text.splitlines()[:4] == ["apiserver.crt", "apiserver.key", "ca.crt", "ca.key"]
    assert certificate.names_in(said.text[said.text.index("-----BEGIN") :]) == certificate.names(added, node)


def test_a_kubelet_that_kubeadm_has_configured_is_as_it_should_be(
    on_a_node: Callable[..., Said], intent_of: IntentOf
) -> None:
    """The host's own fields come by a patch, the cluster's by the configuration; and what differs afterwards is seen."""
    intent = intent_with(
        intent_of, EVERYTHING, kubelet_configuration={"nodeStatusUpdateFrequency": "60s", "maxPods": 50}
    )
    node = intent.node(FIRST)
    patches = "".join(
        f"cat >{settings.PATCHES_FOLDER}/{name} <<'THE-END'\n{text}THE-END\n"
        for name, text in settings.patches(intent, node).items()
    )
    script = f"""mkdir -p {settings.PATCHES_FOLDER}; cat >/run/init.yaml
{patches}
kubeadm init phase kubelet-start --config /run/init.yaml >/run/log 2>&1
cat /var/lib/kubelet/config.yaml"""
    said = on_a_node(script, configuration(intent, node, Given()))
    assert said.code == 0, said.text
    written = yaml.safe_load(said.text)
    assert {name: written[name] for name in KUBELET} == KUBELET
    assert kubelet_configuration.planned(kubelet_configuration.of_node(intent, node), said.text) is None
    other = intent_with(intent_of, EVERYTHING).node(FIRST)
    assert (
        kubelet_configuration.planned(kubelet_configuration.of_node(intent_with(intent_of, {}), other), said.text)
        is not None
    )
