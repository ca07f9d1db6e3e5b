"""The VXLAN device of Felix, one a family: its own hardware address, and where the other ends are."""

import hashlib
from collections.abc import Iterable, Mapping

from cluster_api.objects import Json

from calico_node import family as families
from calico_node.family import IPV4, Address, Family

IDENTIFIER, PORT = "4096", "4789"  # FelixConfiguration, vxlanVNI and vxlanPort
_LOCAL = 0x66  # locally administered, not a group: Felix takes this first byte too

Ends = Mapping[Address, tuple[str, Address]]
"""By tunnel address: the node's name and the address that the outer packets go to."""


def hardware_address(node: str, family: Family = IPV4) -> str:
    """Derive a node's hardware address from its name, so that every node knows all of them; the two devices have two."""
    node += "" if family is IPV4 else "-v6"
    return ":".join(f"{byte:02x}" for byte in (_LOCAL, *hashlib.sha256(node.encode()).digest()[:5]))


def outer_address(shown: Iterable[Json], family: Family = IPV4) -> Address | None:
    """Read from which address the standing device sends, in `ip -json -details link show type vxlan`; none without it."""
    for entry in shown:
        if entry.get("ifname") == family.tunnel_device:
            data = entry["linkinfo"]["info_data"]
            return families.address(data.get("local") or data.get("local6") or family.everywhere.partition("/")[0])
    return None


def changes(
    neighbours: Iterable[Json], forwarding: Iterable[Json], ends: Ends, family: Family = IPV4
) -> list[list[str]]:
    """Write the `ip` and `bridge` commands that bring the device's two tables about.

    Given `ip -json neighbour show` and `bridge -json fdb show` of the device. The neighbour table leads from a tunnel
    address to a hardware address, the forwarding table from there to a node.
    """
    known = {str(entry["dst"]): str(entry.get("lladdr", "")) for entry in neighbours if "dst" in entry}
    reached = {str(entry["mac"]): str(entry["dst"]) for entry in forwarding if "dst" in entry and "mac" in entry}
    wanted = {str(tunnel): hardware_address(name, family) for tunnel, (name, _) in ends.items()}
    outer = {hardware_address(name, family): str(address) for name, address in ends.values()}
    on = ["dev", family.tunnel_device]
    return [
        *(
            ["ip", "neighbour", "replace", tunnel, "lladdr", hardware, *on, "nud", "permanent"]
            for tunnel, hardware in sorted(wanted.items())
            if known.get(tunnel) != hardware
        ),
        *(
            ["bridge", "fdb", "replace", hardware, *on, "dst", address]
            for hardware, address in sorted(outer.items())
            if reached.get(hardware) != address
        ),
        *(["ip", "neighbour", "del", tunnel, *on] for tunnel in sorted(known.keys() - wanted.keys())),
        *(["bridge", "fdb", "del", hardware, *on] for hardware in sorted(reached.keys() - outer.keys())),
    ]
