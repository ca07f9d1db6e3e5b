"""ServiceGroups and the addresses in them."""

from collections.abc import Container, Iterator
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network

from cluster_api.objects import Json, name, spec


@dataclass(frozen=True)
class Range:
    """Addresses from first to last, both included."""

    first: IPv4Address
    last: IPv4Address

    def __contains__(self, address: IPv4Address) -> bool:
        return self.first <= address <= self.last

    def __iter__(self) -> Iterator[IPv4Address]:
        return map(IPv4Address, range(int(self.first), int(self.last) + 1))


@dataclass(frozen=True)
class Group:
    """A ServiceGroup with IPv4 pools; the kind says whether nodes' own network or routers lead to its addresses."""

    name: str
    ranges: tuple[Range, ...]
    kind: str = "local"

    def __contains__(self, address: IPv4Address) -> bool:
        return any(address in addresses for addresses in self.ranges)

    def lowest_free(self, used: Container[IPv4Address]) -> IPv4Address | None:
        """Find the first address that nobody has, pool by pool."""
        return next((address for addresses in self.ranges for address in addresses if address not in used), None)


def group(item: Json) -> Group:
    """Read a ServiceGroup; v4pool and v4pools are the fields of purelb.io/v1 and v2, pool alone the one before them."""
    kind = "remote" if spec(item).get("remote") else "local"
    local = spec(item).get(kind) or {}
    pools = [*([local["v4pool"]] if local.get("v4pool") else []), *(local.get("v4pools") or [])]
    if not pools and local.get("pool") and ":" not in local["pool"]:
        pools = [local]
    return Group(name(item), tuple(map(_range, pools)), kind)


def _range(pool: Json) -> Range:
    """Read a pool: `first-last` or a network, and inside of its subnet."""
    text, subnet = str(pool["pool"]), IPv4Network(pool["subnet"], strict=False)
    first, dash, last = text.partition("-")
    if dash:
        addresses = Range(IPv4Address(first.strip()), IPv4Address(last.strip()))
    else:
        network = IPv4Network(text)
        addresses = Range(network.network_address, network.broadcast_address)
    if addresses.first > addresses.last:
        raise ValueError(f"pool {text}: the first address is above the last")
    if addresses.first not in subnet or addresses.last not in subnet:
        raise ValueError(f"pool {text} is not inside its subnet {subnet}")
    return addresses
