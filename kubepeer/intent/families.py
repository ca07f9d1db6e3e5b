"""Addresses and networks of one family of IP or of two, one a family, as Kubernetes' own lists have them. Pure."""

from collections.abc import Callable, Iterable, Iterator
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, PlainValidator

from kubepeer.intent.section import Section

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network
Version = Literal[4, 6]
IPV4: Version = 4
IPV6: Version = 6
BOTH: frozenset[Version] = frozenset({IPV4, IPV6})
NAMES: dict[Version, str] = {IPV4: "IPv4", IPV6: "IPv6"}
BITS: dict[Version, int] = {IPV4: 32, IPV6: 128}  # of an address


@lru_cache(maxsize=1 << 16)
def address_in(text: str) -> Address:
    """The address that a text is; read once, for a router's tables name the same ones thousands of times.

    Raises:
        ValueError: it is none.

    """
    return ip_address(text)


@lru_cache(maxsize=1 << 16)
def network_in(text: str) -> Network:
    """The network that a text is, as `address_in`.

    Raises:
        ValueError: it is none, or has bits beside its length.

    """
    return ip_network(text)


def version_of(one: Address | Network) -> Version:
    """The family of an address or a network."""
    return IPV4 if isinstance(one, IPv4Address | IPv4Network) else IPV6


def named(versions: Iterable[Version]) -> str:
    """Families for a person: IPv4 and IPv6."""
    return " and ".join(NAMES[version] for version in versions)


def by_number(one: Address | Network) -> tuple[int, int, int]:
    """A key to sort by: IPv4 first, then by number; Python compares no two families."""
    if isinstance(one, IPv4Network | IPv6Network):
        return one.version, int(one.network_address), one.prefixlen
    return one.version, int(one), 0


def within(inner: Network, outer: Network) -> bool:
    """Whether a network lies in another; never where they are of two families."""
    if isinstance(inner, IPv4Network):
        return isinstance(outer, IPv4Network) and inner.subnet_of(outer)
    return isinstance(outer, IPv6Network) and inner.subnet_of(outer)


def alone(address: Address) -> Network:
    """The network of this one address: a /32, or a /128."""
    return IPv4Network(address) if isinstance(address, IPv4Address) else IPv6Network(address)


def in_url(address: object) -> str:
    """An address as it stands before a port (RFC 3986, 3.2.2); a name stays."""
    return f"[{address}]" if ":" in str(address) else str(address)


def _one(value: object, read: Callable[[str], Any], kind: str) -> Any:
    try:
        return read(str(value))
    except ValueError:
        family = NAMES[IPV6 if ":" in str(value) else IPV4]
        raise ValueError(f"Input is not a valid {family} {kind}") from None


def _one_or_two(value: object, read: Callable[[str], Any], kind: str) -> tuple[Any, ...]:
    if not isinstance(value, list | tuple):
        return (_one(value, read, kind),)
    found = []
    for one in value:
        try:
            found.append(_one(one, read, kind))
        except ValueError as error:
            raise ValueError(f"{error} (found {one!r})") from None
    if not found or len({one.version for one in found}) < len(found):
        raise ValueError(f"this is one {kind}, or a list of two: one of IPv4 and one of IPv6")
    return tuple(found)


def read_address(value: object) -> Address:
    """An address of either family.

    Raises:
        ValueError: it is none.

    """
    address: Address = _one(value, ip_address, "address")
    return address


OneOrTwo = str | Annotated[list[str], Field(min_length=1, max_length=2)]  # as it is written
MaybeAddress = Annotated[
    Address | None, PlainValidator(lambda value: value and read_address(value), json_schema_input_type=str | None)
]
OneAddress = Annotated[Address, PlainValidator(read_address, json_schema_input_type=str)]
Addresses = Annotated[
    tuple[Address, ...],
    BeforeValidator(lambda value: _one_or_two(value, ip_address, "address"), json_schema_input_type=OneOrTwo),
]
MaybeAddresses = Annotated[
    tuple[Address, ...] | None,
    BeforeValidator(
        lambda value: value and _one_or_two(value, ip_address, "address"), json_schema_input_type=OneOrTwo | None
    ),
]
OneNetwork = Annotated[
    Network, PlainValidator(lambda value: _one(value, ip_network, "network"), json_schema_input_type=str)
]
Networks = Annotated[
    tuple[Network, ...],
    BeforeValidator(lambda value: _one_or_two(value, ip_network, "network"), json_schema_input_type=OneOrTwo),
]


class Addressed(Section):
    """What has an address in each family of the cluster.

    Attributes:
        address: of the first family, and so what Kubernetes and Calico know a node by: the end of its sessions in that family.
        address_key: where it stands in the inventory.
        second_address: of the other family, where the cluster has two.

    """

    address: OneAddress
    address_key: str = "hostname"
    second_address: MaybeAddress = None

    @property
    def addresses(self) -> tuple[Address, ...]:
        """All of them, in the order of the cluster's families."""
        return (self.address,) if self.second_address is None else (self.address, self.second_address)

    def address_of(self, version: Version) -> Address:
        """The one of a family that the cluster has."""
        return next(address for address in self.addresses if address.version == version)

    def key_of(self, version: Version) -> str:
        """The key of the inventory that says it."""
        return self.address_key if self.address.version == version else f"data.{SECOND_KEYS[version]}"


SECOND_KEYS: dict[Version, str] = {IPV4: "address", IPV6: "address6"}


def pairs(addresses: Iterable[Address], networks: Iterable[Network]) -> Iterator[tuple[Address, Network]]:
    """Each address with the network of its family."""
    by_family = {network.version: network for network in networks}
    return ((address, by_family[address.version]) for address in addresses if address.version in by_family)
