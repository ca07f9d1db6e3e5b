"""What breaks sessions and routes of the lab, one context manager each, which undoes it at its end; the rows are in route_faults.py."""

import json
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from typing import Any

from lab.topology import machine
from tests.lab.devices import LOAD_BALANCERS, SERVICES, Kubectl
from tests.lab.laboratory import ADDRESSES, MASTERS, NODES, ROUTERS, WORKERS, Laboratory, wait_for

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


def commands(on: str, *pairs: tuple[str, str]) -> Make:
    """Commands on a machine, each with the one that undoes it; {block} is NODE's, {others} and {hop} are block and address of OTHER."""

    @contextmanager
    def made(lab: Laboratory, cluster: Kubectl) -> Iterator[None]:
        blocks = {address: block for block, address in cluster.blocks().items()}
        names = {"{block}": blocks[ADDRESS], "{others}": blocks[ADDRESSES[OTHER]], "{hop}": ADDRESSES[OTHER]}

        def named(script: str) -> str:
            for name, value in names.items():
                script = script.replace(name, value)
            return script

        with ExitStack() as stack:
            for do, undo in pairs:
                stack.callback(lab.inside, on, named(undo))
                lab.inside(on, named(do))
            yield

    return made


@contextmanager
def kernel_route_deleted(lab: Laboratory, cluster: Kubectl) -> Iterator[Provoke]:
    """A route of a router's kernel is deleted, and again whenever BIRD has looked and put it back (`scan time`)."""
    block = next(block for block, address in cluster.blocks().items() if address == ADDRESS)
    try:
        yield lambda: lab.inside(BIRD, f'ip route del {block} proto bird || [ -z "$(ip route show {block})" ]')
    finally:
        lab.inside(BIRD, "birdc restart kernel4")


def frr(do: tuple[str, ...], undo: tuple[str, ...], *, family: bool = False) -> Make:
    """Lines for the process of BGP, and those that undo them; or for its address family."""
    context = ("router bgp 64512", *(("address-family ipv4 unicast",) if family else ()))
    return commands(FRR, (vtysh(*context, *do), vtysh(*context, *undo)))


def vtysh(*lines: str) -> str:
    """The shell command that configures these lines."""
    return " ".join(("vtysh -c 'configure terminal'", *(f"-c '{line}'" for line in lines)))


def edited(on: str, file: str, sed: str) -> Make:
    """A file of BIRD's on a machine edited in place, and read; afterwards it is the old one, to the byte.

    What a test that was killed has kept is the right one: it is not overwritten, but put back.
    """
    kept = f"/run/kubepeer-fault{file.replace('/', '-')}"
    do = f"[ ! -e {kept} ] && cp -p {file} {kept} && sed -i '{sed}' {file} && ! cmp -s {file} {kept} && birdc configure"
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
        f"protocol bgp r {{ local {SECOND} port 1179 as 64517; neighbor 10.32.0.1 as 64512; connect delay time 1;"
        " ipv4 { import none; export all; }; }"
    )
    files = "/run/second"
    start = (
        f"ip addr add {SECOND}/24 dev eth0 && echo '{configuration}' > {files}.conf"
        f" && bird -c {files}.conf -s {files}.ctl -P {files}.pid"
    )
    end = f"birdc -s {files}.ctl down; rm -f {files}.conf; ip addr del {SECOND}/24 dev eth0"
    neighbour = (f"neighbor {SECOND} remote-as 64517", f"neighbor {SECOND} route-map SECOND in")
    permit = commands(FRR, (vtysh("route-map SECOND permit 10"), vtysh("no route-map SECOND")))
    return both(permit, frr(neighbour, (f"no neighbor {SECOND}",)), commands("client", (start, end)))


def of_node(*lines: str) -> tuple[str, ...]:
    """Lines about the node's session."""
    return tuple(line.format(ADDRESS) for line in lines)


def router_id(address: str) -> str:
    """Give a node's own BIRD another router id."""
    return f"{OWN_BIRD} sed -i 's/^router id .*/router id {address};/' {BIRD_CFG} && {OWN_BIRDCL} configure"
