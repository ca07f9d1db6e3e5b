"""What the inventory says, typed and frozen. One section of the YAML is one class, with the same names."""

from collections.abc import Iterable
from ipaddress import IPv4Address, IPv4Network
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, JsonValue, model_validator

from kubepeer.intent.rpm import RpmRepositories
from kubepeer.intent.values import AsNumber, Community, DnsName, FilePath, Port, VersionNumber, VrfName
from kubepeer.secret import SecretSource

# Of KubeletConfiguration, and where the inventory says it.
KUBELET_FIELDS_WITH_KEYS = {
    "cgroupDriver": "cgroup_driver",
    "failSwapOn": "fail_swap_on",
    "failCgroupV1": "allow_cgroup_v1",
}


def _further_fields(value: dict[str, JsonValue]) -> dict[str, JsonValue]:
    for field, key in KUBELET_FIELDS_WITH_KEYS.items():
        if field in value:
            raise ValueError(f"{field} has a key of its own: software.{key}")
    return value


class Section(BaseModel):
    """A part of the inventory: unknown keys are refused, nothing changes after it is read."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Endpoint(Section):
    """The API's one address: a virtual IP that keepalived moves between the control planes, and haproxy behind it."""

    name: DnsName
    address: IPv4Address
    port: Port = 8443
    virtual_router_id: int = Field(ge=1, le=255)  # RFC 5798: unique on the link
    password: SecretSource | None = None
    prefix_length: int | None = Field(default=None, ge=1, le=32)  # the nodes' network's where none is said
    unicast: bool = False  # VRRP between the control planes' own addresses, where the network drops multicast


class Networks(Section):
    """Every network that the cluster uses; none overlaps another."""

    nodes: IPv4Network
    pods: IPv4Network
    pod_block_size: int = Field(default=26, ge=20, le=32)  # Calico's limits for IPv4 blocks
    services: IPv4Network
    load_balancers: IPv4Network

    @property
    def announced(self) -> tuple[IPv4Network, ...]:
        """What the cluster may announce to the routers, and nothing else."""
        return (self.pods, self.services, self.load_balancers)


class Bgp(Section):
    """The cluster's side of every session."""

    as_number: AsNumber
    keepalive_seconds: int = Field(default=60, ge=1)
    hold_seconds: int = Field(default=180, ge=3)  # RFC 4271, 4.2: zero or at least three seconds
    connect_seconds: int = Field(
        default=10, ge=1, le=65535
    )  # between a router's attempts; the default of some is two minutes
    maximum_prefixes: int = Field(default=1000, ge=1)
    restart_seconds: int | None = Field(default=None, ge=1, le=4095)  # RFC 4724: twelve bits; Calico's default is 120
    password: SecretSource | None = None
    communities: dict[str, Community] = {}
    pod_communities: tuple[str, ...] = ()


class Cluster(Section):
    """The cluster as a whole."""

    name: DnsName
    domain: DnsName
    dns_domain: DnsName = "cluster.local"
    endpoint: Endpoint
    networks: Networks
    bgp: Bgp

    @property
    def endpoint_name(self) -> str:
        """The endpoint's full DNS name; it stands in the API's certificate."""
        return f"{self.endpoint.name}.{self.domain}"


class Software(Section):
    """Versions, images and modes."""

    kubernetes: VersionNumber
    calico: VersionNumber
    purelb: VersionNumber
    adopt_calico: bool = False  # an operator that somebody else has installed is taken over
    set_aside_other_cni: bool = False  # other networks' files in /etc/cni/net.d that would be read before Calico's
    selinux: Literal["disabled", "permissive", "enforcing"] | None = (
        None  # None: a node with one that enforces is refused before it becomes a member
    )
    firewall: Literal["off", "kept"] | None = (
        None  # None: a node with one that is on is refused before it becomes a member
    )
    allow_cgroup_v1: bool = False  # Kubernetes from 1.35 on refuses control groups of version 1 unless told otherwise
    proxy_mode: Literal["ipvs", "iptables", "nftables"] = "ipvs"
    cgroup_driver: Literal["systemd", "cgroupfs"] = "systemd"
    fail_swap_on: bool = True
    conntrack_limits: bool = True
    kubelet_configuration: Annotated[dict[str, JsonValue], AfterValidator(_further_fields)] = Field(
        default_factory=dict
    )  # further fields of KubeletConfiguration
    image_repository: str
    pause_image: str
    haproxy_image: str
    keepalived_image: str
    workload_image: str
    restrict_oom_score: bool = False  # containerd in a user or system container may not lower oom_score_adj


class Packages(Section):
    """Where the packages come from. A repository of apt is a whole line of sources.list(5)."""

    repositories: tuple[str, ...] = ()
    rpm_repositories: RpmRepositories = ()
    keyrings: dict[str, str] = Field(
        default_factory=dict
    )  # path on the node -> address or file of the repository's key
    only_these_repositories: bool = False


class Manifests(Section):
    """The addresses of the manifests that are applied as they are."""

    calico: str
    calico_crds: str | None = (
        None  # from 3.30 on the operator's manifest has none; None where the operator installs them itself
    )
    purelb: str


class Node(Section):
    """A Linux machine that is or becomes a member of the cluster."""

    name: DnsName
    full_name: str
    address: IPv4Address  # the node's end of its sessions, and what the cluster knows it by
    address_key: str = "hostname"  # where it stands in the inventory
    role: Literal["control_plane", "worker"]
    interface: str
    priority: int
    as_number: AsNumber
    routers: tuple[str, ...]  # the names of those that it peers with


class Peering(Section):
    """A router's side of its sessions; what both sides must agree on stands in Bgp."""

    neighbours: Literal["static", "dynamic"] = "static"  # dynamic: whoever connects from the nodes' network
    listen_limit: int = Field(default=100, ge=1, le=5000)  # of dynamic; 100 is also the default of several platforms
    ttl_security: bool = False  # RFC 5082, one hop
    multihop: int | None = Field(default=None, ge=2, le=255)
    bfd: bool = False
    graceful_restart: Literal["helper", "full", "off"] | None = None  # None: as the router's process has it for all
    default_route: bool = False  # the only thing that is ever sent
    communities: tuple[Community, ...] = ()  # added to what is accepted
    address: IPv4Address | None = (
        None  # the router's end of its sessions, where hostname is another: its management, a name
    )
    redundancy_group: str = "routers"  # its routers are changed one after the other
    vrf: VrfName | None = None  # where the sessions are; the router must have it. None: outside all VRFs

    @model_validator(mode="after")
    def _one_hop_or_many(self) -> Self:
        if self.ttl_security and self.multihop:
            raise ValueError("ttl_security is for neighbours one hop away, multihop for others")
        return self

    @property
    def standard_communities(self) -> tuple[str, ...]:
        """Those of RFC 1997, AS:NUMBER, in the order in which routers print them."""
        return _ordered(community for community in self.communities if community.count(":") == 1)

    @property
    def large_communities(self) -> tuple[str, ...]:
        """Those of RFC 8092, AS:NUMBER:NUMBER, in the order in which routers print them."""
        return _ordered(community for community in self.communities if community.count(":") > 1)


def _ordered(communities: Iterable[str]) -> tuple[str, ...]:
    return tuple(sorted(set(communities), key=lambda community: [int(part) for part in community.split(":")]))


class ConfigurationFiles(Section):
    """Where a router's daemon has its configuration, where that is not where its package puts it.

    Attributes:
        main: the file that it starts with.
        ours: the file of Kubepeer's own that the main one includes.

    """

    main: FilePath | None = None
    ours: FilePath | None = None


class Router(Section):
    """An upstream router."""

    name: DnsName
    platform: str  # one of those that the intent was loaded with
    as_number: AsNumber
    address: IPv4Address  # its end of the sessions
    address_key: str = "hostname"  # where it stands in the inventory
    peering: Peering = Peering()
    configuration_files: ConfigurationFiles = ConfigurationFiles()


class Intent(Section):
    """Everything that should be so."""

    cluster: Cluster
    software: Software
    packages: Packages
    manifests: Manifests
    time_servers: tuple[str, ...] = ()
    registries: dict[str, str] = {}
    nodes: tuple[Node, ...]
    routers: tuple[Router, ...]

    @property
    def control_planes(self) -> tuple[Node, ...]:
        """The control planes, in the inventory's order."""
        return tuple(node for node in self.nodes if node.role == "control_plane")

    @property
    def workers(self) -> tuple[Node, ...]:
        """The workers, in the inventory's order."""
        return tuple(node for node in self.nodes if node.role == "worker")

    def node(self, name: str) -> Node:
        """The node of that name in the inventory."""
        return next(node for node in self.nodes if node.name == name)

    def router(self, name: str) -> Router:
        """The router of that name in the inventory."""
        return next(router for router in self.routers if router.name == name)

    def peers_of(self, router: Router) -> tuple[Node, ...]:
        """The nodes that a router peers with, in the inventory's order."""
        return tuple(node for node in self.nodes if router.name in node.routers)

    def addresses_of_peers(self, router: Router) -> frozenset[str]:
        """The addresses of the nodes that a router peers with, as routers write them."""
        return frozenset(str(node.address) for node in self.peers_of(router))

    def as_numbers_of_peers(self, router: Router) -> tuple[int, ...]:
        """Every AS that a router's peers are in, each once, the smallest first."""
        return tuple(sorted({node.as_number for node in self.peers_of(router)}))
