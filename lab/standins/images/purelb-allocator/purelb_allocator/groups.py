"""ServiceGroups and the addresses in them."""

from collections.abc import Container, Iterator
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

from cluster_api.objects import Json, name, spec

Address = IPv4Address | IPv6Address
FAMILIES = {4: "IPv4", 6: "IPv6"}  # as spec.ipFamilies of a service names them


@dataclass(frozen=True)
class Range:
    """Addresses from first to last, both included."""

    first: Address
    last: Address

    def __contains__(self, address: Address) -> bool:
        return self.first.version == address.version and int(self.first) <= int(address) <= int(self.last)

    def __iter__(self) -> Iterator[Address]:
        return map(type(self.first), range(int(self.first), int(self.last) + 1))


@dataclass(frozen=True)
class Group:
    """A ServiceGroup; the kind says whether nodes' own network or routers lead to its addresses."""

    name: str
    ranges: tuple[Range, ...]
    kind: str = "local"

    def __contains__(self, address: Address) -> bool:
        return any(address in addresses for addresses in self.ranges)

    def lowest_free(self, used: Container[Address], family: str) -> Address | None:
        """Find the first address of a family that nobody has, pool by pool."""
        ranges = [one for one in self.ranges if FAMILIES[one.first.version] == family]
        return next((address for addresses in ranges for address in addresses if address not in used), None)


def group(item: Json) -> Group:
    """Read a ServiceGroup; v4pool, v4pools and those of IPv6 are the fields of v1 and v2, pool alone the one before."""
    kind = "remote" if spec(item).get("remote") else "local"
    local = spec(item).get(kind) or {}
    pools: list[Json] = []
    for key in ("v4pool", "v6pool"):
        pools += [*([local[key]] if local.get(key) else []), *(local.get(f"{key}s") or [])]
    if not pools and local.get("pool"):
        pools = [local]
    return Group(name(item), tuple(map(_range, pools)), kind)


def _range(pool: Json) -> Range:
    """Read a pool: `first-last` or a network, and inside of its subnet."""
    text, subnet = str(pool["pool"]), ip_network(pool["subnet"], strict=False)
    first, dash, last = text.partition("-")
    if dash:
        addresses = Range(ip_address(first.strip()), ip_address(last.strip()))
    else:
        network = ip_network(text)
        addresses = Range(network.network_address, network.broadcast_address)
    if addresses.first not in subnet or addresses.last not in subnet:
        raise ValueError(f"pool {text} is not inside its subnet {subnet}")
    if addresses.first not in addresses:
        raise ValueError(f"pool {text}: the first address is above the last")
    return addresses
