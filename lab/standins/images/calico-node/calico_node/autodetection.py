"""Which address a node speaks BGP from: IP_AUTODETECTION_METHOD (node/pkg/lifecycle/startup/autodetection).

The first that fits is taken, never the best: with first-found a keepalived address is the node's where it stands before
the node's own on the interface, as it does after the own one went away and came back.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from ipaddress import ip_network

from cluster_api.objects import Json

from calico_node import family as families
from calico_node.family import IPV4, Address, Family, Network
from calico_node.family import Interface as WithMask

FIRST_FOUND = "first-found"
INTERNAL_ADDRESS = "kubernetes-internal-ip"
NONE = "none"
_EXCLUDED = re.compile(
    r"^docker|^cbr|^dummy|^podman|^virbr|^lxcbr|^veth|^lo|^cali|^tunl|^flannel|^kube-ipvs|^cni"
    r"|^vxlan\.calico|^vxlan-v6\.calico|^wireguard\.cali|^wg-v6\.cali"
)
_COMMA = re.compile(r"\s*,\s*")


@dataclass(frozen=True)
class Interface:
    """An interface and its addresses of one family in the kernel's order."""

    name: str
    addresses: tuple[WithMask, ...]


def method(environment: Mapping[str, str], family: Family = IPV4) -> str:
    """Read the method; `none` is the operator's way to say that an Installation names none.

    An address of IPv6 is looked for only where IP6 says so, one of IPv4 also where nothing does.
    """
    if environment.get(family.environment, "" if family is IPV4 else NONE) == NONE:
        return NONE
    return environment.get(f"{family.environment}_AUTODETECTION_METHOD", FIRST_FOUND)


def read(shown: Iterable[Json], family: Family = IPV4) -> list[Interface]:
    """Read `ip -json address show`."""
    return [
        Interface(
            str(entry["ifname"]),
            tuple(
                families.interface(f"{address['local']}/{address['prefixlen']}")
                for address in entry.get("addr_info") or []
                if address.get("family", "inet") == family.kernel_name and "local" in address
            ),
        )
        for entry in shown
        if "ifname" in entry
    ]


def detect(
    method: str,
    interfaces: list[Interface],
    internal: Address | None,
    source_towards: Callable[[str], Address | None],
) -> WithMask | None:
    """Find the address, or none.

    Args:
        method: the value of IP_AUTODETECTION_METHOD; empty is first-found.
        interfaces: the node's with their addresses of one family, in the kernel's order.
        internal: the InternalIP of the Node in that family.
        source_towards: tells from which address the kernel would speak to a host (can-reach=).

    Raises:
        ValueError: there is no such method; the real program ends then.
    """
    kind, equals, value = method.partition("=")
    if equals:
        return _by_value(kind, value, interfaces, source_towards)
    if kind in ("", FIRST_FOUND):
        return _first(_named(interfaces, None, _EXCLUDED))
    if kind == INTERNAL_ADDRESS:
        return _with_mask(interfaces, internal)
    if kind == NONE:
        return None
    raise ValueError(f"invalid IP autodetection method: {method}")


def _by_value(
    kind: str, value: str, interfaces: list[Interface], source_towards: Callable[[str], Address | None]
) -> WithMask | None:
    words = _COMMA.split(value)
    if kind == "interface":
        return _first(_named(interfaces, _any_of(words), None))
    if kind == "skip-interface":
        return _first(_named(interfaces, None, _any_of([_EXCLUDED.pattern, *words])))
    if kind == "cidr":
        networks = [ip_network(word, strict=False) for word in words]
        return _first(_named(interfaces, None, None), networks)
    if kind == "can-reach":
        return _with_mask(interfaces, source_towards(value))
    raise ValueError(f"invalid IP autodetection method: {kind}={value}")


def _any_of(patterns: list[str]) -> re.Pattern[str]:
    return re.compile("|".join(f"({pattern})" for pattern in patterns))


def _named(
    interfaces: list[Interface], included: re.Pattern[str] | None, excluded: re.Pattern[str] | None
) -> Iterator[Interface]:
    """Choose interfaces by name, the last one first: that is the real program's order."""
    for interface in reversed(interfaces):
        if included and not included.search(interface.name):
            continue
        if not (excluded and excluded.search(interface.name)):
            yield interface


def _first(interfaces: Iterable[Interface], networks: list[Network] | None = None) -> WithMask | None:
    for interface in interfaces:
        for address in interface.addresses:
            inside = networks is None or any(address.ip in network for network in networks)
            if inside and not (address.is_loopback or address.is_link_local or address.is_multicast):
                return address
    return None


def _with_mask(interfaces: list[Interface], wanted: Address | None) -> WithMask | None:
    found = (address for interface in interfaces for address in interface.addresses if address.ip == wanted)
    return next(found, None)
