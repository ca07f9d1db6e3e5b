"""The two families of IP: what Calico names otherwise in the second one, and how their addresses are read and ordered.

The real calico-node runs a BIRD for each (bird.cfg and bird6.cfg); Felix has its own table, tunnel and chains for each.
"""

from dataclasses import dataclass
from ipaddress import (
    IPv4Address,
    IPv4Interface,
    IPv4Network,
    IPv6Address,
    IPv6Interface,
    IPv6Network,
    ip_address,
    ip_interface,
    ip_network,
)

Address = IPv4Address | IPv6Address
Interface = IPv4Interface | IPv6Interface
Network = IPv4Network | IPv6Network


@dataclass(frozen=True)
class Family:
    """A family of IP, and the names of things in it."""

    version: int
    address_annotation: str
    tunnel_annotation: str
    tunnel_device: str
    tunnel_overhead: int
    """Outer Ethernet, IP and UDP headers and VXLAN's own (RFC 7348, 5)."""
    block_size: int
    bird: str
    environment: str
    """Of calico-node: IP says whether there is an address, IP_AUTODETECTION_METHOD how it is found."""

    @property
    def name(self) -> str:
        """Say it as Kubernetes does: IPv4, IPv6."""
        return f"IPv{self.version}"

    @property
    def channel(self) -> str:
        """Name BIRD's channel."""
        return f"ipv{self.version}"

    @property
    def option(self) -> str:
        """Give the option of `ip`."""
        return f"-{self.version}"

    @property
    def kernel_name(self) -> str:
        """Name it as `ip -json` does."""
        return "inet" if self.version == IPV4.version else "inet6"

    @property
    def iptables(self) -> str:
        """Name the program that masquerades."""
        return "iptables" if self.version == IPV4.version else "ip6tables"

    @property
    def bits(self) -> int:
        """Say how long an address is."""
        return 32 if self.version == IPV4.version else 128

    @property
    def everywhere(self) -> str:
        """Write the default route's destination."""
        return "0.0.0.0/0" if self.version == IPV4.version else "::/0"

    def has(self, text: str) -> bool:
        """Say whether a text is an address or a network of this family."""
        return (":" in text) == (self.version == IPV6.version)


IPV4 = Family(
    version=4,
    address_annotation="projectcalico.org/IPv4Address",
    tunnel_annotation="projectcalico.org/IPv4VXLANTunnelAddr",
    tunnel_device="vxlan.calico",
    tunnel_overhead=50,
    block_size=26,
    bird="bird",
    environment="IP",
)
IPV6 = Family(
    version=6,
    address_annotation="projectcalico.org/IPv6Address",
    tunnel_annotation="projectcalico.org/IPv6VXLANTunnelAddr",
    tunnel_device="vxlan-v6.calico",
    tunnel_overhead=70,
    block_size=122,
    bird="bird6",
    environment="IP6",
)
FAMILIES = (IPV4, IPV6)


def family_of(one: Address | Interface | Network) -> Family:
    """Tell the family of an address or a network."""
    return IPV4 if one.version == IPV4.version else IPV6


def address(text: str) -> Address:
    """Read an address."""
    return ip_address(text)


def interface(text: str) -> Interface:
    """Read an address with its prefix length."""
    return ip_interface(text)


def network(text: str) -> Network:
    """Read a network."""
    return ip_network(text)


def alone(one: Address) -> Network:
    """Make the network of this one address."""
    return ip_network(one)


def start_of(one: Network) -> int:
    """Give a network's first address as a number."""
    return int(one.network_address)


def in_order(one: Network) -> tuple[int, int, int]:
    """Give a key to sort by; Python compares no two families."""
    return one.version, start_of(one), one.prefixlen


def within(inner: Network, outer: Network) -> bool:
    """Say whether a network lies in another; never where they are of two families."""
    if isinstance(inner, IPv4Network):
        return isinstance(outer, IPv4Network) and inner.subnet_of(outer)
    return isinstance(outer, IPv6Network) and inner.subnet_of(outer)


def block(number: int, size: int, family: Family) -> Network:
    """Make the network that begins at a number."""
    return IPv4Network((number, size)) if family is IPV4 else IPv6Network((number, size))
