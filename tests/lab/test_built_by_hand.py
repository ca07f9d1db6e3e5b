"""A cluster that a person has built with kubeadm, and routers that a person has configured, adopted: nothing on them is Kubepeer's.

They are verified as they stand, broken in three ways, planned, and at the end the routers are taken over. No node is ever logged in to.
"""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml

from tasks.routers.plan import SYSCTL_FILE
from tests.conftest import merged
from tests.lab import hand_built
from tests.lab.conftest import HEALED_SECONDS, STANDING, Measure
from tests.lab.devices import Kubectl, routes_in
from tests.lab.hand_built import BIRD, BIRD_FILE, EXTERNAL, FRR, MACHINES, NODES, OF_SERVICES, PEERS, PODS, SERVICES
from tests.lab.laboratory import CHECKOUT, Laboratory, wait_for
from tests.lab.router import Routes
from tests.lab.routers import DEVICES
from tests.lab.runbooks import Answer, Runbooks

pytestmark = [pytest.mark.lab, pytest.mark.long("layouts")]
HASH_POLICY = "net.ipv4.fib_multipath_hash_policy"
CAUSE_SECONDS = 180
NODE, ADDRESS = "blade-a", NODES["blade-a"]
OWN_SESSION = f"Global_{PEERS[FRR][1].replace('.', '_')}"
OBJECTS = ("bgpconfigurations.projectcalico.org,bgppeers.projectcalico.org,ippools.projectcalico.org",)


@dataclass(frozen=True)
class ByHand:
    """The cluster, what adopt.py has said of it, and the runbooks on the inventory that it has written."""

    lab: Laboratory
    cluster: Kubectl
    said: str
    folder: Path
    runbooks: Runbooks

    def birdc(self, node: str, command: str) -> str:
        """Ask the BIRD of a node, as its owner does."""
        of_node = ("-l", "k8s-app=calico-node", "--field-selector", f"spec.nodeName={node}")
        (pod,) = self.cluster.get("pods", "-n", "calico-system", *of_node)
        inside = ("-n", "calico-system", pod["metadata"]["name"], "--", "birdc", "-s", "/var/run/calico/bird.ctl")
        return self.cluster("exec", *inside, *command.split())

    def expected(self) -> Routes:
        """What each router should have: a block over its node, the networks of services over all nodes."""
        found = self.cluster.get("blockaffinities.crd.projectcalico.org")
        blocks = {block["spec"]["cidr"]: {NODES[block["spec"]["node"]]} for block in found}
        return blocks | {network: set(NODES.values()) for network in (SERVICES, EXTERNAL)}

    def in_kernel(self, router: str) -> Routes:
        """What a router's kernel has of them; that it has nothing else in these networks is the verification's to say."""
        listed, own = json.loads(self.lab.kernel(router, "-j", "route", "show")), self.expected()
        return routes_in([entry for entry in listed if entry["dst"] in own], begins="")

    def untouched(self) -> dict[str, object]:
        """What a run must leave as it is: what the cluster is told of BGP, and how often somebody has logged in to its nodes."""
        logins = "journalctl -q -u ssh --grep '^Accepted' | wc -l"
        return {
            "objects": [(one["metadata"]["name"], one["spec"]) for one in self.cluster.get(*OBJECTS)],
            "logins": {machine: self.lab.inside(machine, logins).strip() for machine in MACHINES},
        }

    def wrong(self, *arguments: str) -> set[tuple[str, str, str]]:
        """Router, check and cause of all that is wrong now."""
        answer = self.runbooks.verify("--output", "json", *arguments)
        assert answer.code in (0, 1), answer.text[-3000:]
        return {(check["host"], check["check"], check["cause"]) for check in answer.failures()}


@pytest.fixture(scope="module")
def by_hand(lab: Laboratory, tmp_path_factory: pytest.TempPathFactory, measure: Measure) -> ByHand:
    """Bare machines, the cluster, and adopt.py: with the administrator's kubeconfig, and what platforms the routers are."""
    handed = tmp_path_factory.mktemp("by-hand")
    if os.environ.get(STANDING):
        cluster = hand_built.administrator(lab, handed)
    else:
        lab.must("reset")
        cluster = hand_built.build(lab, handed, measure)
    folder = tmp_path_factory.mktemp("adopted")
    platforms = {FRR: "frr", BIRD: "bird"}
    routers = [f"--router={router}={address}:{platforms[router]}" for router, (_, address) in PEERS.items()]
    command = [sys.executable, str(CHECKOUT / "runbooks/adopt.py"), "--kubeconfig", str(cluster.folder / "admin.conf")]
    further = ["--to", str(folder), "--username", "root", "--namespace", lab.name]
    done = subprocess.run(
        [*command, *further, *routers], cwd="/", capture_output=True, text=True, check=False, timeout=120
    )
    assert done.returncode == 0, done.stdout + done.stderr
    extras = {"use_keys": True, "key_file": str(lab.instance.cache.key), "allow_agent": False}
    defaults = folder / "defaults.yaml"
    keyed = merged(yaml.safe_load(defaults.read_text()), {"connection_options": {"netmiko": {"extras": extras}}})
    defaults.write_text(yaml.safe_dump(keyed), encoding="utf-8")
    return ByHand(lab, cluster, done.stdout, folder, Runbooks(folder / "config.yaml"))


@pytest.fixture(scope="module")
def spread(by_hand: ByHand) -> ByHand:
    """The routers' owner has done what verify_routes.py has told him: flows are spread by their ports."""
    for router in (FRR, BIRD):
        by_hand.lab.inside(
            router, f"echo '{HASH_POLICY} = 1' >/etc/sysctl.d/50-flows.conf && sysctl -qw {HASH_POLICY}=1"
        )
    return by_hand


@contextmanager
def undone(by_hand: ByHand, undo: str) -> Iterator[None]:
    """A change of the first router by vtysh, which is undone; then all is right again."""
    try:
        yield
    finally:
        by_hand.lab.inside(FRR, undo)
        well(by_hand)


def well(by_hand: ByHand) -> Answer:
    return by_hand.runbooks.verify(
        "--wait", str(HEALED_SECONDS), "--output", "json", deadline=HEALED_SECONDS + 120
    ).ended(0)


def configure(*lines: str) -> str:
    return "vtysh " + " ".join(f"-c '{line}'" for line in ("configure terminal", *lines))


def test_the_inventory_says_what_a_person_has_set_up(by_hand: ByHand) -> None:
    groups = yaml.safe_load((by_hand.folder / "groups.yaml").read_text(encoding="utf-8"))
    section = groups["fabric"]["data"]["cluster"]
    assert section["networks"] == {
        "nodes": "10.31.0.0/16",
        "pods": PODS,
        "pod_block_size": 26,
        "pod_routing": {"encapsulation": "VXLANCrossSubnet"},
        "services": SERVICES,
        "external": [EXTERNAL],
    }
    assert section["bgp"]["as_number"] == hand_built.NODES_AS
    hosts = yaml.safe_load((by_hand.folder / "hosts.yaml").read_text(encoding="utf-8"))
    assert {name: host["data"]["as_number"] for name, host in hosts.items()} == {
        FRR: hand_built.FRR_AS,
        BIRD: hand_built.BIRD_AS,
    }
    assert "the routers' timers" in by_hand.said
    assert "keepOriginalNextHop" not in by_hand.said


def test_what_its_owner_has_not_thought_of_is_all_that_is_wrong(by_hand: ByHand) -> None:
    """Flows are spread by addresses alone, as the kernel does unless it is told: every route is there."""
    forgotten = {(router, "hash policy", "") for router in (FRR, BIRD)}
    wait_for("nothing else is wrong", lambda: by_hand.wrong() == forgotten, HEALED_SECONDS, pause=2)


def test_every_route_is_right_in_all_layers_and_nothing_is_touched(spread: ByHand, tmp_path: Path) -> None:
    before = {router: DEVICES[router].startup(spread.lab, router) for router in (FRR, BIRD)}, spread.untouched()
    answer, page = well(spread), tmp_path / "page.html"
    expected = spread.expected()
    assert len(expected) == len(NODES) + 2
    for router in (FRR, BIRD):
        judged = {
            (check["layer"], check["subject"]): set(check["observed"])
            for check in answer.json["checks"]
            if check["host"] == router and check["check"] in ("route", "fib")
        }
        assert judged == {(layer, *one[:1]): one[1] for layer in ("bgp", "rib", "kernel") for one in expected.items()}
        assert spread.in_kernel(router) == expected
        sessions = {
            check["subject"]
            for check in answer.json["checks"]
            if (check["host"], check["check"]) == (router, "session")
        }
        assert sessions == set(NODES.values())
    said = spread.runbooks.verify("--report", str(page)).ended(0)
    assert "known by its API alone" in said.text
    text = page.read_text(encoding="utf-8")
    assert all(name in text for name in (*NODES, FRR, BIRD, *expected))
    assert before == (
        {router: DEVICES[router].startup(spread.lab, router) for router in (FRR, BIRD)},
        spread.untouched(),
    )


def test_a_session_that_is_disabled_on_a_node_is_told_with_its_cause(spread: ByHand) -> None:
    spread.birdc(NODE, f"disable {OWN_SESSION}")
    try:
        found = {(FRR, "session", "EndedByNode"), (FRR, "route", "EndedByNode"), (FRR, "fib", "EndedByNode")}
        wait_for("the session's end is told", lambda: spread.wrong() == found, CAUSE_SECONDS, pause=2)
        answer = spread.runbooks.verify().ended(1)
        assert f"{NODE} has ended its session with {FRR} by itself" in " ".join(answer.text.split())
    finally:
        spread.birdc(NODE, f"enable {OWN_SESSION}")
        well(spread)


def test_a_line_that_is_missing_in_a_filter_is_told_with_its_cause(spread: ByHand) -> None:
    with undone(spread, configure(OF_SERVICES)):
        spread.lab.inside(FRR, configure(f"no {OF_SERVICES}"))
        found = {(FRR, "route", "RouterFilterRefuses"), (FRR, "fib", "RouterFilterRefuses")}
        wait_for("the filter is named", lambda: spread.wrong() == found, CAUSE_SECONDS, pause=2)
        answer = spread.runbooks.verify("--output", "json").ended(1)
        assert {check["subject"] for check in answer.failures()} == {SERVICES}
        assert all(hand_built.PREFIX_LIST in check["reason"] for check in answer.failures())


def test_nodes_that_put_themselves_before_others_blocks_are_told_with_the_peer_that_lets_them(spread: ByHand) -> None:
    peer, kept = PEERS[FRR][0], {"spec": {"keepOriginalNextHop": True}}
    patch = ("patch", "bgppeers.projectcalico.org", peer, "--type=merge", "--patch")
    spread.cluster(*patch, json.dumps(merged(kept, {"spec": {"keepOriginalNextHop": False}})))
    try:
        found = {(FRR, "route", "NextHopIsSelf"), (FRR, "fib", "NextHopIsSelf")}
        wait_for("the peer is named", lambda: spread.wrong() == found, CAUSE_SECONDS, pause=2)
        answer = spread.runbooks.verify("--output", "json").ended(1)
        assert {check["cure"] for check in answer.failures()} == {
            f"keepOriginalNextHop: true in BGPPeer {peer} (from Calico 3.30.2 on nextHopMode: Keep)"
        }
        blocks = {prefix for prefix in spread.expected() if prefix not in (SERVICES, EXTERNAL)}
        assert {check["subject"] for check in answer.failures()} == blocks
    finally:
        spread.cluster(*patch, json.dumps(kept))
        well(spread)


def test_what_would_change_on_the_routers_is_shown_and_two_sessions_with_one_neighbour_are_refused(
    spread: ByHand,
) -> None:
    before = {router: DEVICES[router].running(spread.lab, router) for router in (FRR, BIRD)}, spread.untouched()
    drift = spread.runbooks.drift("--output", "json").ended(1)
    assert {host for host, _ in drift.changes} == {FRR, BIRD}
    frr = spread.runbooks.deploy("--host", FRR, "--dry-run", "--output", "json").ended(0)
    assert frr.changes.keys() == {(FRR, "FRR configuration"), (FRR, SYSCTL_FILE)}
    lines = frr.changes[FRR, "FRR configuration"].splitlines()
    for address in NODES.values():
        assert f"- neighbor {address} peer-group BLADES" in lines
        assert f"+ neighbor {address} peer-group KUBEPEER" in lines
    assert not [line for line in lines if line.startswith("-") and hand_built.PREFIX_LIST in line]
    both = spread.runbooks.deploy("--group", "routers", "--dry-run", "--output", "json").ended(1)
    (why,) = both.errors.values()
    assert set(both.errors) == {BIRD}
    assert f"{BIRD_FILE} has sessions with nodes already (protocol cp1, blade_a, blade_b)" in why
    assert before == (
        {router: DEVICES[router].running(spread.lab, router) for router in (FRR, BIRD)},
        spread.untouched(),
    )


def test_the_routers_are_taken_over_and_nothing_of_their_owners_is_lost(spread: ByHand) -> None:
    before = spread.untouched()
    spread.lab.inside(BIRD, f"mv {BIRD_FILE} /root && birdc configure")
    plan = spread.runbooks.deploy("--group", "routers", "--dry-run", "--output", "json").ended(0)
    assert {host for host, _ in plan.changes} == {FRR, BIRD}
    done = spread.runbooks.deploy("--output", "json", deadline=HEALED_SECONDS + 300)
    assert set(done.changes) == set(plan.changes)
    assert done.errors == {}
    well(spread)
    for router in (FRR, BIRD):
        assert spread.in_kernel(router) == spread.expected()
    assert f"ip prefix-list {hand_built.PREFIX_LIST} seq 10" in DEVICES[FRR].startup(spread.lab, FRR)
    assert "neighbor BLADES peer-group" in DEVICES[FRR].startup(spread.lab, FRR)
    spread.runbooks.drift().ended(0)
    assert spread.untouched() == before
