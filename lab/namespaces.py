"""Network namespaces, switches and cables. Nothing here is ever connected to the host's own network."""

from pathlib import Path

from lab.mounts import mount_points
from lab.places import RUNTIME, Instance
from lab.processes import run, succeeds
from lab.topology import (
    CONTROLLER_ADDRESS,
    CONTROLLER_CLIENT_ADDRESS,
    GATEWAY,
    Interface,
    Machine,
    Segment,
)

NAMESPACES = Path("/run/netns")
# ip-netns(8) mounts its folder on itself with the first namespace of all; this file says that there was no such mount before.
MOUNTED_FOR_US = RUNTIME / "netns-mounted"
# What a machine's network stack starts with, whatever the host's own values are: IPv4 settings of a new namespace
# are copies of the host's, and a host that runs containers forwards.
STARTING_SYSCTLS = {
    "net.ipv4.ip_forward": "0",
    "net.ipv4.conf.all.send_redirects": "1",
    "net.ipv4.conf.default.send_redirects": "1",
    "net.ipv4.conf.all.rp_filter": "0",
    "net.ipv4.conf.default.rp_filter": "0",
}
# A wire carries no hash of the sender's; a veth does, and routers take it for their choice of a next hop (skb->l4_hash). So a SYN
# that is sent again would take another way than the first, and hide a way that is lost: Linux makes a new hash for it.
ONE_WAY_A_FLOW = "net.core.txrehash"  # since Linux 5.18


def bridge(instance: Instance, segment: Segment) -> str:
    """The name of a switch; it lives in the controller's namespace."""
    return instance.name if segment is Segment.SITE else segment.value


def exists(namespace: str) -> bool:
    """Whether a namespace of that name is there."""
    return (NAMESPACES / namespace).exists()


def names_of(instance: Instance) -> list[str]:
    """All namespaces of an instance that exist; the controller's comes last."""
    if not NAMESPACES.is_dir():
        return []
    machines = sorted(path.name for path in NAMESPACES.glob(f"{instance.name}-*"))
    return [*machines, *([instance.name] if exists(instance.name) else [])]


def add_controller(instance: Instance) -> None:
    """Make the controller's namespace with the lab's two switches in it, if it is not there."""
    name = instance.name
    if exists(name) and succeeds(["ip", "-n", name, "link", "show", bridge(instance, Segment.RACK2)]):
        return
    delete(name)
    if NAMESPACES not in mount_points():
        MOUNTED_FOR_US.touch()
    run(["ip", "netns", "add", name])
    site, clients, rack2 = (bridge(instance, segment) for segment in (Segment.SITE, Segment.CLIENTS, Segment.RACK2))
    _batch(name, [
        "link set lo up",
        f"link add {site} type bridge",
        f"link add {clients} type bridge",
        f"link set {site} up",
        f"link set {clients} up",
        f"link add {rack2} type bridge",
        f"link set {rack2} up",
        f"addr add {CONTROLLER_ADDRESS} dev {site}",
        f"addr add {CONTROLLER_CLIENT_ADDRESS} dev {clients}",
        # Pods, services and load balancers are reached as from any machine of the site: over the router.
        f"route add default via {GATEWAY}",
    ])  # fmt: skip
    _sysctls(name, {**_starting_sysctls(), "net.ipv4.conf.all.arp_ignore": "1"})


def add_machine(instance: Instance, machine: Machine) -> None:
    """Make a machine's namespace and plug its cards into the switches."""
    namespace = instance.namespace(machine)
    delete(namespace)
    run(["ip", "netns", "add", namespace])
    _sysctls(namespace, _starting_sysctls())
    for interface in machine.interfaces:
        port = machine.port_of(interface)
        if succeeds(["ip", "-n", instance.name, "link", "show", port]):
            run(["ip", "-n", instance.name, "link", "del", port])
        run(["ip", "link", "add", interface.name, "address", interface.hardware_address, "netns", namespace,
             "type", "veth", "peer", "name", port, "netns", instance.name])  # fmt: skip
        run(["ip", "-n", instance.name, "link", "set", port, "master", bridge(instance, interface.segment), "up"])


def unplug(instance: Instance, machine: Machine) -> None:
    """Take the machine's switch ports down: from now on it can tell nobody that it dies."""
    for interface in machine.interfaces:
        _port(instance, machine, interface, "down")


def _port(instance: Instance, machine: Machine, interface: Interface, state: str) -> None:
    run(["ip", "-n", instance.name, "link", "set", machine.port_of(interface), state])


def processes(namespace: str) -> list[int]:
    """The processes that live in a namespace."""
    return [int(word) for word in run(["ip", "netns", "pids", namespace]).split()] if exists(namespace) else []


def delete(namespace: str) -> None:
    """Delete a namespace, if it is there."""
    if exists(namespace):
        run(["ip", "netns", "delete", namespace])


def give_folder_back() -> None:
    """Take away the mount that ip-netns made for us, unless somebody else has come to use it."""
    if MOUNTED_FOR_US.exists() and not any(NAMESPACES.iterdir()):
        if NAMESPACES in mount_points():
            run(["umount", NAMESPACES])
        MOUNTED_FOR_US.unlink()


def _starting_sysctls() -> dict[str, str]:
    known = Path("/proc/sys", *ONE_WAY_A_FLOW.split(".")).exists()
    return STARTING_SYSCTLS | ({ONE_WAY_A_FLOW: "0"} if known else {})


def _batch(namespace: str, commands: list[str]) -> None:
    run(["ip", "-n", namespace, "-batch", "-"], stdin="\n".join(commands) + "\n")


def _sysctls(namespace: str, values: dict[str, str]) -> None:
    run(["ip", "netns", "exec", namespace, "sysctl", "-q", "-w", *(f"{key}={value}" for key, value in values.items())])
