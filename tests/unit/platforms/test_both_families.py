"""A router with sessions of both families: what a real FRR 8.4.4 and a real BIRD 2.0.12 said, and what becomes of its configuration.

both_families/ holds the answers to the readers' questions, of a router with what the templates write for the example,
and of six nodes with BIRD in namespaces on one link: whole, and with the IPv6 session of the sixth ended and a route of IPv6 made by hand.
"""

import re
from ipaddress import ip_address, ip_network
from typing import Any

import pytest
from napalm_frr.candidate import Candidate

from kubepeer.checks import Finding
from kubepeer.intent import Intent
from tasks.linux.observe import Answer, Seen
from tasks.linux.templates import render
from tasks.platforms import kernel, preflight
from tasks.platforms.hops import shortened
from tasks.platforms.platform import PLATFORMS, context
from tasks.platforms.seen import KernelRoute
from tasks.routes.checks import Case, judge
from tasks.routes.expected import Announced, ExpectedRoute
from tasks.routes.selection import collapsed, outermost, probes_for, ways_to
from tasks.routes.table import route_table
from tests.both_families import dual_stack
from tests.unit.platforms.recordings import BLOCKS, FOLDER, as_answers

HOME = FOLDER / "both_families"
RUNNING = (HOME / "frr-running.txt").read_text(encoding="utf-8")
FRR = PLATFORMS["frr"]
NODES = {number: (ip_address(f"10.31.90.{number}"), ip_address(f"fd00:10:31::90:{number}")) for number in range(1, 7)}
LOST, BY_HAND = 6, 1
SERVICES = ("10.33.128.0/18", "10.33.192.0/18", "fd00:10:33:8000::/108", "fd00:10:33:c000::/112")


def block(number: int) -> str:
    """A node's block of IPv6."""
    return f"fd00:10:33:0:4e:f1a2:1b2c:{number}40/122"


def announced() -> Announced:
    of_ipv4 = {f"10.33.{octet}.0/24": {NODES[number][0]} for octet, number in BLOCKS.items()}
    of_ipv6 = {block(number): {NODES[number][1]} for number in NODES}
    everywhere = {network: {addresses[":" in network] for addresses in NODES.values()} for network in SERVICES}
    hops = of_ipv4 | of_ipv6 | everywhere
    routes = (ExpectedRoute(ip_network(network), frozenset(some), "") for network, some in hops.items())
    return Announced(tuple(routes), {address: f"n{number}" for number, some in NODES.items() for address in some})


def verdict(platform: str, situation: str, intent: Intent) -> tuple[Finding, ...]:
    expected = announced()
    probes = probes_for(route.prefix for route in expected.routes) | ways_to(expected.speakers)
    reader = PLATFORMS[platform].reader
    assert reader is not None
    seen = reader.read(as_answers(HOME / f"{platform}-{situation}.json"), probes)
    networks = intent.cluster.networks.announced
    return judge(Case("r", expected, seen, networks, dict.fromkeys(expected.speakers, "")))


@pytest.fixture
def both(intent_of: Any) -> Intent:
    intent: Intent = intent_of(**dual_stack())
    return intent


@pytest.mark.parametrize("platform", ["frr", "bird"])
def test_the_questions_that_were_answered_are_those_that_are_asked(platform: str, both: Intent) -> None:
    expected = announced()
    probes = probes_for(route.prefix for route in expected.routes) | ways_to(expected.speakers)
    reader = PLATFORMS[platform].reader
    assert reader is not None
    kinds = {name.split(" ")[0] for name in reader.questions([*both.cluster.networks.announced], probes)}
    assert kinds - {"hash"} == {name.split(" ")[0] for name in as_answers(HOME / f"{platform}-healthy.json")}


@pytest.mark.parametrize("platform", ["frr", "bird"])
def test_all_is_right_in_three_layers_of_both_families(platform: str, both: Intent) -> None:
    findings = verdict(platform, "healthy", both)
    assert [finding for finding in findings if not finding.ok] == []
    assert len(findings) == 2 * len(NODES) + 3 * (2 * len(NODES) + len(SERVICES))


@pytest.mark.parametrize("platform", ["frr", "bird"])
def test_a_session_of_ipv6_that_is_lost_is_no_fault_of_ipv4(platform: str, both: Intent) -> None:
    wrong = [finding for finding in verdict(platform, "broken", both) if not finding.ok]
    lost = str(NODES[LOST][1])
    assert all(":" in finding.subject for finding in wrong)
    assert [finding.subject for finding in wrong if finding.check == "session"] == [lost]
    for layer in ("bgp", "rib", "kernel"):
        missing = {finding.subject for finding in wrong if finding.layer == layer and finding.missing == (lost,)}
        assert missing == {block(LOST), *SERVICES[2:]}
    (by_hand,) = [finding for finding in wrong if finding.layer == "kernel" and finding.subject == block(BY_HAND)]
    assert (by_hand.missing, by_hand.unexpected) == ((str(NODES[BY_HAND][1]),), (str(NODES[2][1]),))
    assert by_hand.reason == "better route by boot metric 1, made by hand"


def candidate(intent: Intent, running: str) -> str:
    router = intent.router("openwrt")
    rendered = render(FRR.template, **context(intent, router, running, None))
    return FRR.candidate(intent, router, rendered, running)


def as_text(paths: Any) -> str:
    return "".join(f"{' ' * (len(path) - 1)}{path[-1]}\n" for path in paths)


def test_frr_that_runs_both_families_is_told_nothing_new(both: Intent) -> None:
    assert Candidate(candidate(both, RUNNING), replaces=False).plan(RUNNING).is_empty


def test_a_second_run_finds_nothing_to_do_where_ipv6_has_come_to_ipv4(both: Intent, intent_of: Any) -> None:
    one = Candidate(candidate(intent_of(), ""), replaces=False).plan("")
    two = Candidate(candidate(both, as_text(one.effective.paths)), replaces=False).plan(as_text(one.effective.paths))
    assert not two.is_empty
    text = as_text(two.effective.paths)
    assert Candidate(candidate(both, text), replaces=False).plan(text).is_empty


def test_ipv6_goes_with_its_group_and_filters_and_ends_no_session_of_ipv4(intent_of: Any) -> None:
    one = intent_of()
    plan = Candidate(candidate(one, RUNNING), replaces=False).plan(RUNNING)
    left = as_text(plan.effective.paths)
    assert "KUBEPEER6" not in left
    assert "fd00:" not in left
    assert "neighbor 10.31.90.6 peer-group KUBEPEER" in left
    down = FRR.may_go_down(one, one.router("openwrt"), RUNNING, "")
    assert down == {str(addresses[1]) for addresses in NODES.values()}


def test_what_stands_in_the_owners_address_family_stays(both: Intent, intent_of: Any) -> None:
    foreign = " address-family ipv6 unicast\n  neighbor 2001:db8::9 activate\n"
    running = RUNNING.replace(" address-family ipv6 unicast\n", foreign).replace(
        " neighbor KUBEPEER6 peer-group\n", " neighbor 2001:db8::9 remote-as 64999\n neighbor KUBEPEER6 peer-group\n"
    )
    for intent in (both, intent_of()):
        left = as_text(Candidate(candidate(intent, running), replaces=False).plan(running).effective.paths)
        assert "neighbor 2001:db8::9 remote-as 64999" in left
        assert "neighbor 2001:db8::9 activate" in left


def test_a_table_of_both_families_has_its_columns_under_each_other(both: Intent) -> None:
    lines = [line.plain for line in route_table("openwrt", 64512, verdict("frr", "healthy", both))]
    rows = [line for line in lines if line.startswith((" 10.33.", " fd00:10:33"))]
    assert len({row.index(re.findall(r"10\.31\.90\.\S+|fd00:10:31:\S+", row)[0]) for row in rows}) == 1
    assert " fd00:10:33:8000::/108" in "".join(lines)
    assert "fd00:10:31::90:1-6" in "".join(lines)


@pytest.mark.parametrize(
    ("hops", "said"),
    [
        (["fd00::1", "fd00::2", "fd00::3"], "fd00::1-3"),
        (["fd00::9", "fd00::a"], "fd00::9-a"),
        (["fd00::ffff", "fd00::1:0"], "fd00::ffff, fd00::1:0"),
        (["fd00::2", "10.31.90.2", "10.31.90.1", "dev eth0"], "10.31.90.1-2, fd00::2, dev eth0"),
    ],
)
def test_next_hops_of_ipv6_are_told_shortly(hops: list[str], said: str) -> None:
    assert shortened(hops) == said


def test_networks_of_two_families_are_collapsed_apart() -> None:
    texts = ("fd00:1::/65", "10.0.0.0/25", "fd00:1:0:0:8000::/65", "10.0.0.128/25", "10.0.0.7/32")
    every = list(map(ip_network, texts))
    assert [str(one) for one in collapsed(outermost(every))] == ["10.0.0.0/24", "fd00:1::/64"]


ROUTES_OF_BUSYBOX = """@@text
fd00:10:33:0:4e::40/122 via fd00:10:31::90:1 dev eth0 proto bgp metric 20
fd00:10:33:8000::/108 proto bgp metric 20
"""


def test_routes_of_ipv6_are_read_from_text_as_well() -> None:
    read = kernel.read_routes([Answer(0, ROUTES_OF_BUSYBOX)])
    (one,), (several,) = read.values()
    assert one == KernelRoute(ip_network("fd00:10:33:0:4e::40/122"), "bgp", 20, frozenset({"fd00:10:31::90:1"}))
    assert several.untold


def test_the_default_route_of_ipv6_is_no_route_of_ipv4() -> None:
    probe = {ip_network("fd00:10:33::/122"): ip_address("fd00:10:33::1")}
    said = '[{"dst":"default","gateway":"fe80::1","dev":"eth0","protocol":"ra","metric":1024}]\n[{"dst":"127.0.0.1"}]\n'
    (taken,) = kernel.read_lookups(Answer(0, said), probe).values()
    assert taken is not None
    assert str(taken.prefix) == "::/0"


def test_a_router_is_looked_at_in_both_families(both: Intent) -> None:
    router = both.router("openwrt")
    said = dict.fromkeys(preflight.questions(FRR.preflight, router), "")
    said |= {"vtysh": "/usr/bin/vtysh", "daemons": "zebra bgpd", "addresses": "10.31.254.253/16", "forwarding": "1"}
    good = said | {"addresses6": "fd00:10:31::254:253/64", "forwarding6": "1"}

    def reasons(answers: dict[str, str]) -> list[str]:
        seen = Seen({name: Answer(0, text) for name, text in answers.items()}, {})
        return preflight.reasons(FRR.preflight, both, router, seen)

    assert reasons(good) == []
    (away, off) = reasons(good | {"addresses6": "fd00:99::1/64", "forwarding6": "0"})
    assert away.startswith("fd00:10:31::254:253 is on none of its interfaces")
    assert away.endswith("correct data.address6 in the inventory")
    assert off == "net.ipv6.conf.all.forwarding is 0: it does not route; set it to 1"
    (far,) = reasons(good | {"addresses6": "fd00:10:31::254:253/127"})
    assert "k8s-calico-worker-10-31-90-4 (fd00:10:31::90:4)" in far


def test_bird_needs_a_kernel_protocol_for_each_family(both: Intent) -> None:
    router = both.router("tiny-unraid")
    of_bird = PLATFORMS["bird"].preflight
    assert of_bird is not None
    text = """# file /etc/bird/bird.conf
router id 10.31.100.100;
protocol device {}
protocol kernel { ipv4 { export all; }; merge paths on; }
include "/etc/bird/conf.d/*.conf";
"""
    answers = {"status": "BIRD 2.0.12 ready.\nBIRD 2.0.12\n", "configuration": text}
    seen = Seen({name: Answer(0, said) for name, said in answers.items()}, {})
    found = [one for one in of_bird.of(router).reasons(both.nodes, seen) if "kernel protocol" in one]
    (why,) = found
    assert why.startswith("it has no kernel protocol for IPv6, and no route would reach the kernel: add")
    assert why.endswith("`protocol kernel { ipv6 { export all; }; merge paths on; }` to bird.conf")
