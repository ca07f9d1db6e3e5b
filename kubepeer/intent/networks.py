"""The networks of the inventory's section cluster.networks: of one family, or of two."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Annotated, Self

from pydantic import BeforeValidator, Field, model_validator

from kubepeer.intent import families
from kubepeer.intent.families import IPV4, NAMES, Network, OneNetwork, Version, named, version_of
from kubepeer.intent.pools import BLOCK_SIZE, BLOCK_SIZES, FurtherPool, Routing
from kubepeer.intent.section import Section
from kubepeer.intent.unsaid import unsaid

KINDS = ("nodes", "pods", "services", "load_balancers")


@dataclass(frozen=True)
class FamilyNetworks:
    """The networks of one family; but for the nodes', a cluster that Kubepeer did not build may announce none of a kind."""

    version: Version
    nodes: Network
    own_pods: Network | None
    pod_block_size: int
    own_services: Network | None
    own_load_balancers: Network | None
    routing: Routing
    further_pools: tuple[FurtherPool, ...] = ()
    pod_subnet: Network | None = None
    external_by_place: Mapping[int, Network] = field(default_factory=dict)

    @property
    def pods(self) -> Network:
        """The first pool."""
        return _said(self.own_pods, "pods")

    @property
    def services(self) -> Network:
        """Of ClusterIPs."""
        return _said(self.own_services, "services")

    @property
    def load_balancers(self) -> Network:
        """Of the addresses that a load balancer gives."""
        return _said(self.own_load_balancers, "load_balancers")

    @property
    def external(self) -> tuple[Network, ...]:
        """Of services' externalIPs."""
        return tuple(self.external_by_place.values())

    @property
    def of_services(self) -> tuple[Network, ...]:
        """All of services that are said."""
        every = (self.own_services, self.own_load_balancers, *self.external)
        return tuple(network for network in every if network is not None)

    @property
    def pools(self) -> tuple[FurtherPool, ...]:
        """All pools, the first one first."""
        if self.own_pods is None:
            return self.further_pools
        first = FurtherPool(cidr=self.own_pods, block_size=self.pod_block_size, **dict(self.routing))
        return (first, *self.further_pools)

    @property
    def kubeadms_pods(self) -> Network:
        """The pods' network that kubeadm is told."""
        return self.pod_subnet or self.pods

    @property
    def families(self) -> tuple["FamilyNetworks", ...]:
        """Itself alone, where Networks has one or two."""
        return (self,)

    @property
    def name(self) -> str:
        """IPv4 or IPv6."""
        return NAMES[self.version]

    @property
    def announced(self) -> tuple[Network, ...]:
        """What the cluster may announce to the routers in this family, and nothing else."""
        further = (pool.cidr for pool in self.further_pools)
        every = (self.own_pods, self.own_services, self.own_load_balancers, *further, *self.external)
        return tuple(dict.fromkeys(network for network in every if network is not None))

    @property
    def by_key(self) -> dict[str, Network]:
        """Those that do not overlap, by their keys: all pools as one, the network that kubeadm is told."""
        said_ones = {
            "pod_subnet" if self.pod_subnet else "pods": self.pod_subnet or self.own_pods,
            "services": self.own_services,
            "load_balancers": self.own_load_balancers,
        }
        return {
            "nodes": self.nodes,
            **{key: network for key, network in said_ones.items() if network is not None},
            **{f"external.{place}": network for place, network in self.external_by_place.items()},
        }


def _sizes(value: object) -> tuple[int, ...]:
    sizes = value if isinstance(value, list | tuple) else [value]
    for size in sizes:
        if (
            isinstance(size, bool)
            or not isinstance(size, int)
            or not any(size in some for some in BLOCK_SIZES.values())
        ):
            found = f" (found {size!r})" if isinstance(value, list | tuple) else ""
            limits = " or ".join(f"{some[0]} to {some[-1]} ({NAMES[one]})" for one, some in BLOCK_SIZES.items())
            raise ValueError(f"a block's prefix length is {limits}{found}")
    if not sizes or len({size in BLOCK_SIZES[IPV4] for size in sizes}) < len(sizes):
        raise ValueError("this is one prefix length, or a list of two: one of IPv4 and one of IPv6")
    return tuple(sizes)


class Networks(Section):
    """Every network that the cluster uses; none overlaps another. Each key takes one, or a list of two, one a family.

    The first family is the one that Kubernetes itself has as its own: services without a family of their own are of it. It is what is
    found under nodes, pods, services, load_balancers; families has both.

    Attributes:
        nodes: of the nodes' addresses; holds those of all racks.
        pods: the first pool.
        pod_block_size: the prefix length of a node's block; not said: Calico's own, 26 of IPv4 and 122 of IPv6.
        services: of ClusterIPs.
        load_balancers: of the addresses that a load balancer gives.
        pod_routing: of the pools of `pods`.
        further_pools: pools beside the first one (Calico from 3.28 on).
        pod_subnet: kubeadm's network of pods, which holds all pools; `pods` where none is said.
        external: of services' externalIPs.

    """

    every_nodes: families.Networks = Field(alias="nodes")
    # of the next ones none but where the cluster is adopted
    every_pods: families.Networks = Field(default=(), alias="pods")
    pod_block_sizes: Annotated[tuple[int, ...], BeforeValidator(_sizes, json_schema_input_type=int | list[int])] = (
        Field(default=(), alias="pod_block_size")
    )
    every_services: families.Networks = Field(default=(), alias="services")
    every_load_balancers: families.Networks = Field(default=(), alias="load_balancers")
    pod_routing: Routing = Routing()
    further_pools: tuple[FurtherPool, ...] = ()
    pod_subnets: families.Networks = Field(default=(), alias="pod_subnet")
    external: tuple[OneNetwork, ...] = ()

    @model_validator(mode="after")
    def _same_families(self) -> Self:
        versions = self.versions
        for kind in KINDS:
            of_kind = _versions(self._every(kind))
            if of_kind and of_kind != versions:
                raise ValueError(
                    f"{kind} is of {named(of_kind)}, {KINDS[0]} of {named(versions)}: each of {', '.join(KINDS)} has the same families, "
                    "in the same order"
                )
        for size in self.pod_block_sizes:
            if not any(size in BLOCK_SIZES[version] for version in versions):
                raise ValueError(f"pod_block_size {size} is none of {named(versions)}, which pods is of")
        further = (
            *((f"further_pools.{place}.cidr", pool.cidr) for place, pool in enumerate(self.further_pools)),
            *(("pod_subnet", network) for network in self.pod_subnets),
            *((f"external.{place}", network) for place, network in enumerate(self.external)),
        )
        for key, network in further:
            if version_of(network) not in versions:
                raise ValueError(
                    f"{key} {network} is of {NAMES[version_of(network)]}, and {KINDS[0]} of {named(versions)} alone"
                )
        return self

    def _every(self, kind: str) -> tuple[Network, ...]:
        every: tuple[Network, ...] = getattr(self, f"every_{kind}")
        return every

    @property
    def versions(self) -> tuple[Version, ...]:
        """The cluster's families, its own first."""
        return _versions(self.every_nodes)

    @cached_property
    def families(self) -> tuple[FamilyNetworks, ...]:
        """The networks of each family, the cluster's own first."""
        return tuple(
            FamilyNetworks(
                version=version,
                pod_block_size=next(
                    (size for size in self.pod_block_sizes if size in BLOCK_SIZES[version]), BLOCK_SIZE[version]
                ),
                nodes=self.every_nodes[place],
                own_pods=_at(place, self.every_pods),
                own_services=_at(place, self.every_services),
                own_load_balancers=_at(place, self.every_load_balancers),
                routing=self.pod_routing,
                further_pools=tuple(pool for pool in self.further_pools if version_of(pool.cidr) == version),
                pod_subnet=next(iter(_of(version, self.pod_subnets)), None),
                external_by_place={
                    number: network for number, network in enumerate(self.external) if version_of(network) == version
                },
            )
            for place, version in enumerate(self.versions)
        )

    def of(self, version: Version) -> FamilyNetworks:
        """The networks of a family that the cluster has."""
        return next(family for family in self.families if family.version == version)

    @property
    def nodes(self) -> Network:
        """The nodes' network of the first family."""
        return self.every_nodes[0]

    @property
    def pods(self) -> Network:
        """The pods' network of the first family."""
        return self.families[0].pods

    @property
    def pod_block_size(self) -> int:
        """The prefix length of a node's block, of the first family."""
        return self.families[0].pod_block_size

    @property
    def services(self) -> Network:
        """The services' network of the first family: where the API and the DNS have their addresses."""
        return self.families[0].services

    @property
    def load_balancers(self) -> Network:
        """The load balancer's network of the first family."""
        return self.families[0].load_balancers

    @property
    def announced(self) -> tuple[Network, ...]:
        """What the cluster may announce to the routers, and nothing else."""
        return tuple(dict.fromkeys(network for family in self.families for network in family.announced))

    @property
    def pools(self) -> tuple[FurtherPool, ...]:
        """All pools, family by family, the one of `pods` first."""
        return tuple(pool for family in self.families for pool in family.pools)


def _said(network: Network | None, kind: str) -> Network:
    if network is None:
        raise unsaid(f"cluster.networks.{kind}")
    return network


def _at(place: int, every: tuple[Network, ...]) -> Network | None:
    return every[place] if every else None


def _versions(networks: Iterable[Network]) -> tuple[Version, ...]:
    return tuple(map(version_of, networks))


def _of(version: Version, every: Iterable[Network]) -> tuple[Network, ...]:
    return tuple(network for network in every if version_of(network) == version)
