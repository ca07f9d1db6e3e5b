"""The fragment for a router, planned against running configurations: what is ours and stale goes, nothing foreign is named."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from kubepeer.errors import RefusedError
from kubepeer.intent import Intent
from tasks.linux.templates import render
from tasks.platforms.frr.plan import Frr
from tasks.platforms.lines import lines_of
from tasks.platforms.platform import context

RUNNING = (Path(__file__).parent / "plans/openwrt.conf").read_text(encoding="utf-8")
OURS = ("KUBEPEER", "10.31.90.")
FRR = Frr()


def rendered(intent: Intent, running: str = RUNNING) -> str:
    router = intent.router("openwrt")
    return render(FRR.template, **context(intent, router, running, None))


def edited(case: Mapping[str, Any]) -> str:
    """The running configuration of a case: the whole one of the file, with texts replaced or put behind others."""
    text = str(case.get("running", RUNNING))
    for old, new in case.get("replace", {}).items():
        assert text.count(old) == 1, old
        text = text.replace(old, new)
    for after, new in case.get("insert", {}).items():
        assert text.count(after) == 1, after
        text = text.replace(after, after + new)
    return text


def removals(case: Mapping[str, Any], intent: Intent) -> str:
    wanted = rendered(intent)
    fragment = FRR.candidate(intent, intent.router("openwrt"), wanted, edited(case))
    assert fragment.endswith(wanted)
    return fragment.removesuffix(wanted)


@pytest.mark.cases("plans")
def test_what_is_ours_and_not_wanted_any_more_is_removed_before_the_rest_comes(
    case: dict[str, Any], intent_of: Any
) -> None:
    assert removals(case, intent_of(**case.get("inventory", {}))) == case["removed"]


@pytest.mark.cases("plans")
def test_no_line_of_somebody_else_is_removed(case: dict[str, Any], intent_of: Any) -> None:
    said = removals(case, intent_of(**case.get("inventory", {})))
    foreign = {line for line in lines_of(RUNNING) if not any(mark in str(line) for mark in OURS)}
    assert len(foreign) > 10
    for line in lines_of(said):
        if not line.text.startswith("no "):
            continue
        without = line.text.removeprefix("no ")
        hit = [
            other for other in foreign if other.context == line.context and f"{other.text} ".startswith(f"{without} ")
        ]
        assert not hit, f"{line} would take {hit} away"


def test_the_wanted_part_bears_our_name_in_every_line_that_makes_something(intent_of: Any) -> None:
    openers = ("router bgp ", "address-family ", "route-map KUBEPEER-", "neighbor 10.31.90.")
    for line in lines_of(rendered(intent_of())):
        below_ours = any(above.startswith("route-map KUBEPEER-") for above in line.context)
        assert line.text.startswith(openers) or "KUBEPEER" in line.text or below_ours, line


def test_a_line_is_read_with_the_lines_that_it_stands_under() -> None:
    lines = list(
        lines_of(
            "router bgp 1\n !\n address-family ipv4 unicast\n  network 10.0.0.0/8\n exit-address-family\nexit\n!\nend\n"
        )
    )
    above = ("router bgp 1",)
    assert [(line.context, line.text) for line in lines] == [
        ((), "router bgp 1"),
        (above, "address-family ipv4 unicast"),
        ((*above, "address-family ipv4 unicast"), "network 10.0.0.0/8"),
    ]


def test_a_router_in_another_as_is_refused(intent_of: Any) -> None:
    running = RUNNING.replace("router bgp 64512", "router bgp 65001")
    intent = intent_of()
    with pytest.raises(RefusedError) as raised:
        FRR.candidate(intent, intent.router("openwrt"), rendered(intent), running)
    assert str(raised.value) == (
        "openwrt: the router speaks BGP as AS 65001, the inventory says 64512 Cure: correct as_number in inventory/hosts.yaml"
    )


def test_another_as_in_a_vrf_is_no_matter_of_ours(intent_of: Any) -> None:
    running = RUNNING.replace(
        "!\nend\n", "!\nrouter bgp 65001 vrf GUESTS\n neighbor 10.50.0.1 remote-as 65002\nexit\n!\nend\n"
    )
    intent = intent_of()
    assert FRR.candidate(intent, intent.router("openwrt"), rendered(intent), running) == rendered(intent)


@pytest.mark.parametrize(
    ("line", "wanted"),
    [
        pytest.param("", None, id="absent: the process's own is enough"),
        pytest.param("  maximum-paths 1\n", 6, id="off"),
        pytest.param("  maximum-paths 5\n", 6, id="too low by one"),
        pytest.param("  maximum-paths 6\n", None, id="just enough"),
        pytest.param("  maximum-paths 64\n", None, id="high: somebody else may need it"),
        pytest.param("  maximum-paths ibgp 2\n", None, id="of sessions inside the AS"),
        pytest.param(
            " exit-address-family\n !\n address-family ipv6 unicast\n  maximum-paths 2\n", None, id="of another family"
        ),
        pytest.param(
            " exit-address-family\nexit\n!\nrouter bgp 64512 vrf GUESTS\n address-family ipv4 unicast\n  maximum-paths 2\n",
            None,
            id="of a VRF",
        ),
    ],
)
def test_the_number_of_equal_paths_is_raised_only_where_it_is_too_low(
    intent_of: Any, line: str, wanted: int | None
) -> None:
    running = RUNNING.replace("  network 10.40.0.0/16\n", f"  network 10.40.0.0/16\n{line}")
    intent = intent_of()
    assert FRR.values(intent, intent.router("openwrt"), running)["maximum_paths"][4] == wanted
    asked = [text.text for text in lines_of(rendered(intent, running)) if text.text.startswith("maximum-paths")]
    assert asked == ([f"maximum-paths {wanted}"] if wanted else [])


ALL = {f"10.31.90.{number}" for number in range(1, 7)}


@pytest.mark.parametrize(
    ("diff", "down"),
    [
        pytest.param("+ neighbor 10.31.90.6 description x\n", {"10.31.90.77"}, id="a node that left"),
        pytest.param("+ neighbor KUBEPEER password secret\n", ALL | {"10.31.90.77"}, id="a new password"),
        pytest.param("- neighbor KUBEPEER password secret\n", ALL | {"10.31.90.77"}, id="no password any more"),
        pytest.param("- neighbor KUBEPEER remote-as 64999\n", ALL | {"10.31.90.77"}, id="another AS of the cluster"),
        pytest.param("+ neighbor KUBEPEER ttl-security hops 1\n", ALL | {"10.31.90.77"}, id="TTL security"),
        pytest.param(
            "- neighbor 10.31.90.6 peer-group KUBEPEER\n",
            {"10.31.90.6", "10.31.90.77"},
            id="the coming of a node is undone",
        ),
        pytest.param("+ neighbor OFFICE password secret\n", {"10.31.90.77"}, id="the password of somebody else"),
        pytest.param(
            "- neighbor 10.31.90.5 peer-group BLADES\n+ neighbor 10.31.90.5 peer-group KUBEPEER\n- neighbor 10.50.0.1 peer-group BLADES\n",
            {"10.31.90.5", "10.31.90.77"},
            id="a node that was a neighbour in somebody else's group",
        ),
        pytest.param(
            "- neighbor 10.31.90.5 remote-as 64517\n", {"10.31.90.5", "10.31.90.77"}, id="and one that was in none"
        ),
    ],
)
def test_only_sessions_that_the_change_ends_on_purpose_may_go_down(intent_of: Any, diff: str, down: set[str]) -> None:
    intent = intent_of()
    ours = " neighbor 10.31.90.6 peer-group KUBEPEER\n"
    running = RUNNING.replace(ours, f"{ours} neighbor 10.31.90.77 peer-group KUBEPEER\n")
    assert FRR.may_go_down(intent, intent.router("openwrt"), running, diff) == down


VRF = {"groups": {"frr": {"data": {"peering": {"vrf": "RED"}}}}}
IN_VRF = """router bgp 64512 vrf RED
 neighbor 10.50.0.1 remote-as 65002
 neighbor 10.31.90.77 peer-group KUBEPEER
 bgp listen limit 3
 !
 address-family ipv4 unicast
  maximum-paths 2
 exit-address-family
exit
!
"""


def test_the_sessions_of_a_vrf_are_in_its_process_and_the_default_one_is_left_alone(intent_of: Any) -> None:
    intent = intent_of(**VRF)
    running = RUNNING.replace("!\nend\n", f"!\n{IN_VRF}end\n")
    wanted = rendered(intent, running)
    fragment = FRR.candidate(intent, intent.router("openwrt"), wanted, running)
    processes = {line.context[0] for line in lines_of(fragment) if line.context and "bgp" in line.context[0]}
    assert processes == {"router bgp 64512 vrf RED"}
    assert "no neighbor 10.31.90.77" in fragment
    assert "10.50.0.1" not in fragment
    assert "  maximum-paths 6\n" in fragment
    assert FRR.may_go_down(intent, intent.router("openwrt"), running, "") == {"10.31.90.77"}


def test_neighbours_of_a_vrf_are_never_ours_without_it(intent_of: Any) -> None:
    """vrf_*.conf of the cases: the nodes have the addresses of an owner's neighbours in a VRF."""
    intent = intent_of()
    owners = "".join(f" neighbor 10.31.90.{number} remote-as 65002\n" for number in range(1, 7))
    running = RUNNING.replace("!\nend\n", f"!\nrouter bgp 64512 vrf CUSTOMER\n{owners}exit\n!\nend\n")
    assert FRR.candidate(intent, intent.router("openwrt"), rendered(intent), running) == rendered(intent)
    assert FRR.owned(intent, intent.router("openwrt"), running) == FRR.owned(intent, intent.router("openwrt"), RUNNING)


def test_a_view_is_no_vrf(intent_of: Any) -> None:
    intent = intent_of(**VRF)
    running = RUNNING.replace("!\nend\n", "!\nrouter bgp 65001 view RED\nexit\n!\nend\n")
    assert rendered(intent, running).startswith("router bgp 64512 vrf RED\n")


def test_another_as_in_our_vrf_is_refused(intent_of: Any) -> None:
    intent = intent_of(**VRF)
    running = RUNNING.replace("!\nend\n", "!\nrouter bgp 65001 vrf RED\nexit\n!\nend\n")
    with pytest.raises(RefusedError, match="speaks BGP as AS 65001"):
        FRR.candidate(intent, intent.router("openwrt"), rendered(intent, running), running)


ASDOT = {
    "hosts": {"openwrt": {"data": {"as_number": "31.12345"}}},
    "groups": {
        "fabric": {
            "data": {"cluster": {"bgp": {"as_number": 31 * 65536 + 9, "public_as_numbers": ["31.12345", "31.9"]}}}
        }
    },
}


@pytest.mark.parametrize("process", ["router bgp 31.12345", "router bgp 2043961 as-notation dot"])
def test_numbers_are_written_as_the_process_shows_them(intent_of: Any, process: str) -> None:
    intent = intent_of(**ASDOT)
    wanted = rendered(intent, f"{process}\n neighbor 10.50.0.1 remote-as 65002\nexit\n")
    assert wanted.startswith(f"{process}\n")
    assert " neighbor KUBEPEER remote-as 31.9\n" in wanted
    assert "bgp as-path access-list KUBEPEER seq 10 permit ^31\\.9$\n" in wanted


@pytest.mark.parametrize("standing", ["2031625", "31.9"])
def test_a_number_that_stands_in_another_notation_is_no_difference(intent_of: Any, standing: str) -> None:
    intent = intent_of(**ASDOT)
    router = intent.router("openwrt")
    running = f"router bgp 31.12345\n neighbor KUBEPEER peer-group\n neighbor KUBEPEER remote-as {standing}\nexit\n"
    wanted = rendered(intent, running)
    assert f" neighbor KUBEPEER remote-as {standing}\n" in wanted
    assert FRR.candidate(intent, router, wanted, running) == wanted  # nothing goes


def test_the_case_of_an_as_notation_is_the_same_process(intent_of: Any) -> None:
    """frr_as_notation.conf of the cases."""
    intent = intent_of()
    running = "frr version 10.3\nrouter bgp 64512 as-notation dot\n neighbor 192.0.2.1 remote-as 65001\nexit\n"
    wanted = rendered(intent, running)
    assert wanted.startswith("router bgp 64512 as-notation dot\n")
    assert FRR.candidate(intent, intent.router("openwrt"), wanted, running) == wanted


@pytest.mark.parametrize(
    ("peering", "data", "source"),
    [
        ({}, {}, None),
        ({"multihop": 2}, {}, "10.31.254.253"),
        ({"address": "10.40.0.1", "multihop": 2}, {}, "10.40.0.1"),
        ({}, {"address": "10.31.254.1"}, "10.31.254.1"),
    ],
)
def test_a_session_has_the_address_that_the_nodes_peer_with(
    intent_of: Any, peering: dict[str, Any], data: dict[str, Any], source: str | None
) -> None:
    intent = intent_of(hosts={"openwrt": {"data": {**data, "peering": peering}}})
    sources = [line.text for line in lines_of(rendered(intent)) if "update-source" in line.text]
    assert sources == ([f"neighbor KUBEPEER update-source {source}"] if source else [])


def test_a_group_of_another_inventory_is_refused(intent_of: Any) -> None:
    other = RUNNING.replace("nodes of k8s-calico", "nodes of k8s-other")
    assert other != RUNNING
    intent = intent_of()
    with pytest.raises(RefusedError, match="the peer group KUBEPEER is that of another cluster, k8s-other"):
        FRR.candidate(intent, intent.router("openwrt"), rendered(intent, other), other)
