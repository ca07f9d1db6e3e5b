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

KINDS = ("nodes", "pods", "services", "load_balancers")


@dataclass(frozen=True)
class FamilyNetworks:
    """The networks of one family."""

    version: Version
    nodes: Network
    pods: Network
    pod_block_size: int
    services: Network
    load_balancers: Network
    routing: Routing
    further_pools: tuple[FurtherPool, ...] = ()
    pod_subnet: Network | None = None
    external_by_place: Mapping[int, Network] = field(default_factory=dict)

    @property
    def external(self) -> tuple[Network, ...]:
        """Of services' externalIPs."""
        return tuple(self.external_by_place.values())

    @property
    def pools(self) -> tuple[FurtherPool, ...]:
        """All pools, the first one first."""
        first = FurtherPool(cidr=self.pods, block_size=self.pod_block_size, **dict(self.routing))
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
        return tuple(dict.fromkeys((self.pods, self.services, self.load_balancers, *further, *self.external)))

    @property
    def by_key(self) -> dict[str, Network]:
        """Those that do not overlap, by their keys: all pools as one, the network that kubeadm is told."""
        return {
            "nodes": self.nodes,
            "pod_subnet" if self.pod_subnet else "pods": self.kubeadms_pods,
            "services": self.services,
            "load_balancers": self.load_balancers,
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
    """

    every_nodes: families.Networks = Field(alias="nodes")
    every_pods: families.Networks = Field(alias="pods")
    pod_block_sizes: Annotated[tuple[int, ...], BeforeValidator(_sizes)] = Field(default=(), alias="pod_block_size")
    every_services: families.Networks = Field(alias="services")
    every_load_balancers: families.Networks = Field(alias="load_balancers")
    pod_routing: Routing = Routing()  # of the pools of `pods`
    further_pools: tuple[FurtherPool, ...] = ()
    pod_subnets: families.Networks = Field(  # kubeadm's, which hold all pools; of a family without one `pods` alone
        default=(), alias="pod_subnet"
    )
    external: tuple[OneNetwork, ...] = ()  # of services' externalIPs

    @model_validator(mode="after")
    def _same_families(self) -> Self:
        versions = self.versions
        for kind in KINDS:
            of_kind = _versions(self._every(kind))
            if of_kind != versions:
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
                pods=self.every_pods[place],
                services=self.every_services[place],
                load_balancers=self.every_load_balancers[place],
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
        return self.every_pods[0]

    @property
    def pod_block_size(self) -> int:
        """The prefix length of a node's block, of the first family."""
        return self.families[0].pod_block_size

    @property
    def services(self) -> Network:
        """The services' network of the first family: where the API and the DNS have their addresses."""
        return self.every_services[0]

    @property
    def load_balancers(self) -> Network:
        """The load balancer's network of the first family."""
        return self.every_load_balancers[0]

    @property
    def announced(self) -> tuple[Network, ...]:
        """What the cluster may announce to the routers, and nothing else."""
        return tuple(dict.fromkeys(network for family in self.families for network in family.announced))

    @property
    def pools(self) -> tuple[FurtherPool, ...]:
        """All pools, family by family, the one of `pods` first."""
        return tuple(pool for family in self.families for pool in family.pools)


def _versions(networks: Iterable[Network]) -> tuple[Version, ...]:
    return tuple(map(version_of, networks))


def _of(version: Version, every: Iterable[Network]) -> tuple[Network, ...]:
    return tuple(network for network in every if version_of(network) == version)
