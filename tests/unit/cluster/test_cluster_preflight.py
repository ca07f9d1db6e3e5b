"""Why the cluster's objects are not touched: manifests that are none, and what somebody else has installed."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from tasks.cluster import manifests
from tasks.cluster.foreign import is_ours
from tasks.cluster.preflight import Found, _rules, reasons

CHECKOUT = Path(__file__).resolve().parents[3]


def manifest(kind: str, name: str, namespace: str | None = None, **more: Any) -> dict[str, Any]:
    metadata = {"name": name} | ({"namespace": namespace} if namespace else {})
    return {"apiVersion": "v1", "kind": kind, "metadata": metadata, **more}


def definition(name: str, *versions: str) -> dict[str, Any]:
    return manifest(
        "CustomResourceDefinition", name, spec={"versions": [{"name": v, "served": True} for v in versions]}
    )


def deployment(name: str, namespace: str, *arguments: str, image: str = "") -> dict[str, Any]:
    containers = [{"name": name, "args": list(arguments), "image": image}]
    return manifest("Deployment", name, namespace, spec={"template": {"spec": {"containers": containers}}})


def daemon_set(name: str, bgp: str = "") -> dict[str, Any]:
    environment = [{"name": "METALLB_BGP_TYPE", "value": bgp}] if bgp else []
    containers = [{"name": name, "env": environment}]
    return manifest("DaemonSet", name, "metallb-system", spec={"template": {"spec": {"containers": containers}}})


OPERATOR = [definition("installations.operator.tigera.io", "v1"), deployment("tigera-operator", "tigera-operator")]
FIELDS = {name: {} for name in ("peerIP", "asNumber", "keepOriginalNextHop", "nodeSelector", "maxRestartTime")}
OLD_PEERS = manifest(
    "CustomResourceDefinition",
    "bgppeers.crd.projectcalico.org",
    spec={
        "group": "crd.projectcalico.org",
        "names": {"kind": "BGPPeer"},
        "versions": [
            {
                "name": "v1",
                "storage": True,
                "schema": {"openAPIV3Schema": {"properties": {"spec": {"properties": FIELDS}}}},
            }
        ],
    },
)
NUMBER = {"format": "int32", "maximum": 4294967295}
MANY = {"type": "object"}
PEER_FIELDS = {
    "myASN": NUMBER,
    "peerASN": NUMBER,
    "nodeSelectors": MANY,
    **dict.fromkeys(("peerAddress", "holdTime", "passwordSecret"), MANY),
}
INT32_PEERS = manifest(
    "CustomResourceDefinition",
    "bgppeers.metallb.io",
    spec={
        "group": "metallb.io",
        "names": {"kind": "BGPPeer"},
        "versions": [
            {"name": "v1beta2", "schema": {"openAPIV3Schema": {"properties": {"spec": {"properties": PEER_FIELDS}}}}}
        ],
    },
)
PARTS: dict[str, list[dict[str, Any]]] = {
    "with definitions": OPERATOR,
    "without definitions": OPERATOR[1:],
    "makes definitions": [deployment("tigera-operator", "tigera-operator", "-manage-crds=true")],
    "of an older Calico": [OLD_PEERS],
    "native definitions": [definition("bgppeers.projectcalico.org", "v3")],
    "nothing": [],
    "cut off": [*OPERATOR[:1], manifest("Deployment", "tigera-operator", "tigera-operator", spec={"template": None})],
    "purelb 0.6": [definition("servicegroups.purelb.io", "v1"), deployment("allocator", "purelb")],
    "metallb native": [deployment("controller", "metallb-system"), daemon_set("speaker")],
    "metallb of int32": [deployment("controller", "metallb-system"), daemon_set("speaker"), INT32_PEERS],
    "metallb frr": [deployment("controller", "metallb-system"), daemon_set("speaker", "frr")],
    "metallb without speakers": [deployment("controller", "metallb-system")],
    "metallb of another version": [
        deployment("controller", "metallb-system", image="quay.io/metallb/controller:v0.14.9"),
        daemon_set("speaker"),
    ],
    "purelb 0.16": [definition("servicegroups.purelb.io", "v2"), deployment("allocator", "purelb-system")],
}


@pytest.mark.cases("preflight")
def test_what_cannot_end_well_is_refused_with_its_cure(case: dict[str, Any], intent_of: Any) -> None:
    data = {key: case[key] for key in ("software", "manifests", "load_balancer") if key in case}
    intent = intent_of(defaults_file={"data": data}, groups=case.get("groups", {}))
    found = Found(
        PARTS[case.get("operator", "with definitions")],
        PARTS[case.get("definitions", "nothing")],
        PARTS[case.get("balancer") or case.get("purelb", "purelb 0.6")],
        case.get("standing"),
        case.get("foreign", ()),
        case.get("undeclared", ()),
    )
    assert reasons(intent, found, upgrading=case.get("upgrading", False)) == case["says"]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("<!DOCTYPE html>\n<html></html>", "is a web page (HTML), no manifest"),
        ("\n <html>", "is a web page (HTML), no manifest"),
        ("kind: Deployment\nmetadata: {name: a\n", "is no YAML (line 3): is it whole?"),
        ("just words", "is no YAML: is it whole?"),
        ("apiVersion: v1\nkind: Namespace\nmetadata: {name: a}\n---\napiVersion: v1\nkind: Sec", "object number 2"),
        ("apiVersion: v1\nkind: Secret\nmetadata:\n", "object number 1 has no apiVersion, kind and name"),
        ("- a\n- b\n", "is no YAML: is it whole?"),
    ],
)
def test_a_text_that_is_no_manifest_is_told(text: str, says: str) -> None:
    with pytest.raises(manifests.UnreadableError) as raised:
        manifests.parsed(text)
    assert says in str(raised.value)


@pytest.mark.parametrize("name", ["tigera-operator", "purelb-complete"])
def test_the_manifests_of_the_lab_are_read(name: str) -> None:
    files = list((CHECKOUT / "lab/standins/manifests").rglob(f"{name}.yaml"))
    assert files
    for file in files:
        assert manifests.parsed(file.read_text(encoding="utf-8")), file


@pytest.mark.parametrize("words", [["-manage-crds=true"], ["--manage-crds=true"]])
def test_an_operator_that_makes_its_definitions_is_known_by_its_argument(words: list[str]) -> None:
    assert manifests.makes_definitions(deployment("tigera-operator", "tigera-operator", *words))
    assert not manifests.makes_definitions(deployment("tigera-operator", "tigera-operator", "-manage-crds=false"))


RULES = """
- spec: {peerIP: a, node: b, nodeSelector: all()}
  says: "BGPPeer x: node and nodeSelector exclude each other"
- spec: {nodeSelector: %s}
  says: "BGPPeer x: its nodeSelector is longer than 4096 bytes"
- spec: {communities: [{name: a, value: "1:2:3:4"}]}
  says: "1:2:3:4 is no community of Calico's"
- spec: {communities: [{name: a, value: "1:2"}], prefixAdvertisements: [{cidr: c, communities: [a, b]}]}
  says: "b is no community of Calico's"
- spec: {exportV4: [{interface: "a name too long for it"}]}
  says: "a name too long for it is no interface that Calico can filter by"
- spec: {exportV4: [{interface: bond0.100}], nodeSelector: has(router.kubepeer.io/a)}
  says: null
"""


@pytest.mark.parametrize("rule", yaml.safe_load(RULES % ("x" * 4097)))
def test_calicos_own_rules_are_held(rule: dict[str, Any]) -> None:
    found = _rules([{"kind": "BGPPeer", "metadata": {"name": "x"}, "spec": rule["spec"]}])
    assert found == ([rule["says"]] if rule["says"] else [])


def test_an_object_that_we_have_written_is_ours() -> None:
    assert is_ours({"metadata": {"managedFields": [{"manager": "kubectl"}, {"manager": "kubepeer"}]}})
    assert not is_ours({"metadata": {"managedFields": [{"manager": "kubectl"}]}})
    assert not is_ours({"metadata": {}})
