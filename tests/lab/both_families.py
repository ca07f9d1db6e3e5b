"""The lab with IPv6 beside IPv4, for one test: what the owners of its machines have to see to for examples/dual-stack.

Each machine of the example gets its address, the nodes a default route, both routers forward, and BIRD gives its routes of IPv6 to the
kernel; the client has a link of its own behind openwrt, as in IPv4. Nothing of it outlives a machine's end.
"""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from ipaddress import ip_network
from pathlib import Path
from typing import Any

from lab.errors import LabError
from tests.both_families import EXAMPLE, dual_stack
from tests.lab.laboratory import NODES, ROUTERS, Laboratory
from tests.lab.runbooks import Project, Runbooks

HOSTS: dict[str, dict[str, Any]] = dual_stack()["hosts"]
CLUSTER: dict[str, Any] = dual_stack()["groups"]["fabric"]["data"]["cluster"]
ADDRESSES: dict[int, dict[str, str]] = {
    4: {name: host["hostname"] for name, host in HOSTS.items()},
    6: {name: host["data"]["address6"] for name, host in HOSTS.items()},
}
SERVICES, LOAD_BALANCERS, PODS = (
    {ip_network(text).version: text for text in CLUSTER["networks"][kind]}
    for kind in ("services", "load_balancers", "pods")
)
LINK = next(ip_network(text) for text in CLUSTER["networks"]["nodes"] if ":" in text)
GATEWAY = "openwrt"
CLIENTS_GATEWAY, CLIENT = "fd00:10:32::1", "fd00:10:32::10"
# What BIRD's owner has written for IPv4 in his own file.
KERNEL6_FILE = "/etc/bird/conf.d/kernel6.conf"
KERNEL6 = """\
protocol kernel kernel6 {
	ipv6 {
		import none;
		export where source != RTS_DEVICE;
	};
	merge paths on;
}
"""
FORWARDING = "net.ipv6.conf.all.forwarding"


def example(folder: Path, lab: Laboratory) -> Runbooks:
    """The runbooks on the example's inventory, as it is."""
    files = {name: (EXAMPLE / f"{name}.yaml").read_text(encoding="utf-8") for name in ("hosts", "groups")}
    return Project.of(folder, lab.instance).edited(**files)


@contextmanager
def up(lab: Laboratory) -> Iterator[None]:
    """Give the machines their addresses and ways of IPv6; at the end they have none."""
    given = [*((name, "eth0", f"{address}/{LINK.prefixlen}") for name, address in ADDRESSES[6].items())]
    given += [(GATEWAY, "eth1", f"{CLIENTS_GATEWAY}/64"), ("client", "eth0", f"{CLIENT}/64")]
    ways = dict.fromkeys((*NODES, "tiny-unraid"), ADDRESSES[6][GATEWAY]) | {"client": CLIENTS_GATEWAY}
    try:
        for name, card, address in given:
            # each is there once, and a daemon that binds to it at once shall find it
            lab.kernel(name, "-6", "address", "replace", address, "dev", card, "nodad")
        for router in ROUTERS:
            lab.inside(router, f"sysctl -w {FORWARDING}=1")
        for name, gateway in ways.items():
            lab.kernel(name, "-6", "route", "replace", "default", "via", gateway, "dev", "eth0")
        lab.inside("tiny-unraid", f"cat > {KERNEL6_FILE} <<'END'\n{KERNEL6}END\nbirdc configure")
        yield
    finally:
        _away(lab, given, ways)


def _away(lab: Laboratory, given: list[tuple[str, str, str]], ways: dict[str, str]) -> None:
    """Whatever of it is there; a machine that is down has nothing but the file on its disk, which the next reset throws away."""
    words = dict.fromkeys(ROUTERS, f"sysctl -w {FORWARDING}=0")
    words["tiny-unraid"] += f"; rm -f {KERNEL6_FILE}; birdc configure"
    for router, script in words.items():
        with suppress(LabError):
            lab.try_inside(router, script)
    for name in ways:
        lab.try_kernel(name, "-6", "route", "del", "default", "dev", "eth0")
    for name, card, address in given:
        lab.try_kernel(name, "-6", "address", "del", address, "dev", card)
