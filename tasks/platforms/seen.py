"""What was seen on a router, in words that every platform shares. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

from kubepeer.intent.families import Address, Network, network_in, within
from tasks.platforms.attributes import NO_ATTRIBUTES, NO_TERMS, Attributes, Terms
from tasks.platforms.hops import ADDRESS, Hop

WITHOUT_FORWARDING = frozenset({"bgp", "rib"})  # the layers of a router whose forwarding table is not read


@dataclass(frozen=True)
class Session:
    """One configured BGP neighbour.

    Attributes:
        state: as the router names it: Established, Active, Connect, Idle, OpenSent, OpenConfirm.
        seconds: how long it has been Established or, if it is not, since it was last reset.
        ever: whether it was Established at any time.
        last_error: why it was last reset, in the router's words and those of the notification; "" when nothing is known.
        of_last_attempt: whether last_error may be of a later attempt to connect: the router remembers no other.
        discards: why the router discards what the peer sends although the session is up; "" when it does not.
        stale_seconds: how long the routes of a lost session are still kept (graceful restart); None when none are.
        accepted: how many prefixes were accepted.
        waits: why a session that is up has brought nothing yet, or why the router opens none yet; "" where nothing is known.
        held_off: for how many seconds the router opens none, since the peer was silent; 0 where it does not wait.
        terms: what was agreed upon and counted.

    """

    peer: Address
    state: str
    seconds: int | None = None
    last_error: str = ""
    of_last_attempt: bool = False
    ever: bool = True
    discards: str = ""
    stale_seconds: int | None = None
    accepted: int = 0
    waits: str = ""
    held_off: int = 0
    terms: Terms = NO_TERMS

    @property
    def established(self) -> bool:
        """Whether the session is up."""
        return self.state == "Established"


@dataclass(frozen=True)
class Path:
    """One path of a prefix in BGP.

    Attributes:
        peer: who announced it; None for a route of the router's own.
        chosen: the best path, or one of its equals (multipath).
        valid: whether the next hop can be reached.
        stale: kept although its session was lost (RFC 4724).
        attributes: as far as the router's table shows them.

    """

    hop: Hop
    peer: Address | None = None
    chosen: bool = False
    valid: bool = True
    stale: bool = False
    attributes: Attributes = NO_ATTRIBUTES

    @property
    def own(self) -> bool:
        """Whether the next hop itself announced it: what another node says of it does not show that it lives."""
        return str(self.peer) == self.hop


@dataclass(frozen=True)
class RibRoute:
    """One route of a prefix in the router's own table, chosen or not.

    Attributes:
        lines: next hop, interface, weight: in the router's order.
        absent: why a next hop that BGP has may not be one of the route's, as far as this platform is known.

    """

    protocol: str
    distance: int
    metric: int
    hops: frozenset[Hop]
    selected: bool
    installed: bool = True
    uptime: str = ""
    lines: tuple[tuple[Hop, str, int | None], ...] = ()
    absent: str = "not an active next hop of the route"


@dataclass(frozen=True)
class KernelRoute:
    """One route of the kernel; the lowest metric wins among those of a prefix, and two of different metrics are no equal paths.

    Attributes:
        protocol: who put it there; "" where nothing tells.
        hops: its next hops as the kernel has them: gateways on a link.
        untold: why there may be more next hops than these; "" where these are all.

    """

    prefix: Network
    protocol: str
    metric: int
    hops: frozenset[Hop]
    untold: str = ""


@dataclass(frozen=True)
class RouterSeen:
    """A router's sessions, and what it has of the cluster's networks.

    Attributes:
        lookups: for a prefix, the kernel's own answer to "which route would you take to an address in it": it honours rules and
            other tables; None is "no route"; a prefix that was not asked about is absent. A node's address is asked about alone.
        kernel_protocols: the kernel's names for what the router's own daemon has put there.
        resolved: for a next hop of BGP, the gateways by which the router's own table resolves it (RFC 4271, 5.1.3): the next hop
            itself where it is a neighbour on a link; absent where the table does not tell.
        gateways_in_rib: whether the routes of the table show those gateways in place of BGP's next hops.
        as_shown: the router's own AS as it writes it itself; "" where it does not tell.
        layers: of which it tells; the others are not judged.
        notice: what is to be known of how this was read, and is no fault; "" where nothing is.
        hash_policy: net.ipv4.fib_multipath_hash_policy of a router that is Linux; None where nothing tells.
        hash_policy6: the same of IPv6.
        leaked: what the router has accepted of a neighbour outside the networks that were asked about; asked where its count says so.

    """

    sessions: Mapping[Address, Session] = field(default_factory=dict)
    bgp: Mapping[Network, tuple[Path, ...]] = field(default_factory=dict)
    rib: Mapping[Network, tuple[RibRoute, ...]] = field(default_factory=dict)
    kernel: Mapping[Network, tuple[KernelRoute, ...]] = field(default_factory=dict)
    lookups: Mapping[Network, KernelRoute | None] = field(default_factory=dict)
    kernel_protocols: frozenset[str] = frozenset({"bgp"})  # RTPROT_BGP of linux/rtnetlink.h
    resolved: Mapping[Hop, frozenset[Hop]] = field(default_factory=dict)
    gateways_in_rib: bool = False
    as_shown: str = ""
    layers: frozenset[str] = frozenset({"bgp", "rib", "kernel"})
    notice: str = ""
    hash_policy: int | None = None
    hash_policy6: int | None = None
    leaked: Mapping[Address, tuple[Network, ...]] = field(default_factory=dict)

    def gateways(self, hop: Hop) -> frozenset[Hop]:
        """The gateways that a next hop of BGP is reached by: as the router's table resolves it, else as the kernel does, else itself."""
        return self.resolved.get(hop) or self.kernel_gateways(hop) or frozenset({hop})

    def kernel_gateways(self, hop: Hop) -> frozenset[Hop] | None:
        """The gateways of the route that the kernel itself would take to a next hop; none: it has no route; None: nobody asked."""
        key = network_in(hop) if ADDRESS.match(hop) else None
        if key is None or key not in self.lookups:
            return None
        taken = self.lookups[key]
        if taken is None:
            return frozenset()
        return frozenset(hop if gateway.startswith("dev ") else gateway for gateway in taken.hops)

    def shows_gateways(self, layer: str) -> bool:
        """Whether a layer has gateways on a link in place of BGP's next hops."""
        return layer == "kernel" or (layer == "rib" and self.gateways_in_rib)

    def shown(self, layer: str, hop: Hop) -> frozenset[Hop]:
        """What a layer shows where BGP has this next hop."""
        return self.gateways(hop) if self.shows_gateways(layer) else frozenset({hop})

    def rib_hops(self, prefix: Network) -> frozenset[Hop]:
        """The next hops of the route that the router's own table has chosen; none where it has none."""
        chosen = self.chosen_rib(prefix)
        return chosen.hops if chosen else frozenset()

    def chosen_rib(self, prefix: Network) -> RibRoute | None:
        """The route that the router's own table has chosen."""
        return next((route for route in self.rib.get(prefix, ()) if route.selected), None)

    def chosen_kernel(self, prefix: Network) -> KernelRoute | None:
        """The route that the kernel takes: its own answer where it gave one, else the lowest metric of its main table."""
        listed = min(self.kernel.get(prefix, ()), key=lambda route: route.metric, default=None)
        if prefix not in self.lookups:
            return listed
        taken = self.lookups[prefix]
        if taken is not None and taken.prefix == prefix:
            return taken
        if taken is not None and within(prefix, taken.prefix):
            return None  # it falls back on a shorter prefix, whatever stands in its main table
        if taken is None and listed and any(ADDRESS.match(hop) for hop in listed.hops) and not self._longer(prefix):
            return None  # a rule forbids what stands in the main table
        return listed

    def _longer(self, prefix: Network) -> bool:
        """Whether the kernel has routes for parts of a prefix: the address that was asked about may be in one."""
        return any(other != prefix and within(other, prefix) for other in self.kernel)

    def own_paths(self, prefix: Network, hop: Hop) -> tuple[Path, ...]:
        """What a next hop itself announces of a prefix; with ADD-PATH (RFC 7911) a node announces its own block more than once."""
        return self._own.get(prefix, {}).get(hop, ())

    def stale(self, prefix: Network) -> frozenset[Hop]:
        """The next hops of a prefix whose own path is kept although their session was lost; another node's copy decides nothing."""
        return self._stale.get(prefix, frozenset())

    def only_by_others(self, prefix: Network) -> frozenset[Hop]:
        """The next hops of a prefix that other nodes announce, and they themselves do not."""
        return self._only_by_others.get(prefix, frozenset())

    @cached_property
    def _own(self) -> Mapping[Network, Mapping[Hop, tuple[Path, ...]]]:
        """Each prefix's paths that the next hop itself announces, by hop: a large cluster asks for each of a thousand."""
        found: dict[Network, dict[Hop, tuple[Path, ...]]] = {}
        for prefix, paths in self.bgp.items():
            by_hop = found.setdefault(prefix, {})
            for path in paths:
                if path.own:
                    by_hop[path.hop] = (*by_hop.get(path.hop, ()), path)
        return found

    @cached_property
    def _stale(self) -> Mapping[Network, frozenset[Hop]]:
        """Prefixes that have some; each layer asks for them."""
        every = (
            (prefix, frozenset(hop for hop, paths in own.items() if all(path.stale for path in paths)))
            for prefix, own in self._own.items()
        )
        return {prefix: hops for prefix, hops in every if hops}

    @cached_property
    def _only_by_others(self) -> Mapping[Network, frozenset[Hop]]:
        """Prefixes that have some; each layer asks for them."""
        every = (
            (prefix, frozenset(path.hop for path in paths if path.peer is not None) - self._own[prefix].keys())
            for prefix, paths in self.bgp.items()
        )
        return {prefix: hops for prefix, hops in every if hops}
