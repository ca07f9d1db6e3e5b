"""Two routers that the shipped inventory has not: one a hop behind the nodes' gateway, and one that has the nodes in a VRF.

Both are optional machines, made anew and thrown away. They are arranged as an owner would have it before Kubepeer comes: by hand.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from lab import disks
from lab.topology import machine
from tests.lab.laboratory import ADDRESSES, Laboratory, wait_for

FAR, IN_VRF = "frr10", "frr8"
LOOPBACK = "10.34.0.10"  # of the far one: in no network of the site
FAR_MANAGEMENT, VRF_MANAGEMENT = "10.32.0.3", "10.32.0.4"
GATEWAY = "10.32.0.1"  # openwrt, between the far one and the nodes
VRF, VRF_ADDRESS = "site", "10.31.254.8"
OWNERS_SECONDS, BUILD_SECONDS = 60, 900

HOSTS: dict[str, Any] = {
    FAR: {
        "hostname": FAR_MANAGEMENT,
        "groups": ["frr"],
        "data": {
            "as_number": 64513,
            # one hop is between them; one more is for what is led over another router on purpose
            "peering": {"address": LOOPBACK, "multihop": 3, "redundancy_group": "far"},
        },
    },
    IN_VRF: {
        "hostname": VRF_MANAGEMENT,
        "groups": ["frr"],
        "data": {
            "as_number": 64518,
            "peering": {"address": VRF_ADDRESS, "vrf": VRF, "redundancy_group": "vrf"},
        },
    },
}

# It has no card in the nodes' network, a route of its own to each of them, and a default route for all else, which resolves no next hop.
OF_THE_FAR_ONE = "\n".join([
    "interface eth0", " shutdown", "exit",
    "interface lo", f" ip address {LOOPBACK}/32", "exit",
    "no ip nht resolve-via-default",
    f"ip route 0.0.0.0/0 {GATEWAY}",
    *(f"ip route {address}/32 {GATEWAY}" for address in ADDRESSES.values()),
])  # fmt: skip
# Its owner has BGP in the VRF already, as in the default one.
OF_THE_ONE_WITH_A_VRF = "\n".join([
    f"ip route 0.0.0.0/0 {GATEWAY}",
    f"router bgp 64518 vrf {VRF}", f" bgp router-id {VRF_ADDRESS}",
    " address-family ipv4 unicast", "  network 10.31.0.0/16", " exit-address-family", "exit",
])  # fmt: skip
# The kernels of the lab may have no VRF device: the VRF is a network namespace, which zebra is told by an option (zebra(8), --vrfwnetns).
MAKE_THE_VRF = f"""ip netns add {VRF} && ip link set eth0 netns {VRF} && ip -n {VRF} link set lo up
ip -n {VRF} addr add {VRF_ADDRESS}/16 dev eth0 && ip -n {VRF} link set eth0 up
ip netns exec {VRF} sysctl -qw net.ipv4.ip_forward=1
sed -i 's/^zebra_options="/&--vrfwnetns /' /etc/frr/daemons && systemctl restart frr"""


@contextmanager
def up(lab: Laboratory) -> Iterator[None]:
    """Both routers as their owners have them; at the end they are gone, and the way to the far one with them."""
    _away(lab)
    lab.must("up", FAR, IN_VRF, deadline=BUILD_SECONDS)
    try:
        _tell(lab, FAR, OF_THE_FAR_ONE)
        lead_to_the_far_one(lab)
        lab.inside(IN_VRF, MAKE_THE_VRF)
        told = f"vtysh -c 'show vrf' | grep -q '^vrf {VRF} id'"
        wait_for("zebra has the VRF", lambda: lab.try_inside(IN_VRF, told).returncode == 0, OWNERS_SECONDS)
        _tell(lab, IN_VRF, OF_THE_ONE_WITH_A_VRF)
        yield
    finally:
        _away(lab)


def lead_to_the_far_one(lab: Laboratory) -> None:
    """The nodes' gateway knows the way to the loopback."""
    lab.kernel("openwrt", "route", "add", LOOPBACK, "via", FAR_MANAGEMENT)


def _away(lab: Laboratory) -> None:
    """No way to the far router, no machine and no disk of either; what is not there need not go."""
    if LOOPBACK in lab.kernel("openwrt", "route", "show", LOOPBACK):
        lab.kernel("openwrt", "route", "del", LOOPBACK)
    for name in (FAR, IN_VRF):
        lab.lab("cut", name)
        found = machine(name)
        assert found is not None
        disks.throw_away(lab.instance, found)


def _tell(lab: Laboratory, router: str, text: str) -> None:
    """Configure a router as its owner does, and have it start so."""
    lab.inside(
        router,
        f"cat >/tmp/owner.conf <<'END'\n{text}\nEND\nvtysh -f /tmp/owner.conf && vtysh -c 'write memory'; rm /tmp/owner.conf",
    )


def configure(lab: Laboratory, router: str, *lines: str) -> None:
    """Change what runs, by hand."""
    lab.inside(router, "vtysh -c 'configure terminal' " + " ".join(f"-c '{line}'" for line in lines))
