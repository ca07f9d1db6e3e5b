"""The operator: which IPPool an Installation becomes, and what TigeraStatus says."""

from ipaddress import IPv4Network
from typing import Any

import pytest
from cluster_api.objects import covers
from tigera_operator import conditions, pools, v3, workload

NOW, BEFORE = "2026-11-23T03:00:00Z", "2026-11-23T02:00:00Z"


@pytest.mark.cases("installation")
def test_an_installation_becomes_an_ip_pool_or_a_reason(case: dict[str, Any]) -> None:
    subnets = [IPv4Network(text) for text in case.get("pod_subnets", [])]
    installation = {"metadata": {"name": "default"}, "spec": case["spec"]}
    if "degraded" in case:
        with pytest.raises(pools.ConfigurationError) as raised:
            pools.ip_pool(installation, subnets)
        assert str(raised.value) == case["degraded"]
        return
    written = pools.ip_pool(installation, subnets)
    assert written["metadata"] == {"name": "default-ipv4-ippool"}
    assert written["spec"] == case["ip_pool"]


@pytest.mark.parametrize(
    ("line", "subnets"),
    [
        ("  podSubnet: 10.33.0.0/17", ["10.33.0.0/17"]),
        ('  podSubnet: "10.33.0.0/17,fd00::/48"', ["10.33.0.0/17"]),
        ("  serviceSubnet: 10.33.128.0/18", []),
    ],
)
def test_the_pod_network_is_read_from_kubeadm(line: str, subnets: list[str]) -> None:
    text = f"apiServer: {{}}\nnetworking:\n  dnsDomain: cali-cluster.tclocal\n{line}\nscheduler: {{}}\n"
    assert [str(subnet) for subnet in pools.kubeadm_pod_subnets({"data": {"ClusterConfiguration": text}})] == subnets


def test_without_kubeadm_no_pod_network_is_known() -> None:
    assert pools.kubeadm_pod_subnets(None) == []


@pytest.mark.cases("tigera_status")
def test_calico_is_available_when_all_nodes_are_ready(case: dict[str, Any]) -> None:
    state = conditions.of_daemon_set(case["daemon_set"], case.get("pods", []))
    assert {"available": state.available, "progressing": state.progressing, "degraded": state.degraded} == {
        kind: kind == case["state"] for kind in ("available", "progressing", "degraded")
    }
    assert state.message == case["message"]


def test_a_condition_keeps_its_time_until_it_turns() -> None:
    before = conditions.conditions(conditions.waiting("awaiting 3 nodes"), [], BEFORE, 1)
    between = conditions.conditions(conditions.waiting("awaiting 1 nodes"), before, NOW, 1)
    after = conditions.conditions(conditions.AVAILABLE, between, NOW, 2)
    assert [condition["lastTransitionTime"] for condition in between] == [BEFORE] * 3
    assert [(condition["type"], condition["status"], condition["lastTransitionTime"]) for condition in after] == [
        ("Available", "True", NOW),
        ("Progressing", "False", NOW),
        ("Degraded", "False", BEFORE),
    ]


def test_no_condition_holds_an_empty_string() -> None:
    """An API server of 1.20 built with a newer Go takes them for null and refuses them."""
    written = conditions.conditions(conditions.AVAILABLE, [], NOW, 1)
    assert [condition for condition in written if "" in condition.values()] == []


def test_what_a_server_defaults_is_no_difference() -> None:
    desired = workload.daemon_set("example.org/calico-node:v1").item
    live = workload.daemon_set("example.org/calico-node:v1").item
    live["metadata"] |= {"uid": "x", "generation": 3}
    live["spec"]["template"]["spec"]["containers"][0]["terminationMessagePath"] = "/dev/termination-log"
    assert covers(live, desired)
    live["spec"]["template"]["spec"]["tolerations"].pop()
    assert not covers(live, desired)


@pytest.mark.parametrize(
    ("registry", "image"),
    [
        ("", "docker.io/kubepeer-standin/calico-node:v1"),
        ("10.31.0.2:5000/", "10.31.0.2:5000/kubepeer-standin/calico-node:v1"),
        ("registry.example", "registry.example/kubepeer-standin/calico-node:v1"),
    ],
)
def test_the_image_comes_from_the_registry_of_the_installation(registry: str, image: str) -> None:
    assert workload.image("docker.io/kubepeer-standin/calico-node:v1", registry) == image


@pytest.mark.parametrize("plural", [v3.IP_POOLS, v3.BGP_CONFIGURATIONS, v3.BGP_PEERS])
def test_every_definition_is_a_structural_schema(plural: str) -> None:
    """Each part has a type, save for numbers that may be texts: the API server asks for that."""

    def parts(schema: dict[str, Any]) -> list[dict[str, Any]]:
        below = [*schema.get("properties", {}).values(), *([schema["items"]] if "items" in schema else [])]
        return [schema, *(part for child in below for part in parts(child))]

    definition = v3.definition(plural)
    (version,) = definition["spec"]["versions"]
    schema = version["schema"]["openAPIV3Schema"]
    assert [part for part in parts(schema) if "type" not in part and "x-kubernetes-int-or-string" not in part] == []
    assert definition["metadata"]["name"] == f"{plural}.projectcalico.org"
    assert definition["spec"]["scope"] == "Cluster"
