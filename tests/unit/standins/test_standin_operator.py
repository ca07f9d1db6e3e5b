"""The operator: what it fills into an Installation, which IPPools that becomes, and what TigeraStatus says."""

from pathlib import Path
from typing import Any

import pytest
from cluster_api.objects import covers, name, spec
from tigera_operator import (
    api,
    conditions,
    configuration,
    controllers,
    defaults,
    definitions,
    managed,
    pools,
    release,
    workload,
)

NOW, BEFORE = "2026-11-23T03:00:00Z", "2026-11-23T02:00:00Z"
NEWEST = "3.32.1"
CRDS = Path(__file__).parents[3] / "lab" / "standins" / "manifests" / "calico-3.32.1" / "operator-crds.yaml"
UPDATE = {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": 1}}


@pytest.mark.cases("installation")
def test_an_installation_becomes_ip_pools_or_a_reason(case: dict[str, Any]) -> None:
    version, subnets = case.get("version", NEWEST), case.get("pod_subnets", [])
    filled = defaults.filled(case["spec"], version, subnets)
    if "degraded" in case:
        with pytest.raises(defaults.ConfigurationError) as raised:
            pools.ip_pools(filled, version, subnets)
        assert str(raised.value) == case["degraded"]
        return
    written = pools.ip_pools(filled, version, subnets)
    assert {name(pool): spec(pool) for pool in written} == case["ip_pools"]


@pytest.mark.cases("defaults")
def test_defaults_are_those_of_the_release(case: dict[str, Any]) -> None:
    filled = defaults.filled(case["spec"], case["version"], case.get("pod_networks", []))
    if "degraded" in case:
        with pytest.raises(defaults.ConfigurationError) as raised:
            defaults.detections(filled)
        assert str(raised.value) == case["degraded"]
        return
    assert filled["calicoNetwork"]["ipPools"] == case["ip_pools"]
    assert defaults.detections(filled) == (case["detection"], case.get("detection_v6", ""))


@pytest.mark.parametrize(("version", "windows"), [("3.24.5", None), (NEWEST, "Disabled")])
def test_an_installation_is_filled_in_from_top_to_bottom(version: str, windows: str | None) -> None:
    """What kube-proxy and the addresses of nodes depend on; what was given stays."""
    network = defaults.filled({}, version, [])["calicoNetwork"]
    assert (network["linuxDataplane"], network.get("windowsDataplane")) == ("Iptables", windows)
    assert network["nodeAddressAutodetectionV4"] == {"firstFound": True}
    given = {"linuxDataplane": "Nftables", "nodeAddressAutodetectionV4": {"kubernetes": "NodeInternalIP"}}
    assert defaults.filled({"calicoNetwork": given}, version, [])["calicoNetwork"].items() >= given.items()


@pytest.mark.parametrize("version", ["3.24.5", NEWEST])
def test_what_was_filled_in_needs_no_second_time(version: str) -> None:
    once = defaults.filled({"calicoNetwork": {"ipPools": [{"cidr": "10.33.0.0/17"}]}}, version, [])
    assert defaults.change(once, defaults.filled(once, version, [])) == {}


def test_a_pool_without_its_defaults_is_written_as_a_whole_list_again() -> None:
    """An atomic list: whoever applies his own takes away what was filled in."""
    once = defaults.filled({"calicoNetwork": {"ipPools": [{"cidr": "10.33.0.0/17"}]}}, NEWEST, [])
    applied = once | {"calicoNetwork": once["calicoNetwork"] | {"ipPools": [{"cidr": "10.33.0.0/17"}]}}
    change = defaults.change(applied, defaults.filled(applied, NEWEST, []))
    assert change == {"calicoNetwork": {"ipPools": once["calicoNetwork"]["ipPools"]}}


def test_a_method_laid_over_the_default_one_makes_two() -> None:
    standing = defaults.filled({"calicoNetwork": {"ipPools": []}}, NEWEST, [])
    standing["calicoNetwork"]["nodeAddressAutodetectionV4"]["kubernetes"] = "NodeInternalIP"
    with pytest.raises(defaults.ConfigurationError, match="no more than one"):
        defaults.detections(defaults.filled(standing, NEWEST, []))


def test_a_registry_gets_its_slash() -> None:
    assert defaults.filled({"registry": "10.31.0.2:5000"}, NEWEST, [])["registry"] == "10.31.0.2:5000/"


@pytest.mark.cases("pool_changes")
def test_pools_change_as_the_release_lets_them(case: dict[str, Any]) -> None:
    version = case.get("version", NEWEST)
    wanted = [{"metadata": {"name": title}, "spec": {"cidr": cidr}} for title, cidr in case["wanted"].items()]
    standing = {
        title: {
            "metadata": {"name": title, "labels": {} if pool.get("foreign") else dict(pools.MANAGED_BY)},
            "spec": {"cidr": pool["cidr"], **pool.get("more", {})},
        }
        for title, pool in case["standing"].items()
    }
    decided = pools.decide(wanted, standing, version, ready=case["ready"])
    assert [name(pool) for pool in decided.create] == case.get("create", [])
    assert [name(pool) for pool in decided.update] == case.get("update", [])
    assert (decided.refused or ("", ""))[1] == case.get("refused", "")


@pytest.mark.parametrize(
    ("line", "subnets"),
    [
        ("  podSubnet: 10.33.0.0/17", ["10.33.0.0/17"]),
        ('  podSubnet: "10.33.0.0/17,fd00::/48"', ["10.33.0.0/17", "fd00::/48"]),
        ("  serviceSubnet: 10.33.128.0/18", []),
    ],
)
def test_the_pod_network_is_read_from_kubeadm(line: str, subnets: list[str]) -> None:
    text = f"apiServer: {{}}\nnetworking:\n  dnsDomain: cali-cluster.tclocal\n{line}\nscheduler: {{}}\n"
    assert pools.kubeadm_pod_subnets({"data": {"ClusterConfiguration": text}}) == subnets


def test_without_kubeadm_no_pod_network_is_known() -> None:
    assert pools.kubeadm_pod_subnets(None) == []


@pytest.mark.cases("tigera_status")
def test_a_component_is_available_when_all_its_pods_are(case: dict[str, Any]) -> None:
    if "deployment" in case:
        state = conditions.of_deployment("calico-system/calico-apiserver", case["deployment"], case.get("pods", []))
    else:
        state = conditions.of_daemon_set("calico-system/calico-node", case["daemon_set"], case.get("pods", []))
    assert {"available": state.available, "progressing": state.progressing, "degraded": state.degraded} == {
        kind: kind == case["state"] for kind in ("available", "progressing", "degraded")
    }
    assert state.message == case["message"]


def test_what_cannot_be_had_comes_before_what_is_on_its_way() -> None:
    waiting, refused = conditions.waiting("awaiting 3 nodes"), conditions.refused("PodFailure", "one fails")
    assert conditions.together(conditions.AVAILABLE, waiting, refused) == refused
    assert conditions.together(conditions.AVAILABLE, waiting, waiting).message == "awaiting 3 nodes; awaiting 3 nodes"
    assert conditions.together(conditions.AVAILABLE, conditions.AVAILABLE) == conditions.AVAILABLE


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
    written = conditions.conditions(conditions.AVAILABLE, [], NOW, 1)
    assert [condition for condition in written if "" in condition.values()] == []


def _daemon_set(bind_mode: str = "", detections: tuple[str, str] = ("first-found", "")) -> dict[str, Any]:
    return workload.daemon_set("example.org/calico-node:v1", NEWEST, detections, bind_mode, 30, UPDATE).item


def test_what_a_server_defaults_is_no_difference() -> None:
    desired, live = _daemon_set(), _daemon_set()
    live["metadata"] |= {"uid": "x", "generation": 3}
    live["spec"]["template"]["spec"]["containers"][0]["terminationMessagePath"] = "/dev/termination-log"
    assert covers(live, desired)
    live["spec"]["template"]["spec"]["tolerations"].pop()
    assert not covers(live, desired)


def test_another_bind_mode_is_another_template() -> None:
    templates = [_daemon_set(mode)["spec"]["template"] for mode in ("", "None", "NodeIP")]
    marks = [template["metadata"].get("annotations", {}).get(workload.BIND_MODE_ANNOTATION) for template in templates]
    assert len(set(marks)) == 3
    assert len({str(template["spec"]) for template in templates}) == 1
    configurations = [{"metadata": {"name": "default"}, "spec": {"bindMode": "NodeIP"}}, {"metadata": {"name": "x"}}]
    assert configuration.bind_mode(configurations) == "NodeIP"
    assert configuration.bind_mode([]) == ""


def test_calico_nodes_are_exchanged_one_after_the_other() -> None:
    strategy = defaults.filled({}, NEWEST, [])["nodeUpdateStrategy"]
    written = workload.daemon_set("image", NEWEST, ("first-found", ""), "NodeIP", 30, strategy).item["spec"][
        "updateStrategy"
    ]
    assert written == {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": 1}}


@pytest.mark.parametrize(
    ("detections", "variables"),
    [
        (
            ("interface=eth0", ""),
            {
                "IP": "autodetect",
                "IP_AUTODETECTION_METHOD": "interface=eth0",
                "IP6": "none",
                "FELIX_IPV6SUPPORT": "false",
            },
        ),
        (
            ("first-found", "kubernetes-internal-ip"),
            {
                "IP": "autodetect",
                "IP_AUTODETECTION_METHOD": "first-found",
                "IP6": "autodetect",
                "IP6_AUTODETECTION_METHOD": "kubernetes-internal-ip",
                "FELIX_IPV6SUPPORT": "true",
            },
        ),
        (
            ("", "first-found"),
            {
                "IP": "none",
                "IP6": "autodetect",
                "IP6_AUTODETECTION_METHOD": "first-found",
                "FELIX_IPV6SUPPORT": "true",
                "CALICO_ROUTER_ID": "hash",
            },
        ),
    ],
)
def test_calico_node_is_told_how_to_find_its_addresses(detections: tuple[str, str], variables: dict[str, str]) -> None:
    (container,) = _daemon_set(detections=detections)["spec"]["template"]["spec"]["containers"]
    told = {one["name"]: one["value"] for one in container["env"] if "value" in one}
    assert told == variables | {"CALICO_VERSION": NEWEST, "CALICO_NETWORKING_BACKEND": "bird"}


def test_without_bgp_calico_node_has_another_backend() -> None:
    written = workload.daemon_set("image", NEWEST, ("first-found", ""), "", 30, UPDATE, bgp=False).item
    (container,) = written["spec"]["template"]["spec"]["containers"]
    assert {"name": "CALICO_NETWORKING_BACKEND", "value": "vxlan"} in container["env"]
    assert container["readinessProbe"]["periodSeconds"] == 30


@pytest.mark.parametrize(
    ("mode", "standing", "version", "change"),
    [
        (None, {}, NEWEST, None),
        ("BIRD", {}, "3.31.7", None),
        ("BIRD", {}, NEWEST, {"spec": {"programClusterRoutes": "Enabled"}}),
        ("Felix", {"programClusterRoutes": "Enabled"}, NEWEST, {"spec": {"programClusterRoutes": "Disabled"}}),
        ("BIRD", {"programClusterRoutes": "Enabled"}, NEWEST, None),
    ],
)
def test_who_programs_the_clusters_routes_is_written_into_bgp(
    mode: str | None, standing: dict[str, Any], version: str, change: dict[str, Any] | None
) -> None:
    installation = {"metadata": {"name": "default"}, "spec": {"calicoNetwork": {"clusterRoutingMode": mode}}}
    configurations = [{"metadata": {"name": "default"}, "spec": standing}]
    assert configuration.cluster_routes(installation, configurations, version) == change


@pytest.mark.parametrize(
    ("registry", "image"),
    [
        ("", "docker.io/kubepeer-standin/calico-node:v1"),
        ("10.31.0.2:5000/", "10.31.0.2:5000/kubepeer-standin/calico-node:v1"),
        ("registry.example", "registry.example/kubepeer-standin/calico-node:v1"),
    ],
)
def test_the_image_comes_from_the_registry_of_the_installation(registry: str, image: str) -> None:
    assert release.image("docker.io/kubepeer-standin/calico-node:v1", registry) == image


def test_what_comes_from_a_resource_goes_with_it() -> None:
    owner = {"apiVersion": "operator.tigera.io/v1", "kind": "APIServer", "metadata": {"name": "default", "uid": "u"}}
    tied = managed.owned(api.service("calico-system"), owner).item
    assert [(one["kind"], one["uid"], one["controller"]) for one in tied["metadata"]["ownerReferences"]] == [
        ("APIServer", "u", True)
    ]
    assert api.service("calico-system").item["metadata"].get("ownerReferences") is None


@pytest.mark.parametrize(("version", "home"), [("3.24.5", "calico-apiserver"), (NEWEST, "calico-system")])
def test_the_api_server_lives_where_its_release_has_it(version: str, home: str) -> None:
    deployment = api.deployment("image", version, 2, 60, "mark").item
    assert deployment["metadata"]["namespace"] == api.space(version) == home
    (container,) = deployment["spec"]["template"]["spec"]["containers"]
    assert container["readinessProbe"]["periodSeconds"] == 60
    assert controllers.deployment("image", version).item["metadata"]["namespace"] == "calico-system"


@pytest.mark.parametrize("replicas", [1, 2])
def test_the_pods_of_the_api_server_ask_for_a_node_each_where_there_are_several(replicas: int) -> None:
    pod = api.deployment("image", NEWEST, replicas, 60, "mark").item["spec"]["template"]
    wanted = pod["spec"].get("affinity", {}).get("podAntiAffinity", {})
    terms = [one["podAffinityTerm"] for one in wanted.get("preferredDuringSchedulingIgnoredDuringExecution", ())]
    assert ("kubernetes.io/hostname" in {term["topologyKey"] for term in terms}) is (replicas > 1)
    assert all(
        term["labelSelector"]["matchLabels"].items() <= pod["metadata"]["labels"].items()
        and term["namespaces"] == [api.space(NEWEST)]
        for term in terms
    )


def test_the_definitions_are_taken_apart_by_name() -> None:
    parts = definitions.documents(CRDS.read_text())
    assert "installations.operator.tigera.io" in parts
    assert len(parts) == CRDS.read_text().count("kind: CustomResourceDefinition")
    assert all(f"  name: {title}\n" in text for title, text in parts.items())


@pytest.mark.parametrize(
    ("version", "file"), [("3.30.0", None), ("3.32.0", "3.32.1"), ("3.32.1", "3.32.1"), ("3.33.0", "3.32.1")]
)
def test_the_definitions_are_the_newest_that_fit(version: str, file: str | None, tmp_path: Path) -> None:
    (tmp_path / "3.32.1.yaml").touch()
    found = definitions.file_for(version, tmp_path)
    assert (found.stem if found else None) == file
