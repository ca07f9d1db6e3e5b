"""BGPConfiguration and BGPPeer as the rest of this program sees them."""

import re
from dataclasses import dataclass

from cluster_api.objects import Json, name, spec

from calico_node import family as families
from calico_node import versions
from calico_node.family import FAMILIES, IPV4, Address, Family, Network
from calico_node.resources import DEFAULT_AS_NUMBER, as_plain_number
from calico_node.versions import Version

_DURATION = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h)")
_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}
# An address; with a port behind it one of IPv6 stands in brackets.
_ADDRESS = re.compile(
    r"\[(?P<inside>[^\]]+)\](?::(?P<port6>\d+))?|(?P<four>[\d.]+)(?::(?P<port>\d+))?|(?P<six>[\da-fA-F:.]+)"
)


@dataclass(frozen=True)
class PasswordReference:
    """A key of a Secret in calico/node's own namespace."""

    secret: str
    key: str


@dataclass(frozen=True)
class Advertisement:
    """The communities (`aa:nn` or `aa:nn:mm`) of all routes inside a network."""

    cidr: Network
    communities: tuple[str, ...]


@dataclass(frozen=True)
class Settings:
    """BGPConfiguration `default`, with what `node.NAME` says instead: its networks are those of one family."""

    as_number: int
    mesh: bool
    mesh_password: PasswordReference | None
    mesh_restart_seconds: int | None
    listen_port: int | None
    bind_to_node_address: bool
    log_severity: str
    cluster_networks: tuple[Network, ...]
    external_networks: tuple[Network, ...]
    load_balancer_networks: tuple[Network, ...]
    load_balancer_aggregation: bool
    advertisements: tuple[Advertisement, ...]
    family: Family = IPV4

    @property
    def service_networks(self) -> tuple[Network, ...]:
        """Join the networks of all three kinds, each once."""
        return tuple(dict.fromkeys(self.cluster_networks + self.external_networks + self.load_balancer_networks))


@dataclass(frozen=True)
class Peer:
    """A BGPPeer."""

    name: str
    node: str
    node_selector: str
    address: Address | None
    port: int | None
    peer_selector: str
    as_number: int | None
    keep_next_hop: bool
    next_hop_mode: str
    restart_seconds: int | None
    password: PasswordReference | None
    from_node_address: bool
    allowed_local_as_numbers: int | None
    ttl_security_hops: int | None
    reachable_by: Address | None
    filters: tuple[str, ...]

    @property
    def is_global(self) -> bool:
        """Say whether all nodes have it."""
        return not self.node and not self.node_selector


def settings(items: list[Json], node_name: str, version: Version, family: Family = IPV4) -> Settings:
    """Read the BGPConfiguration; without one the defaults of the API hold, the mesh among them."""
    by_name = {name(item): spec(item) for item in items}
    default, own = by_name.get("default", {}), by_name.get(f"node.{node_name}", {})
    values = {entry["name"]: entry["value"] for entry in default.get("communities") or []}
    advertised = own.get("prefixAdvertisements") or default.get("prefixAdvertisements") or []
    return Settings(
        as_number=as_plain_number(default.get("asNumber") or DEFAULT_AS_NUMBER),
        mesh=bool(default.get("nodeToNodeMeshEnabled", True)),
        mesh_password=_password(default.get("nodeMeshPassword")),
        mesh_restart_seconds=seconds(default.get("nodeMeshMaxRestartTime")),
        listen_port=own.get("listenPort") or default.get("listenPort"),
        bind_to_node_address=default.get("bindMode") == "NodeIP",
        log_severity=str(own.get("logSeverityScreen") or default.get("logSeverityScreen") or "Info"),
        cluster_networks=_networks(default.get("serviceClusterIPs"), family),
        external_networks=_networks(default.get("serviceExternalIPs"), family),
        load_balancer_networks=_networks(default.get("serviceLoadBalancerIPs"), family),
        load_balancer_aggregation=not version.has(versions.AGGREGATION)
        or default.get("serviceLoadBalancerAggregation") != "Disabled",
        advertisements=tuple(
            Advertisement(
                families.network(entry["cidr"]),
                tuple(values.get(text, text) for text in entry.get("communities") or []),
            )
            for entry in advertised
            if family.has(entry["cidr"])
        ),
        family=family,
    )


def peers(items: list[Json], version: Version, family: Family = IPV4) -> list[Peer]:
    """Read the BGPPeers with an address of a family or with a peerSelector, in order of their names."""
    read = (peer(item, version, family) for item in sorted(items, key=name))
    return [one for one in read if one.address is None or one.address.version == family.version]


def passwords(configurations: list[Json], peers_of_all: list[Json], version: Version) -> list[PasswordReference]:
    """List what sessions of either family refer to."""
    read = [one for family in FAMILIES for one in peers(peers_of_all, version, family)]
    found = [settings(configurations, "", version).mesh_password, *(one.password for one in read)]
    return [reference for reference in dict.fromkeys(found) if reference is not None]


def peer(item: Json, version: Version, family: Family = IPV4) -> Peer:
    """Read a BGPPeer. A field that came after this version is ignored, as it is where nobody knows it."""
    fields = spec(item)
    ttl = fields.get("ttlSecurity") if version.has(versions.PEER_TTL_SECURITY) else None
    reachable_by = fields.get("reachableBy") if version.has(versions.PEER_REACHABLE_BY) else None
    match = _ADDRESS.fullmatch(str(fields.get("peerIP") or ""))
    inside, four, six, port, port6 = match.group("inside", "four", "six", "port", "port6") if match else ("",) * 5
    address, port = inside or four or six, port or port6
    as_number = fields.get("asNumber")
    return Peer(
        name=name(item),
        node=str(fields.get("node") or ""),
        node_selector=str(fields.get("nodeSelector") or ""),
        address=families.address(address) if address else None,
        port=int(port) if port else None,
        peer_selector=str(fields.get("peerSelector") or ""),
        as_number=as_plain_number(as_number) if as_number else None,
        keep_next_hop=bool(fields.get("keepOriginalNextHop")),
        next_hop_mode=str(fields.get("nextHopMode") or "") if version.has(versions.PEER_NEXT_HOP_MODE) else "",
        restart_seconds=seconds(fields.get("maxRestartTime")),
        password=_password(fields.get("password")),
        from_node_address=fields.get("sourceAddress", "UseNodeIP") == "UseNodeIP",
        allowed_local_as_numbers=fields.get("numAllowedLocalASNumbers"),
        ttl_security_hops=ttl,
        reachable_by=families.address(reachable_by) if reachable_by and family.has(reachable_by) else None,
        filters=tuple(fields.get("filters") or ()) if version.has(versions.FILTERS) else (),
    )


def seconds(duration: str | None) -> int | None:
    """Read a duration as Go writes it (`1m30s`), rounded as Calico does."""
    if not duration:
        return None
    parts = _DURATION.findall(duration)
    if "".join(number + unit for number, unit in parts) != duration:
        raise ValueError(f"{duration!r} is not a duration")
    return round(sum(float(number) * _SECONDS[unit] for number, unit in parts))


def _networks(entries: list[Json] | None, family: Family) -> tuple[Network, ...]:
    return tuple(families.network(entry["cidr"]) for entry in entries or [] if family.has(entry["cidr"]))


def _password(field: Json | None) -> PasswordReference | None:
    reference = (field or {}).get("secretKeyRef")
    return PasswordReference(str(reference.get("name", "")), str(reference["key"])) if reference else None
