"""Faults of sessions and routes, each made for real and undone again, with the cause that verify_routes.py must print of it.

A row's fault is a context manager; what it gives, if anything, is called before each look (for what the cluster mends by itself).
docs/verification.md has the same rows (tests/unit/routes/test_route_fault_rows.py).
"""

import json
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

from lab.topology import machine
from tests.lab.devices import LOAD_BALANCERS, SERVICES, Kubectl
from tests.lab.laboratory import ADDRESSES, MASTERS, NODES, ROUTERS, WORKERS, Laboratory, wait_for
from tests.lab.router_bird import BIRD_FILE

NODE, OTHER = WORKERS[1], WORKERS[2]
ADDRESS, ELSEWHERE = ADDRESSES[NODE], "10.31.90.55"
FULL_NAME = f"{NODE}.tinychen.io"
FRR, BIRD = ROUTERS
AT_FRR, AT_BIRD, SECOND = "10.31.254.253", "10.31.100.100", "10.32.0.11"
PROTOCOL = f"kubepeer_{NODE.replace('-', '_')}"
CALICO = "projectcalico.org"
READY_SECONDS = 300
OWN_BIRD = "nsenter -t $(pgrep -x bird | head -n 1) -m"
OWN_BIRDCL = f"{OWN_BIRD} birdcl -s /var/run/calico/bird.ctl"
OWN_SESSION = f"Global_{AT_FRR.replace('.', '_')}"
BIRD_CFG = "/etc/calico/confd/config/bird.cfg"
Provoke = Callable[[], object]
Make = Callable[[Laboratory, Kubectl], AbstractContextManager[Provoke | None]]


@dataclass(frozen=True)
class Row:
    """A fault, and what is said of it.

    Attributes:
        what: the fault, as the table has it.
        cause: the name of the cause.
        make: makes it; at its end it is undone.
        proof: words of the evidence, by who was asked; "api" is the cluster's API.
        at: the routers that must name it.
        code: the exit code of verify_routes.py.
        alone: it touches sessions of the routers' owner, so that it is not drawn for `make test`.

    """

    what: str
    cause: str
    make: Make
    proof: dict[str, str]
    at: tuple[str, ...] = ROUTERS
    code: int = 1
    alone: bool = False


def commands(on: str, *pairs: tuple[str, str]) -> Make:
    """Shell commands on a machine, each with the one that undoes it; {block} is the pods' network of NODE, {hop} the address of OTHER."""

    @contextmanager
    def made(lab: Laboratory, cluster: Kubectl) -> Iterator[None]:
        block = next(block for block, address in cluster.blocks().items() if address == ADDRESS)

        def named(script: str) -> str:
            return script.replace("{block}", block).replace("{hop}", ADDRESSES[OTHER])

        with ExitStack() as stack:
            for do, undo in pairs:
                stack.callback(lab.inside, on, named(undo))
                lab.inside(on, named(do))
            yield

    return made


def frr(do: tuple[str, ...], undo: tuple[str, ...], *, family: bool = False) -> Make:
    """Lines for the process of BGP, and those that undo them; or for its address family."""
    context = ("router bgp 64512", *(("address-family ipv4 unicast",) if family else ()))
    return commands(FRR, (vtysh(*context, *do), vtysh(*context, *undo)))


def vtysh(*lines: str) -> str:
    """The shell command that configures these lines."""
    return " ".join(("vtysh -c 'configure terminal'", *(f"-c '{line}'" for line in lines)))


def edited(on: str, file: str, sed: str) -> Make:
    """A file of BIRD's on a machine edited in place, and read; afterwards it is the old one, to the byte."""
    kept = "/run/kubepeer-fault"
    do = f"cp -p {file} {kept} && sed -i '{sed}' {file} && ! cmp -s {file} {kept} && birdc configure"
    return commands(on, (do, f"[ ! -e {kept} ] || {{ cp -p {kept} {file} && rm {kept} && birdc configure; }}"))


def both(*makes: Make) -> Make:
    """Several faults at once, in their order."""

    @contextmanager
    def made(lab: Laboratory, cluster: Kubectl) -> Iterator[None]:
        with ExitStack() as stack:
            for make in makes:
                stack.enter_context(make(lab, cluster))
            yield

    return made


def patched(kind: str, name: str, change: Callable[[dict[str, Any]], None]) -> Make:
    """An object of Calico's with another spec, and with the old one again."""

    @contextmanager
    def made(_: Laboratory, cluster: Kubectl) -> Iterator[None]:
        resource = f"{kind}.crd.{CALICO}"
        (found,) = cluster.get(resource, name)
        spec = json.loads(json.dumps(found["spec"]))
        change(spec)

        def write(wanted: dict[str, Any]) -> None:
            patch = json.dumps([{"op": "replace", "path": "/spec", "value": wanted}])
            cluster("patch", resource, name, "--type", "json", "-p", patch)

        try:
            write(spec)
            yield
        finally:
            write(found["spec"])

    return made


def peer(**fields: Any) -> Make:
    """Other fields of the BGPPeer that leads to the first router."""
    return patched("bgppeers", f"{FRR}-peer", lambda spec: spec.update(fields))


def rejects(spec: dict[str, Any]) -> None:
    """One more rule of a BGPFilter, before all others."""
    rule = {"action": "Reject", "cidr": LOAD_BALANCERS, "matchOperator": "Equal"}
    spec["exportV4"] = [rule, *spec.get("exportV4", [])]


@contextmanager
def without_power(lab: Laboratory, cluster: Kubectl) -> Iterator[None]:
    """A worker's power is cut."""
    try:
        lab.must("cut", NODE)
        yield
    finally:
        lab.must("up", NODE)
        wait_for("all nodes are Ready", lambda: cluster.ready() == set(NODES), READY_SECONDS, pause=2)


@contextmanager
def link_cut(lab: Laboratory, _: Kubectl) -> Iterator[None]:
    """The port of a node's switch is down."""
    found = machine(NODE)
    assert found is not None
    port = found.port_of(found.interfaces[0])
    try:
        lab.controller(["ip", "link", "set", port, "down"]).check_returncode()
        yield
    finally:
        lab.controller(["ip", "link", "set", port, "up"]).check_returncode()


@contextmanager
def router_out_of_reach(lab: Laboratory, _: Kubectl) -> Iterator[None]:
    """The controller has no way to a router."""
    way = ["unreachable", f"{AT_FRR}/32"]
    try:
        lab.controller(["ip", "route", "add", *way]).check_returncode()
        yield
    finally:
        lab.controller(["ip", "route", "del", *way]).check_returncode()


@contextmanager
def api_refuses(lab: Laboratory, _: Kubectl) -> Iterator[None]:
    """Every control plane refuses connections to the API's endpoint."""
    rule = "INPUT -p tcp --dport 8443 -j REJECT --reject-with tcp-reset"
    with ExitStack() as stack:
        for name in MASTERS:
            stack.callback(lab.inside, name, f"iptables -D {rule}")
            lab.inside(name, f"iptables -I {rule}")
        yield


@contextmanager
def container_gone(lab: Laboratory, cluster: Kubectl) -> Iterator[None]:
    """The kubelet of a node is stopped, then calico-node."""
    one = "crictl ps -q --label io.kubernetes.container.name=calico-node"
    try:
        lab.inside(NODE, f"systemctl stop kubelet && crictl stop $({one})")
        yield
    finally:
        lab.inside(NODE, "systemctl start kubelet")
        wait_for("all nodes are Ready", lambda: cluster.ready() == set(NODES), READY_SECONDS, pause=2)


@contextmanager
def excluded(_: Laboratory, cluster: Kubectl) -> Iterator[None]:
    """A node has the label."""
    label = "node.kubernetes.io/exclude-from-external-load-balancers"
    try:
        cluster("label", "node", FULL_NAME, f"{label}=true")
        yield
    finally:
        cluster("label", "node", FULL_NAME, f"{label}-")


@contextmanager
def another_address(_: Laboratory, cluster: Kubectl) -> Iterator[Provoke]:
    """Calico has found another address for a node; the stand-in looks again within a minute."""
    name = f"{CALICO}/IPv4Address"
    (node,) = cluster.get("node", FULL_NAME)
    before = node["metadata"]["annotations"][name]

    def annotate(value: str) -> None:
        cluster("annotate", "--overwrite", "node", FULL_NAME, f"{name}={value}")

    try:
        yield lambda: annotate(f"{ELSEWHERE}/16")
    finally:
        annotate(before)


@contextmanager
def passwords_differ(lab: Laboratory, cluster: Kubectl) -> Iterator[None]:
    """The nodes have one password for a router, the router has another."""
    namespace = ("-n", "calico-system")
    made = "kubepeer-trial"
    with ExitStack() as stack:
        for kind in ("rolebinding", "role", "secret"):
            stack.callback(cluster, "delete", kind, made, *namespace, "--ignore-not-found")
        cluster("create", "secret", "generic", made, *namespace, "--from-literal=password=one")
        may = ("--verb=get,list,watch", "--resource=secrets", f"--resource-name={made}")
        cluster("create", "role", made, *namespace, *may)
        account = "--serviceaccount=calico-system:calico-node"
        cluster("create", "rolebinding", made, *namespace, f"--role={made}", account)
        stack.enter_context(peer(password={"secretKeyRef": {"name": made, "key": "password"}})(lab, cluster))
        stack.enter_context(
            frr(("neighbor KUBEPEER password other",), ("no neighbor KUBEPEER password",))(lab, cluster)
        )
        yield


def stranger(prefix: str) -> Make:
    """A neighbour of the router's owner announces a prefix of the cluster's, and the owner's filter lets it in."""
    told = f"s#^\\troute 198.51.100.0/24 unreachable;#&\\n\\troute {prefix} unreachable;#"
    entry = f"ip prefix-list TRANSIT-IN seq 15 permit {prefix}"
    return both(commands(FRR, (vtysh(entry), vtysh(f"no {entry}"))), edited("client", "/etc/bird/bird.conf", told))


def second_cluster() -> Make:
    """Somebody in the cluster's own AS announces the network of its services to the router."""
    configuration = (
        f"router id {SECOND}; protocol device {{ }} "
        f"protocol static {{ ipv4; route {SERVICES} unreachable; }} "
        f"protocol bgp r {{ local {SECOND} as 64517; neighbor 10.32.0.1 as 64512; connect delay time 1;"
        " ipv4 { import none; export all; }; }"
    )
    files = "/run/second"
    start = (
        f"ip addr add {SECOND}/24 dev eth0 && echo '{configuration}' > {files}.conf"
        f" && bird -c {files}.conf -s {files}.ctl -P {files}.pid"
    )
    end = f"birdc -s {files}.ctl down; ip addr del {SECOND}/24 dev eth0"
    neighbour = (f"neighbor {SECOND} remote-as 64517", f"neighbor {SECOND} route-map SECOND in")
    permit = commands(FRR, (vtysh("route-map SECOND permit 10"), vtysh("no route-map SECOND")))
    return both(permit, frr(neighbour, (f"no neighbor {SECOND}",)), commands("client", (start, end)))


def of_node(*lines: str) -> tuple[str, ...]:
    """Lines about the node's session."""
    return tuple(line.format(ADDRESS) for line in lines)


def router_id(address: str) -> str:
    """Give a node's own BIRD another router id."""
    return f"{OWN_BIRD} sed -i 's/^router id .*/router id {address};/' {BIRD_CFG} && {OWN_BIRDCL} configure"


DOWN = "touch /var/run/calico/bird.down"
UP = "rm -f /var/run/calico/bird.down"
DROP = f"INPUT -s {AT_FRR} -p tcp -m multiport --ports 179 -j DROP"
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
        commands(NODE, ("pkill -STOP -x bird", "pkill -CONT -x bird")),
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
    ),
    "a_node_has_no_power": Row("a node has no power", "NodeUnreachable", without_power, {NODE: "does not answer"}),
    "a_link_is_cut": Row("the link of a node is cut", "NodeUnreachable", link_cut, {NODE: "does not answer"}),
    "no_neighbour_on_the_router": Row(
        "a node is no neighbour of the router",
        "NeighbourNotConfigured",
        frr(of_node("no neighbor {}"), of_node("neighbor {} peer-group KUBEPEER", f"neighbor {{}} description {NODE}")),
        {FRR: f"{ADDRESS} is none of them"},
        at=(FRR,),
    ),
    "shut_down_on_the_router": Row(
        "a neighbour is shut down on the router",
        "ShutDownOnRouter",
        frr(of_node("neighbor {} shutdown"), of_node("no neighbor {} shutdown")),
        {FRR: "shut down"},
        at=(FRR,),
    ),
    "disabled_on_the_router": Row(
        "a neighbour is disabled on a router with BIRD",
        "ShutDownOnRouter",
        commands(BIRD, (f"birdc disable {PROTOCOL}", f"birdc enable {PROTOCOL}")),
        {BIRD: "disabled"},
        at=(BIRD,),
    ),
    "no_peer_on_the_node": Row(
        "a BGPPeer does not choose a node",
        "RouterNotPeerOfNode",
        peer(nodeSelector=f"kubernetes.io/hostname != '{FULL_NAME}'"),
        {NODE: "neighbours:", "api": f"{FRR}-peer"},
        at=(FRR,),
    ),
    "the_nodes_expect_another_as": Row(
        "the nodes expect another AS of a router",
        "AsDiffers",
        peer(asNumber=64513),
        {NODE: "Neighbor AS 64513"},
        at=(FRR,),
    ),
    "the_router_expects_another_as": Row(
        "a router expects another AS of a node",
        "AsDiffers",
        edited(BIRD, BIRD_FILE, f"s/neighbor {ADDRESS} as 64517/neighbor {ADDRESS} as 64599/"),
        {BIRD: "64599", NODE: "Local AS 64517"},
        at=(BIRD,),
    ),
    "a_password_on_the_router_alone": Row(
        "a router alone has a password for a node",
        "PasswordOnOneSide",
        frr(of_node("neighbor {} password wrong"), of_node("no neighbor {} password")),
        {FRR: "password (set)", NODE: "no password"},
        at=(FRR,),
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
    "no_way_to_the_router": Row(
        "a node has no way to a router",
        "NoWayToRouter",
        commands(NODE, (f"ip route add unreachable {AT_FRR}", f"ip route del unreachable {AT_FRR}")),
        {NODE: "unreachable"},
        at=(FRR,),
    ),
    "one_router_id_twice": Row(
        "a node has the router id of a router",
        "DuplicateRouterId",
        commands(
            NODE,
            (
                router_id(AT_BIRD),
                router_id(ADDRESS),
            ),
        ),
        {BIRD: AT_BIRD, NODE: AT_BIRD},
        at=(BIRD,),
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
                vtysh(f"no ip prefix-list KUBEPEER-IN seq 1 deny {LOAD_BALANCERS}"),
            ),
        ),
        {FRR: "prefix-list KUBEPEER-IN seq 1", NODES[0]: "is announced"},
        at=(FRR,),
    ),
    "a_filter_refuses": Row(
        "a filter of a router with BIRD refuses a network",
        "RouterFilterRefuses",
        edited(BIRD, BIRD_FILE, f"s#^filter kubepeer_in {{#&\\n\\tif net = {LOAD_BALANCERS} then reject;#"),
        {BIRD: "Input filter", NODES[0]: "is announced"},
        at=(BIRD,),
    ),
    "a_bgpfilter_refuses": Row(
        "a BGPFilter keeps the nodes from announcing a network",
        "NodeFilterRefuses",
        patched("bgpfilters", "kubepeer-own-blocks", rejects),
        {"api": "action: Reject", NODES[0]: "is not announced"},
    ),
    "a_network_is_not_advertised": Row(
        "BGPConfiguration does not advertise a network",
        "NotAdvertised",
        patched("bgpconfigurations", "default", lambda spec: spec.pop("serviceLoadBalancerIPs", None)),
        {"api": LOAD_BALANCERS},
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
    "a_kernel_route_is_deleted": Row(
        "a route of the router's kernel is deleted",
        "KernelRouteMissing",
        commands(BIRD, ("ip route del {block}", "birdc restart kernel4")),
        {BIRD: "nothing"},
        at=(BIRD,),
    ),
    "a_better_kernel_route": Row(
        "a better route is made by hand in the router's kernel",
        "RouteByHand",
        commands(BIRD, ("ip route add {block} via {hop} metric 5", "ip route del {block} via {hop} metric 5")),
        {BIRD: "proto boot"},
        at=(BIRD,),
    ),
    "a_static_route": Row(
        "the router has a static route of its own",
        "BetterRoute",
        commands(FRR, (vtysh("ip route {block} {hop}"), vtysh("no ip route {block} {hop}"))),
        {FRR: "static"},
        at=(FRR,),
    ),
    "a_part_by_hand": Row(
        "a part of a block is routed elsewhere by hand",
        "MoreSpecificRoute",
        commands(FRR, ("ip route add 10.33.192.77 via {hop}", "ip route del 10.33.192.77 via {hop}")),
        {FRR: "10.33.192.77/32"},
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
    ),
    "a_node_is_excluded": Row(
        "a node is excluded by its label (no fault: a remark)",
        "NodeExcludedByLabel",
        excluded,
        {"api": "true"},
        code=0,
    ),
    "a_pool_is_not_exported": Row(
        "a pool is not exported",
        "PoolNotExported",
        patched("ippools", "default-ipv4-ippool", lambda spec: spec.update(disableBGPExport=True)),
        {"api": "disableBGPExport"},
    ),
    "another_address_of_a_node": Row(
        "Calico has found another address of a node than the inventory's",
        "WrongNodeAddress",
        another_address,
        {"api": ELSEWHERE},
    ),
    "the_api_is_down": Row("the cluster's API is down", "ApiDown", api_refuses, {"api": "does not answer"}, code=3),
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
        alone=True,
    ),
}
