"""What a BIRD router says, in the words of a verification: cases that no recording has, and a table of its own."""

from dataclasses import replace
from ipaddress import IPv4Address, IPv4Network

import pytest

from kubepeer.errors import CommandError
from kubepeer.intent.model import ConfigurationFiles
from tasks.linux.observe import Answer
from tasks.platforms.bird.read import Bird
from tests.unit.platforms.recordings import NETWORKS, NODES, PROBES, answers

OSPF_IS_BETTER = """Table master4:
10.33.4.0/24         unicast [node_1 09:10:00.000] * (100) [AS64517i]
\tvia 10.31.90.1 on eth0
\tType: BGP univ
\tBGP.as_path: 64517
\tBGP.next_hop: 10.31.90.1
\tBGP.local_pref: 100
10.33.5.0/24         unicast [ospf1 09:22:11.261] * E2 (150/10/10000) [10.31.254.7]
\tvia 10.31.254.1 on eth1
\tType: OSPF-E2 univ
                     unicast [node_2 09:10:00.000] (100) [AS64517i]
\tvia 10.31.90.2 on eth0
\tType: BGP univ
\tBGP.as_path: 64517
\tBGP.next_hop: 10.31.90.2
\tBGP.local_pref: 100
"""
SESSIONS = """node_1     BGP        ---        up     09:10:00.000  Established
  BGP state:          Established
    Neighbor address: 10.31.90.1%eth0
    Neighbor AS:      64517
    Local AS:         64512
  Channel ipv4
    State:          UP
    Routes:         1 imported, 0 exported, 1 preferred

node_2     BGP        ---        down   09:10:00.000  Error: Invalid next hop
  BGP state:          Down
    Neighbor address: 10.31.90.2
    Neighbor AS:      64517
    Local AS:         64512
    Last error:       Error: Invalid next hop
  Channel ipv4
    State:          DOWN

rack/3     BGP        ---        start  09:10:00.000  Idle
  BGP state:          Idle
    Neighbor address: 10.31.90.3
  Channel ipv4
    State:          DOWN
    Table:          master4

other      BGP        ---        up     09:10:00.000  Established
  BGP state:          Established
    Neighbor address: 10.31.90.4
  Channel ipv4
    State:          UP
    Table:          blue
"""


def read(paths="", exported="", protocols=SESSIONS):
    status = "BIRD 2.0.12 ready.\nCurrent server time is 2026-11-24 09:30:00.000\n"
    said = {
        "status": status,
        "protocols": protocols,
        "paths 10.33.0.0/16": paths,
        "exported 10.33.0.0/16": exported,
        "kernel 10.33.0.0/16": "",
        "lookups": "",
    }
    return Bird().read({name: Answer(0, text) for name, text in said.items()}, {})


def test_a_route_of_ospf_is_the_better_one_and_takes_nothing_from_the_prefix_before():
    seen = read(paths=OSPF_IS_BETTER, exported=OSPF_IS_BETTER)
    assert [(path.hop, path.chosen) for path in seen.bgp[IPv4Network("10.33.4.0/24")]] == [("10.31.90.1", True)]
    assert [(path.hop, path.chosen) for path in seen.bgp[IPv4Network("10.33.5.0/24")]] == [("10.31.90.2", True)]
    best = seen.chosen_rib(IPv4Network("10.33.5.0/24"))
    assert best
    assert (best.protocol, best.distance, best.hops) == ("ospf", 150, {"10.31.254.1"})


@pytest.mark.parametrize(
    ("peer", "state", "why"),
    [
        ("10.31.90.1", "Established", ""),
        ("10.31.90.2", "Down", "invalid next hop (an error of the router's own)"),
        ("10.31.90.3", "Idle", "its address is on none of the router's links"),
    ],
)
def test_a_session_with_its_interface_an_error_that_is_no_shutdown_a_neighbour_on_no_link(peer, state, why):
    session = read().sessions[IPv4Address(peer)]
    assert session.state == state
    assert session.last_error.startswith(why)
    assert bool(session.last_error) is bool(why)


def test_a_neighbour_of_another_table_is_another_peer():
    assert NODES[3] not in read().sessions


def test_the_best_of_the_paths_of_bgp_is_known_whatever_stands_first():
    """BIRD marks the best route of all protocols, and prints the others in no order."""
    worse = "unicast [node_1 09:10:00.000] (0) [AS64517i]\n\tvia 10.31.90.1 on eth0\n\tType: BGP univ\n\tBGP.next_hop: 10.31.90.1\n"
    better = worse.replace("10.31.90.1", "10.31.90.2").replace("(0)", "(100)").replace("node_1", "node_2")
    static = "10.33.5.0/24   unicast [st 09:10:00.000] * (200)\n\tvia 10.31.90.9 on eth0\n\tType: static univ\n"
    seen = read(paths=f"{static}               {worse}               {better}")
    paths = {path.hop: path.chosen for path in seen.bgp[IPv4Network("10.33.5.0/24")]}
    assert paths == {"10.31.90.1": False, "10.31.90.2": True}


def test_an_answer_that_is_cut_off_is_an_error_and_no_route_less():
    with pytest.raises(CommandError, match=r"question 'paths 10\.33\.0\.0/16': a route in a form that is not known"):
        read(paths=OSPF_IS_BETTER[:350])


def test_nodes_behind_another_hop_are_resolved_by_birds_own_routes():
    for recording in ("bird/multihop", "bird/bird3-multihop"):
        seen = Bird().read(answers(recording), PROBES)
        assert seen.resolved["10.31.90.1"] == {"10.30.0.2"}
        assert seen.resolved["10.31.90.6"] == {"10.30.0.2", "10.30.0.3"}
        assert {path.hop for path in seen.bgp[IPv4Network("10.33.128.0/18")]} == set(map(str, NODES))
        assert seen.rib_hops(IPv4Network("10.33.128.0/18")) == {"10.30.0.2", "10.30.0.3"}


VRF = Bird().in_vrf("blue-1", ConfigurationFiles(main="/etc/bird.conf"))


def test_a_vrf_is_asked_for_by_its_table_and_its_kernel_protocol():
    questions = VRF.questions([NETWORKS[0]], PROBES)
    assert questions["paths 10.33.0.0/17"] == "birdc -r 'show route in 10.33.0.0/17 table '\"'\"'blue-1'\"'\"' all'"
    assert '$3 == "blue-1"' in questions["exported 10.33.0.0/17"]
    assert "table all" in questions["kernel 10.33.0.0/17"]
    assert "/etc/bird.conf" in questions["configuration"]
    assert "lookups" not in questions


def test_the_kernels_table_of_a_vrf_may_have_a_name():
    said = dict(answers("bird/vrf"))
    kernel = next(name for name in said if name.startswith("kernel "))
    said[kernel] = replace(said[kernel], text=said[kernel].text.replace('"table": "100"', '"table": "blue"'))
    said["tables"] = Answer(0, "# ours\n254 main\n100\tblue\n")
    reader = Bird().in_vrf("blue")
    assert reader.read(said, PROBES).kernel == reader.read(answers("bird/vrf"), PROBES).kernel
    assert len(reader.read(said, PROBES).kernel) == 8


def test_a_vrf_without_a_kernel_protocol_is_an_error_with_its_cure():
    said = dict(answers("bird/vrf"))
    said["configuration"] = Answer(0, "ipv4 table blue;\nprotocol kernel { ipv4 { export all; }; }\n")
    with pytest.raises(CommandError, match="no kernel protocol of BIRD writes its table blue") as caught:
        Bird().in_vrf("blue").read(said, PROBES)
    assert "/etc/bird/bird.conf" in caught.value.cure
