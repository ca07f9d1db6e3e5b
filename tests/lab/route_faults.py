"""Faults of sessions and routes, each made for real and undone again, with the cause that verify_routes.py must print of it.

A row's fault is a context manager; what it gives, if anything, is called before each look (for what the cluster mends by itself).
docs/verification.md has the same rows (tests/unit/routes/test_route_fault_rows.py).
"""

from dataclasses import dataclass

from tests.lab.breaking import (
    ADDRESS,
    AT_FRR,
    BIRD,
    ELSEWHERE,
    FRR,
    FULL_NAME,
    NODE,
    OTHER,
    OWN_BIRDCL,
    OWN_SESSION,
    PROTOCOL,
    Make,
    another_address,
    api_refuses,
    both,
    commands,
    container_gone,
    edited,
    excluded,
    frr,
    kernel_route_deleted,
    link_cut,
    of_node,
    passwords_differ,
    patched,
    peer,
    rejects,
    router_id,
    router_out_of_reach,
    second_cluster,
    stranger,
    vtysh,
    without_power,
)
from tests.lab.breaking_cluster import KEPT, MANIFEST, SERVER, api_server, left_by_its_endpoint
from tests.lab.devices import LOAD_BALANCERS, SERVICES
from tests.lab.laboratory import ADDRESSES, MASTERS, NODES, ROUTERS
from tests.lab.router_bird import BIRD_FILE


@dataclass(frozen=True)
class Row:
    """A fault, and what is said of it.

    Attributes:
        what: the fault, as the table has it.
        cause: the name of the cause.
        make: makes it; at its end it is undone.
        proof: words of the evidence, by who was asked; "api" is the cluster's API.
        at: the routers that must name it; of what is no router's, in whose name it is said.
        code: the exit code of verify_routes.py.
        drawn: it may be drawn for `make test`: it has passed there, in this test, and touches no session of the routers' owner.

    """

    what: str
    cause: str
    make: Make
    proof: dict[str, str]
    at: tuple[str, ...] = ROUTERS
    code: int = 1
    drawn: bool = False


DOWN = "touch /var/run/calico/bird.down"
UP = "rm -f /var/run/calico/bird.down"
NOBODYS = "02:00:5e:00:53:01"  # a link-layer address of no machine (RFC 7042, 2.1.2, made local)
DROP = f"INPUT -s {AT_FRR} -p tcp -m multiport --ports 179 -j DROP"
# FRR 8.4 goes on to refuse what an entry that has gone had refused (a soft clear does not help), until the entry behind it is written anew
PERMITTED = f"ip prefix-list KUBEPEER-IN seq 30 permit {LOAD_BALANCERS}"
MAXIMUM = "vtysh -c 'show running-config' | sed -n 's/^  maximum-paths \\([0-9]*\\)$/\\1/p' | head -n 1"
RESTORE_PATHS = (
    "vtysh -c 'configure terminal' -c 'router bgp 64512' -c 'address-family ipv4 unicast' -c \"$(cat /run/paths)\""
)

ROWS: dict[str, Row] = {
    "bird_is_ended": Row(
        "BIRD on a node is ended, and stays down",
        "BirdNotRunning",
        commands(NODE, (f"{DOWN} && pkill -x bird", UP)),
        {NODE: "no process"},
        drawn=True,
    ),
    "bird_is_killed": Row(
        "BIRD on a node is killed with -9: its routes are stale, then gone",
        "BirdNotRunning",
        commands(NODE, (f"{DOWN} && pkill -KILL -x bird", UP)),
        {NODE: "no process"},
    ),
    "bird_is_stopped": Row(
        "BIRD on a node is stopped (SIGSTOP)",
        "BirdStopped",
        commands(NODE, ("pkill -STOP -x bird", "pkill -CONT -x bird || ! pgrep -x bird")),
        {NODE: "T (stopped)"},
    ),
    "calico_node_is_gone": Row(
        "calico-node does not run on a node, nor its kubelet",
        "CalicoNodeNotRunning",
        container_gone,
        {NODE: "exited"},
    ),
    "a_session_is_disabled_on_a_node": Row(
        "a session is disabled on a node",
        "DisabledOnNode",
        commands(NODE, (f"{OWN_BIRDCL} disable {OWN_SESSION}", f"{OWN_BIRDCL} enable {OWN_SESSION}")),
        {NODE: "down"},
        at=(FRR,),
        drawn=True,
    ),
    "a_node_has_no_power": Row("a node has no power", "NodeUnreachable", without_power, {NODE: "does not answer"}),
    "a_link_is_cut": Row("the link of a node is cut", "NodeUnreachable", link_cut, {NODE: "does not answer"}),
    "no_neighbour_on_the_router": Row(
        "a node is no neighbour of the router",
        "NeighbourNotConfigured",
        frr(of_node("no neighbor {}"), of_node("neighbor {} peer-group KUBEPEER", f"neighbor {{}} description {NODE}")),
        {FRR: f"{ADDRESS} is none of them"},
        at=(FRR,),
        drawn=True,
    ),
    "shut_down_on_the_router": Row(
        "a neighbour is shut down on the router",
        "ShutDownOnRouter",
        frr(of_node("neighbor {} shutdown"), of_node("no neighbor {} shutdown")),
        {FRR: "shut down"},
        at=(FRR,),
        drawn=True,
    ),
    "disabled_on_the_router": Row(
        "a neighbour is disabled on a router with BIRD",
        "ShutDownOnRouter",
        commands(BIRD, (f"birdc disable {PROTOCOL}", f"birdc enable {PROTOCOL}")),
        {BIRD: "disabled"},
        at=(BIRD,),
        drawn=True,
    ),
    "no_peer_on_the_node": Row(
        "a BGPPeer does not choose a node",
        "RouterNotPeerOfNode",
        peer(nodeSelector=f"kubernetes.io/hostname != '{FULL_NAME}'"),
        {NODE: "neighbours:", "api": f"{FRR}-peer"},
        at=(FRR,),
        drawn=True,
    ),
    "the_nodes_expect_another_as": Row(
        "the nodes expect another AS of a router",
        "AsDiffers",
        peer(asNumber=64513),
        {NODE: "Neighbor AS 64513"},
        at=(FRR,),
        drawn=True,
    ),
    "the_router_expects_another_as": Row(
        "a router expects another AS of a node",
        "AsDiffers",
        edited(BIRD, BIRD_FILE, f"s/neighbor {ADDRESS} as 64517/neighbor {ADDRESS} as 64599/"),
        {BIRD: "64599", NODE: "Local AS 64517"},
        at=(BIRD,),
        drawn=True,
    ),
    "a_password_on_the_router_alone": Row(
        "a router alone has a password for a node",
        "PasswordOnOneSide",
        frr(of_node("neighbor {} password wrong"), of_node("no neighbor {} password")),
        {FRR: "password (set)", NODE: "no password"},
        at=(FRR,),
        drawn=True,
    ),
    "a_password_in_a_file_alone": Row(
        "a router with BIRD alone has a password for a node",
        "PasswordOnOneSide",
        edited(BIRD, BIRD_FILE, f's/neighbor {ADDRESS} as 64517;/& password "wrong";/'),
        {BIRD: "password (set)", NODE: "no password"},
        at=(BIRD,),
    ),
    "passwords_differ": Row(
        "nodes and router have different passwords",
        "PasswordDiffers",
        passwords_differ,
        {FRR: "password (set)", NODE: "digests differ"},
        at=(FRR,),
    ),
    "a_secret_is_missing": Row(
        "the Secret with the password of a BGPPeer is missing",
        "SecretMissing",
        both(
            peer(password={"secretKeyRef": {"name": "kubepeer-missing", "key": "password"}}),
            frr(("neighbor KUBEPEER password other",), ("no neighbor KUBEPEER password",)),
        ),
        {"api": "kubepeer-missing", NODE: "no password"},
        at=(FRR,),
    ),
    "ttl_security_on_the_router_alone": Row(
        "a router alone has TTL security",
        "TtlSecurityOnOneSide",
        frr(of_node("neighbor {} ttl-security hops 1"), of_node("no neighbor {} ttl-security hops 1")),
        {FRR: "ttl-security hops 1", NODE: "ttl security off"},
        at=(FRR,),
        drawn=True,
    ),
    "ttl_security_on_the_nodes_alone": Row(
        "the nodes alone have TTL security",
        "TtlSecurityOnOneSide",
        peer(ttlSecurity=1),
        {FRR: "no ttl-security", NODE: "ttl security on"},
        at=(FRR,),
    ),
    "port_179_is_filtered": Row(
        "a firewall on a node drops port 179",
        "PortFiltered",
        commands(NODE, (f"iptables -I {DROP}", f"iptables -D {DROP}")),
        {NODE: "--ports 179"},
        at=(FRR,),
    ),
    "packets_are_lost": Row(
        "what a node sends to a router is lost for longer than the hold time",
        "HoldTimerExpired",
        commands(
            NODE,
            (f"ip neigh replace {AT_FRR} lladdr {NOBODYS} nud permanent dev eth0", f"ip neigh del {AT_FRR} dev eth0"),
        ),
        {FRR: "Hold Timer Expired", NODE: OWN_SESSION},
        at=(FRR,),
    ),
    "no_way_to_the_router": Row(
        "a node has no way to a router",
        "NoWayToRouter",
        commands(NODE, (f"ip route add unreachable {AT_FRR}", f"ip route del unreachable {AT_FRR}")),
        {NODE: "No route to host"},  # of `ip route get`
        at=(FRR,),
    ),
    "one_router_id_twice": Row(
        "a node has the router id of another node",
        "DuplicateRouterId",
        commands(NODE, (router_id(ADDRESSES[OTHER]), router_id(ADDRESS))),
        {
            FRR: f"{ADDRESS} has router id {ADDRESSES[OTHER]}",
            BIRD: f"{ADDRESSES[OTHER]} has router id {ADDRESSES[OTHER]}",
        },
    ),
    "a_prefix_limit_is_reached": Row(
        "a node announces more prefixes than the router takes",
        "PrefixLimitReached",
        commands(
            FRR,
            (
                vtysh("router bgp 64512", "address-family ipv4 unicast", f"neighbor {ADDRESS} maximum-prefix 1"),
                vtysh("router bgp 64512", "address-family ipv4 unicast", f"no neighbor {ADDRESS} maximum-prefix")
                + f"; vtysh -c 'clear bgp {ADDRESS}'",
            ),
        ),
        {FRR: "Maximum Number of Prefixes"},
        at=(FRR,),
    ),
    "a_prefix_list_refuses": Row(
        "a prefix list of the router refuses a network",
        "RouterFilterRefuses",
        commands(
            FRR,
            (
                vtysh(f"ip prefix-list KUBEPEER-IN seq 1 deny {LOAD_BALANCERS}"),
                vtysh(f"no ip prefix-list KUBEPEER-IN seq 1 deny {LOAD_BALANCERS}", f"no {PERMITTED}", PERMITTED),
            ),
        ),
        {FRR: "prefix-list KUBEPEER-IN seq 1", NODES[0]: "is announced"},
        at=(FRR,),
        drawn=True,
    ),
    "a_filter_refuses": Row(
        "a filter of a router with BIRD refuses a network",
        "RouterFilterRefuses",
        edited(BIRD, BIRD_FILE, f"s#^filter kubepeer_in {{#&\\n\\tif net = {LOAD_BALANCERS} then reject;#"),
        {BIRD: "Input filter", NODES[0]: "is announced"},
        at=(BIRD,),
        drawn=True,
    ),
    "a_bgpfilter_refuses": Row(
        "a BGPFilter keeps the nodes from announcing a network",
        "NodeFilterRefuses",
        patched("bgpfilters", "kubepeer-own-blocks", rejects),
        {"api": "action: Reject", NODES[0]: "is not announced"},
        drawn=True,
    ),
    "a_network_is_not_advertised": Row(
        "BGPConfiguration does not advertise a network",
        "NotAdvertised",
        patched("bgpconfigurations", "default", lambda spec: spec.pop("serviceLoadBalancerIPs", None)),
        {"api": LOAD_BALANCERS},
        drawn=True,
    ),
    "too_few_equal_paths": Row(
        "maximum-paths of the router is too low",
        "TooFewPaths",
        commands(
            FRR,
            (
                f'n=$({MAXIMUM}); if [ -n "$n" ]; then echo maximum-paths $n; else echo no maximum-paths; fi > /run/paths && '
                + vtysh("router bgp 64512", "address-family ipv4 unicast", "maximum-paths 2"),
                RESTORE_PATHS,
            ),
        ),
        {FRR: "maximum-paths 2"},
        at=(FRR,),
    ),
    "too_few_merged_paths": Row(
        "a router with BIRD merges too few paths",
        "TooFewPaths",
        edited(BIRD, "/etc/bird/bird.conf", "s/merge paths on;/merge paths on limit 2;/"),
        {BIRD: "limit 2"},
        at=(BIRD,),
    ),
    "no_equal_paths": Row(
        "a router with BIRD does not merge equal paths at all",
        "EqualPathsOff",
        edited(BIRD, "/etc/bird/bird.conf", "s/merge paths on;/merge paths off;/"),
        {BIRD: "merge paths is off"},
        at=(BIRD,),
    ),
    "a_kernel_route_is_deleted": Row(
        "a route of the router's kernel is deleted",
        "KernelRouteMissing",
        kernel_route_deleted,
        {BIRD: "nothing"},
        at=(BIRD,),
        drawn=True,
    ),
    "a_better_kernel_route": Row(
        "a better route is made by hand in the router's kernel",
        "RouteByHand",
        commands(BIRD, ("ip route add {block} via {hop} metric 5", "ip route del {block} via {hop} metric 5")),
        {BIRD: "proto boot"},
        at=(BIRD,),
        drawn=True,
    ),
    "a_static_route": Row(
        "the router has a static route of its own",
        "BetterRoute",
        commands(FRR, (vtysh("ip route {block} {hop}"), vtysh("no ip route {block} {hop}"))),
        {FRR: "static"},
        at=(FRR,),
        drawn=True,
    ),
    "a_part_by_hand": Row(
        "a part of a block is routed elsewhere by hand",
        "MoreSpecificRoute",
        commands(FRR, ("ip route add 10.33.192.77 via {hop}", "ip route del 10.33.192.77 via {hop}")),
        {FRR: "10.33.192.77/32"},
        at=(FRR,),
        drawn=True,
    ),
    "nodes_put_themselves_before_others_blocks": Row(
        "a BGPPeer lets nodes put themselves before others' blocks",
        "NextHopIsSelf",
        peer(nextHopMode="Self", filters=[]),
        {"api": f"{FRR}-peer", FRR: "each from itself"},
        at=(FRR,),
    ),
    "a_stranger_announces": Row(
        "a stranger announces the services' network",
        "StrangerAnnounces",
        stranger(SERVICES),
        {FRR: "10.32.0.10"},
        at=(FRR,),
    ),
    "a_stranger_announces_a_part": Row(
        "a stranger announces a single address of the load balancers",
        "MoreSpecificRoute",
        stranger("10.33.192.77/32"),
        {FRR: "10.33.192.77/32"},
        at=(FRR,),
    ),
    "a_second_cluster": Row(
        "a second cluster in the same AS announces the same network",
        "StrangerAnnounces",
        second_cluster(),
        {FRR: "64517"},
        at=(FRR,),
    ),
    "a_node_announces_a_part": Row(
        "a node announces an address of a service that is not its own",
        "MoreSpecificRoute",
        commands(NODE, ("ip route add blackhole 10.33.192.78", "ip route del blackhole 10.33.192.78")),
        {FRR: "10.33.192.78/32"},
        drawn=True,
    ),
    "an_endpoint_has_moved": Row(
        "the endpoint of a Local service has moved, and its old node announces the address still",
        "NodeAnnouncesTooMuch",
        left_by_its_endpoint,
        {FRR: "in use", BIRD: "in use", NODE: "is announced"},
    ),
    "a_node_is_excluded": Row(
        "a node is excluded by its label (no fault: a remark)",
        "NodeExcludedByLabel",
        excluded,
        {"api": "true"},
        code=0,
        drawn=True,
    ),
    "a_pool_is_not_exported": Row(
        "a pool is not exported",
        "PoolNotExported",
        patched("ippools", "default-ipv4-ippool", lambda spec: spec.update(disableBGPExport=True)),
        {"api": "disableBGPExport"},
        drawn=True,
    ),
    "another_address_of_a_node": Row(
        "Calico has found another address of a node than the inventory's",
        "WrongNodeAddress",
        another_address,
        {"api": ELSEWHERE},
    ),
    "the_api_is_down": Row("the cluster's API is down", "ApiDown", api_refuses, {"api": "does not answer"}, code=3),
    "an_api_server_is_down": Row(
        "one of the API's servers is down (no fault of a route: a remark)",
        "ApiServerDown",
        api_server(f"mv {MANIFEST} {KEPT}", f"[ ! -e {KEPT} ] || mv {KEPT} {MANIFEST}"),
        {"api": "is none of them", SERVER: "absent"},
        at=MASTERS[:1],
        code=0,
    ),
    "an_api_server_is_stopped": Row(
        "one of the API's servers is stopped (SIGSTOP): who is led to it waits (a remark)",
        "ApiServerDown",
        api_server("pkill -STOP -x kube-apiserver", "pkill -CONT -x kube-apiserver || ! pgrep -x kube-apiserver"),
        {"api": "is none of them", SERVER: "T (stopped)"},
        at=MASTERS[:1],
        code=0,
    ),
    "a_router_is_out_of_reach": Row(
        "a router cannot be reached",
        "RouterUnreachable",
        router_out_of_reach,
        {FRR: AT_FRR},
        at=(FRR,),
        code=3,
    ),
    "a_routing_daemon_is_down": Row(
        "the routing daemon of a router does not run",
        "RouterDaemonDown",
        commands(BIRD, ("systemctl stop bird", "systemctl start bird")),
        {BIRD: "control socket"},
        at=(BIRD,),
    ),
}
