"""A cluster of the shipped inventory, adopted as if it were a stranger's: its routers are told what the whole inventory tells them."""

from collections.abc import Callable
from typing import Any

import pytest

from kubepeer.intent import Intent, Router
from kubepeer.intent.load import load_intent
from kubepeer.run import Run
from kubepeer.settings import read_settings
from tasks.adopt import tasks
from tasks.adopt.written import CONFIG
from tasks.cluster import bgp_objects
from tasks.linux.templates import render
from tasks.platforms.platform import PLATFORMS, context
from tasks.routes.cluster import read_objects
from tasks.routes.expected import announced
from tasks.routes.selection import elsewhere, peers
from tests.unit.adopt.served import Adopt

STORED = "/apis/crd.projectcalico.org/v1"
RACKS = {f"k8s-calico-worker-10-31-90-{number}": {"data": {"routers": ["openwrt"]}} for number in (5, 6)}
OWN_AS = {"k8s-calico-worker-10-31-90-6": {"data": {"as_number": 64599}}}
BOTH = {"k8s-calico-worker-10-31-90-6": {"data": {"routers": ["openwrt"], "as_number": 64599}}}


def node(intent: Intent, name: str) -> dict[str, Any]:
    """As kubelet and calico-node leave it, with what Kubepeer has put on it."""
    one = intent.node(name)
    standing = {other.full_name: bgp_objects.StandingNode() for other in intent.nodes}
    ours = {
        said["metadata"]["name"]: said["metadata"] for said in bgp_objects.nodes(intent, standing, keep_labels=True)
    }
    own = ours.get(one.full_name, {})
    role = {"node-role.kubernetes.io/control-plane": ""} if one.role == "control_plane" else {}
    link = intent.cluster.networks.nodes.prefixlen
    annotations = {"projectcalico.org/IPv4Address": f"{one.address}/{link}"}
    return {
        "metadata": {
            "name": one.full_name,
            "labels": own.get("labels", {}) | role,
            "annotations": own.get("annotations", {}) | annotations,
        },
        "status": {"addresses": [{"type": "InternalIP", "address": str(one.address)}]},
    }


def api(intent: Intent) -> dict[str, Any]:
    """What the API of the cluster serves when this inventory has been deployed."""
    objects = bgp_objects.bgp(intent, None)
    pool = intent.cluster.networks.pools[0]
    spec = {"cidr": str(pool.cidr), "blockSize": pool.block_size, "vxlanMode": "CrossSubnet", "ipipMode": "Never"}
    return {
        "/api/v1/nodes": [node(intent, one.name) for one in intent.nodes],
        f"{STORED}/bgpconfigurations/default": next(one for one in objects if one["kind"] == "BGPConfiguration"),
        f"{STORED}/bgppeers": [one for one in objects if one["kind"] == "BGPPeer"],
        f"{STORED}/bgpfilters": [one for one in objects if one["kind"] == "BGPFilter"],
        f"{STORED}/ippools": [{"metadata": {"name": "default-ipv4-ippool"}, "spec": spec}],
        f"{STORED}/blockaffinities": [
            {"spec": {"cidr": f"10.33.{place}.0/24", "node": one.full_name, "state": "confirmed"}}
            for place, one in enumerate(intent.nodes)
        ],
    }


def told(intent: Intent, router: Router) -> str:
    return render(PLATFORMS[router.platform].template, **context(intent, router, "", None))


@pytest.fixture
def adopted(adopt: Adopt, run_of: Callable[..., Run], monkeypatch: pytest.MonkeyPatch) -> Callable[[Intent], Run]:
    """A run on what adopt.py writes of an intent's cluster, completed by hand in what the cluster cannot know: the timers."""

    def make(intent: Intent) -> Run:
        arguments = [f"--router={router.name}={router.address}:{router.platform}" for router in intent.routers]
        code, to, served = adopt({"api": api(intent), "arguments": arguments, "called": intent.cluster.name})
        assert code == 0
        read = load_intent(read_settings(to / CONFIG), PLATFORMS)
        times = {key: getattr(intent.cluster.bgp, key) for key in ("keepalive_seconds", "hold_seconds")}
        bgp = read.cluster.bgp.model_copy(update=times)
        read = read.model_copy(update={"cluster": read.cluster.model_copy(update={"bgp": bgp})})
        run = run_of(*(router.name for router in read.routers), intent=read)
        monkeypatch.setattr(tasks, "open_api", lambda _, **__: served)
        tasks.know_members(run)
        return run

    return make


@pytest.mark.parametrize("platform", [*PLATFORMS])
@pytest.mark.parametrize("hosts", [{}, RACKS, OWN_AS, BOTH], ids=["all", "some", "own AS", "both"])
def test_it_is_the_same(
    intent_of: Callable[..., Intent], adopted: Callable[[Intent], Run], platform: str, hosts: dict[str, Any]
) -> None:
    routers = {name: {"groups": [platform]} for name in ("openwrt", "tiny-unraid")}
    whole = intent_of("lab", hosts={**hosts, **routers})
    run = adopted(whole)
    assert [one.name for one in run.intent.nodes] == [one.name for one in whole.nodes]
    for router in whole.routers:
        assert told(run.intent, run.intent.router(router.name)) == told(whole, router)


@pytest.mark.parametrize("hosts", [{}, RACKS, OWN_AS], ids=["all", "some", "own AS"])
def test_what_is_expected_is_the_same(
    intent_of: Callable[..., Intent], adopted: Callable[[Intent], Run], hosts: dict[str, Any], adopt: Adopt
) -> None:
    whole = intent_of("lab", hosts=hosts)
    run = adopted(whole)
    objects = read_objects(tasks.open_api(run))
    found = [
        announced(objects, intent.cluster.bgp.announced_services(intent.cluster.networks))
        for intent in (whole, run.intent)
    ]
    assert found[0] == found[1]
    assert len(found[0].routes) == len(whole.nodes) + 2
    assert peers(whole, found[0]) == peers(run.intent, found[1])
    for router in whole.routers:
        of_adopted = run.intent.router(router.name)
        assert elsewhere(whole, found[0], router) == elsewhere(run.intent, found[1], of_adopted)
