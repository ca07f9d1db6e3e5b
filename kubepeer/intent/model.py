"""What the inventory says, typed and frozen. One section of the YAML is one class, with the same names."""

from collections.abc import Iterator
from typing import Literal

from pydantic import Field

from kubepeer.intent.access import Access
from kubepeer.intent.arguments import KubeletFields
from kubepeer.intent.bgp import Bgp
from kubepeer.intent.calicoctl import Calicoctl
from kubepeer.intent.clock import Time
from kubepeer.intent.cluster_api import ClusterApi
from kubepeer.intent.families import BITS, IPV4, Address, Addressed, Addresses, in_url, version_of
from kubepeer.intent.kubeadm import Kubeadm
from kubepeer.intent.load_balancer import LoadBalancer
from kubepeer.intent.networks import Networks
from kubepeer.intent.node_settings import NodeSettings
from kubepeer.intent.peering import Peering
from kubepeer.intent.probe import Probe
from kubepeer.intent.proxy import Proxy
from kubepeer.intent.rack import Rack
from kubepeer.intent.rpm import RpmRepositories
from kubepeer.intent.runtime import Registries, RuntimeArchives
from kubepeer.intent.section import Section
from kubepeer.intent.unsaid import said
from kubepeer.intent.values import AsNumber, DnsName, FilePath, Port, UserName, VersionNumber
from kubepeer.secret import SecretSource


class Endpoint(Section):
    """The API's one address: a virtual IP of the control planes, or that of somebody else's load balancer; one a family.

    Attributes:
        name: of the API, within cluster.domain.
        address: where it is; a list of two, one a family.
        port: haproxy's, which is not 6443; 6443 with kube-vip; the load balancer's own with an external one.
        provider: who answers at the address.
        virtual_router_id: of VRRP (RFC 5798), unique on the link; keepalived needs one.
        password: source of VRRP's; one is generated where none is named.
        prefix_length: of the virtual IP of IPv4; with less than 32 it brings a route to its network.
        unicast: VRRP between the control planes' own addresses, where the network drops multicast.

    """

    name: DnsName
    addresses: Addresses = Field(alias="address")
    port: Port = 8443
    provider: Literal["keepalived", "kube-vip", "external"] = "keepalived"
    virtual_router_id: int | None = Field(default=None, ge=1, le=255)
    password: SecretSource | None = None
    prefix_length: int = Field(default=32, ge=1, le=32)
    unicast: bool = False

    @property
    def address(self) -> Address:
        """The one that it is asked by."""
        return self.addresses[0]

    @property
    def at(self) -> str:
        """Where it listens, as an address of the web has it: ADDRESS:PORT."""
        return f"{in_url(self.address)}:{self.port}"

    def length_of(self, address: Address) -> int:
        """The prefix length that an address of it has on its holder; one of IPv6 is a /128."""
        version = version_of(address)
        return self.prefix_length if version == IPV4 else BITS[version]


MOST_RENEWAL_DAYS = 300  # kubeadm's are valid for a year: those that were just renewed must not be due again


class Certificates(Section):
    """When certificates count as due.

    Attributes:
        renew_before_days: certificates that end within so many days are due.

    """

    renew_before_days: int = Field(default=30, ge=1, le=MOST_RENEWAL_DAYS)


class Cluster(Section):
    """The cluster as a whole: one that Kubepeer builds, or one that it is only told of, by a kubeconfig or the API's address.

    Attributes:
        name: of the cluster.
        domain: of the nodes' names: NAME.DOMAIN.
        dns_domain: of the services' names.
        endpoint: of the API, where Kubepeer builds the cluster.
        networks: that the cluster uses.
        bgp: of every session.
        kubeconfig: a file for a cluster that Kubepeer did not build; or `api`.
        api: of a cluster that Kubepeer did not build, in the place of a kubeconfig.
        certificates: when they are due.

    """

    name: DnsName
    own_domain: DnsName | None = Field(default=None, alias="domain")
    dns_domain: DnsName = "cluster.local"
    own_endpoint: Endpoint | None = Field(default=None, alias="endpoint")
    networks: Networks
    bgp: Bgp
    kubeconfig: str | None = None
    api: ClusterApi | None = None
    certificates: Certificates = Certificates()

    @property
    def adopted(self) -> bool:
        """Whether somebody else has built it: its nodes are what its API says, and nothing but routers is changed."""
        return self.kubeconfig is not None or self.api is not None

    @property
    def domain(self) -> str:
        """Of the nodes' names: NAME.DOMAIN."""
        return said(self.own_domain, "cluster.domain")

    @property
    def endpoint(self) -> Endpoint:
        """The API's one address, of a cluster that Kubepeer builds."""
        return said(self.own_endpoint, "cluster.endpoint")

    @property
    def endpoint_name(self) -> str:
        """The endpoint's full DNS name; it stands in the API's certificate."""
        return f"{self.endpoint.name}.{self.domain}"


class Software(Section):
    """Versions, images and modes.

    Attributes:
        kubernetes: the version, MAJOR.MINOR.PATCH.
        calico: the version.
        purelb: the version, where it is the load balancer.
        metallb: the version, where it is the load balancer.
        adopt_calico: an operator that somebody else has installed is taken over.
        set_aside_other_cni: other networks' files in /etc/cni/net.d that would be read before Calico's are renamed.
        selinux: what becomes of it; not said: a node with one that enforces is refused before it becomes a member.
        firewall: what becomes of it; not said: a node with one that is on is refused before it becomes a member.
        open_node_ports: with `firewall: open`, NodePorts are let in from everywhere.
        runtime_archives: programs from their projects' archives, in the place of packages.
        calicoctl: the program, on the control planes.
        pull_images: before kubeadm, which would do it in its turn.
        kubeconfig_users: users of the control planes who get ~/.kube/config, beside root.
        shell_completion: of bash, for kubectl, kubeadm and crictl.
        allow_cgroup_v1: Kubernetes from 1.35 on refuses control groups of version 1 unless told otherwise.
        proxy_mode: of kube-proxy.
        cgroup_driver: of containerd and the kubelet alike.
        fail_swap_on: false: swap in use is left on.
        conntrack_limits: false: kube-proxy leaves the machine's limits alone.
        kubelet_configuration: further fields of KubeletConfiguration, of all nodes.
        image_repository: of the control plane's images.
        pause_image: the sandbox's.
        haproxy_image: with keepalived as the endpoint's provider.
        keepalived_image: with keepalived as the endpoint's provider.
        kube_vip_image: needed where kube-vip is the endpoint's provider.
        workload_image: of the workload that the runbooks deploy.
        restrict_oom_score: containerd in a user or system container may not lower oom_score_adj.

    """

    kubernetes: VersionNumber
    calico: VersionNumber
    purelb: VersionNumber | None = None
    metallb: VersionNumber | None = None
    adopt_calico: bool = False
    set_aside_other_cni: bool = False
    selinux: Literal["disabled", "permissive", "enforcing"] | None = None
    firewall: Literal["off", "kept", "open"] | None = None
    open_node_ports: bool = False
    runtime_archives: RuntimeArchives = RuntimeArchives()
    calicoctl: Calicoctl | None = None
    pull_images: bool = True
    kubeconfig_users: tuple[UserName, ...] = ()
    shell_completion: bool = True
    allow_cgroup_v1: bool = False
    proxy_mode: Literal["ipvs", "iptables", "nftables"] = "ipvs"
    cgroup_driver: Literal["systemd", "cgroupfs"] = "systemd"
    fail_swap_on: bool = True
    conntrack_limits: bool = True
    kubelet_configuration: KubeletFields = Field(default_factory=dict)
    image_repository: str
    pause_image: str
    haproxy_image: str
    keepalived_image: str
    kube_vip_image: str | None = None
    workload_image: str
    restrict_oom_score: bool = False


class Packages(Section):
    """Where the packages come from. A repository of apt is a whole line of sources.list(5).

    Attributes:
        repositories: of apt: whole lines of sources.list(5); {codename} stands for the node's own release.
        rpm_repositories: of dnf and yum.
        keyrings: path on the node -> address or file of the repository's key.
        only_these_repositories: the machine's other sources are not asked.

    """

    repositories: tuple[str, ...] = ()
    rpm_repositories: RpmRepositories = ()
    keyrings: dict[str, str] = Field(default_factory=dict)
    only_these_repositories: bool = False


class Manifests(Section):
    """The addresses of the manifests that are applied as they are.

    Attributes:
        calico: address or file of the operator's manifest.
        calico_crds: of its CRDs, from 3.30 on; not said: they are in the manifest, or the operator installs them itself.
        purelb: address or file of its manifest.
        metallb: address or file of its manifest.

    """

    calico: str
    calico_crds: str | None = None
    purelb: str | None = None
    metallb: str | None = None


class Node(Addressed):
    """A Linux machine that is or becomes a member of the cluster."""

    name: DnsName
    full_name: str
    role: Literal["control_plane", "worker"]
    interface: str
    priority: int
    as_number: AsNumber
    routers: tuple[str, ...]  # the names of those that it peers with
    routers_said: bool = False  # whether the inventory names them; else they are all that there are
    route_reflector: bool = False  # tells the other nodes of each other, where cluster.bgp.topology says so
    rack: Rack | None = None  # None: on the one link that all nodes share
    access: Access = Access()
    settings: NodeSettings = NodeSettings()


class ConfigurationFiles(Section):
    """Where a router's daemon has its configuration, where that is not where its package puts it.

    Attributes:
        main: the file that it starts with.
        ours: the file of Kubepeer's own that the main one includes.

    """

    main: FilePath | None = None
    ours: FilePath | None = None


class Router(Addressed):
    """An upstream router."""

    name: DnsName
    platform: str  # one of those that the intent was loaded with
    as_number: AsNumber
    peering: Peering = Peering()
    configuration_files: ConfigurationFiles = ConfigurationFiles()
    access: Access = Access()


class Intent(Section):
    """Everything that should be so."""

    cluster: Cluster
    own_software: Software | None = Field(default=None, alias="software")
    own_packages: Packages | None = Field(default=None, alias="packages")
    own_manifests: Manifests | None = Field(default=None, alias="manifests")
    time: Time = Time()
    time_servers: tuple[str, ...] = ()
    registries: Registries = Field(default_factory=dict)
    proxy: Proxy | None = None
    kubeadm: Kubeadm = Kubeadm()
    load_balancer: LoadBalancer = LoadBalancer()
    nodes: tuple[Node, ...]
    routers: tuple[Router, ...]
    probes: tuple[Probe, ...] = ()  # asked by verify_services.py alone

    @property
    def software(self) -> Software:
        """Versions, images and modes, of a cluster that Kubepeer builds."""
        return said(self.own_software, "software")

    @property
    def packages(self) -> Packages:
        """Where the packages come from."""
        return said(self.own_packages, "packages")

    @property
    def manifests(self) -> Manifests:
        """The addresses of the manifests."""
        return said(self.own_manifests, "manifests")

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
        return self.nodes[self._places[name]]

    def following(self, name: str, count: int) -> Iterator[Node]:
        """So many nodes that follow one in the inventory's ring, at most all others."""
        place = self._places[name]
        for number in range(place + 1, place + 1 + min(count, len(self.nodes) - 1)):
            yield self.nodes[number % len(self.nodes)]

    @property
    def _places(self) -> dict[str, int]:
        """Where each node is among the nodes; a copy that has others (`model_copy`) takes no places from its original."""
        of, places = self.__dict__.get("places of nodes", (None, {}))
        if of is not self.nodes:
            places = {node.name: place for place, node in enumerate(self.nodes)}
            self.__dict__["places of nodes"] = self.nodes, places
        found: dict[str, int] = places
        return found

    def router(self, name: str) -> Router:
        """The router of that name in the inventory."""
        return next(router for router in self.routers if router.name == name)

    def peers_of(self, router: Router) -> tuple[Node, ...]:
        """The nodes that a router peers with, in the inventory's order."""
        return tuple(node for node in self.nodes if router.name in node.routers)

    def addresses_of_peers(self, router: Router) -> frozenset[str]:
        """The addresses of the nodes that a router peers with, as routers write them."""
        return frozenset(str(address) for node in self.peers_of(router) for address in node.addresses)

    def as_numbers_of_peers(self, router: Router) -> tuple[int, ...]:
        """Every AS that a router's peers are in, each once, the smallest first."""
        return tuple(sorted({node.as_number for node in self.peers_of(router)}))
