"""What inbound policies of FRR refuse: the first entry decides, a list refuses the rest, a clause needs all its matches. And BGPFilters."""

from ipaddress import ip_network

import pytest

from tasks.platforms.frr.second_look import InboundPolicy, prefix_lists, process, route_maps
from tasks.platforms.second_look import Limit
from tasks.routes.causes.of_announcements import rejecting

LISTS = """
ip prefix-list PODS seq 10 permit 10.33.0.0/17 ge 24 le 32
ip prefix-list PODS seq 5 deny 10.33.5.0/24
ip prefix-list EXACT seq 5 permit 10.33.192.0/18
ip prefix-list ALL seq 5 permit any
ip prefix-list NONE seq 5 deny any
route-map BY-LIST permit 10
 match ip address prefix-list PODS
exit
route-map TWO permit 10
 match ip address prefix-list EXACT
exit
route-map TWO permit 20
 match ip address prefix-list PODS
exit
route-map CALLS permit 10
 call OTHER
 match ip address prefix-list ALL
exit
route-map REFUSES deny 10
 match ip address prefix-list EXACT
exit
route-map REFUSES permit 20
exit
route-map COMMUNITY deny 10
 match community X
exit
"""
LINES = [line.strip() for line in LISTS.splitlines()]


@pytest.mark.parametrize(
    ("route_map", "prefix_list", "prefix", "refusal"),
    [
        ("BY-LIST", "", "10.33.6.0/24", ""),
        ("BY-LIST", "", "10.33.5.0/24", "route-map BY-LIST 10: prefix-list PODS seq 5: deny 10.33.5.0/24"),
        ("BY-LIST", "", "10.33.192.0/18", "route-map BY-LIST 10: prefix-list PODS permits it by none of its entries"),
        ("BY-LIST", "", "10.33.0.0/20", "route-map BY-LIST 10: prefix-list PODS permits it by none of its entries"),
        ("TWO", "", "10.33.6.0/24", ""),
        ("TWO", "", "10.40.0.0/24", "route-map TWO 10: prefix-list EXACT permits it by none of its entries"),
        ("CALLS", "", "10.40.0.0/24", ""),  # what it calls may refuse: nothing is proved
        ("REFUSES", "", "10.33.192.0/18", "route-map REFUSES deny 10: prefix-list EXACT seq 5: permit 10.33.192.0/18"),
        ("REFUSES", "", "10.33.6.0/24", ""),
        ("COMMUNITY", "", "10.33.6.0/24", ""),  # it is not known whether it has the community
        ("", "NONE", "10.33.6.0/24", "prefix-list NONE seq 5: deny any"),
        ("", "EXACT", "10.33.192.7/32", "prefix-list EXACT permits it by none of its entries"),
        ("", "NOT-THERE", "10.33.6.0/24", ""),  # a list without entries refuses nothing (lib/plist.c)
        ("", "", "10.33.6.0/24", ""),
    ],
)
def test_the_policy_refuses(route_map, prefix_list, prefix, refusal):
    policy = InboundPolicy(prefix_lists(LINES), route_maps(LINES).get(route_map, ()), route_map, prefix_list)
    assert policy.refusal(ip_network(prefix)) == refusal


def test_a_vrf_has_a_process_of_its_own():
    lines = [
        "router bgp 64512", "neighbor 10.0.0.1 remote-as 1", "address-family ipv6 unicast", "maximum-paths 4", "exit",
        "router bgp 64512 vrf blue", "neighbor 10.0.0.2 remote-as 2", "maximum-paths 8", "maximum-paths ibgp 2", "exit",
    ]  # fmt: skip
    assert process(lines, None).line("10.0.0.1", "remote-as") == ("neighbor", "10.0.0.1", "remote-as", "1")
    assert process(lines, None).maximum_paths == {6: Limit(4, "maximum-paths 4")}
    assert process(lines, "blue").line("10.0.0.1", "remote-as") == ()
    assert process(lines, "blue").maximum_paths == {4: Limit(8, "maximum-paths 8")}


def rule(action, cidr=None, operator=None, **more):
    return {"action": action, "cidr": cidr, "matchOperator": operator, **more}


@pytest.mark.parametrize(
    ("rules", "rejected"),
    [
        ([rule("Reject", "10.33.192.0/18", "Equal")], True),
        ([rule("Reject", "10.33.0.0/16", "In")], True),
        ([rule("Reject", "10.33.0.0/17", "In")], False),
        ([rule("Reject", "10.33.0.0/17", "NotIn")], True),
        ([rule("Reject", "10.33.192.0/18", "NotEqual")], False),
        ([rule("Reject")], True),
        ([rule("Accept", "10.33.192.0/18", "Equal"), rule("Reject")], False),
        ([rule("Reject", "10.33.0.0/16", "In", interface="eth0")], False),
        ([rule("Reject", "10.33.0.0/16", "In", prefixLength={"min": 24})], False),
        ([rule("Reject", "10.33.0.0/16", "In", prefixLength={"min": 16, "max": 20})], True),
        ([], False),
    ],
)
def test_a_bgpfilter_keeps_back(rules, rejected):
    found = rejecting({"exportV4": rules}, ip_network("10.33.192.0/18"))
    assert (found is not None) == rejected
