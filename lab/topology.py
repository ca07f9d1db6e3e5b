"""Who is in the lab: machines, addresses, networks. Everything else asks here."""

from dataclasses import dataclass
from enum import Enum
from ipaddress import IPv4Address

DOMAIN = "tinychen.io"
SITE_PREFIX_LENGTH = 16
CONTROLLER_ADDRESS = "10.31.0.1/16"
CONTROLLER_CLIENT_ADDRESS = "10.32.0.2/24"
GATEWAY = "10.31.254.253"
CLIENT_GATEWAY = "10.32.0.1"
NAME_SERVER = "10.31.0.2"


class Role(Enum):
    """What a machine is at the start; it decides the layers of its root and the files placed in it."""

    NODE = "node"
    OLDER_NODE = "older-node"
    """A node of Debian's release before the others': both containerds are met in every run."""
    RPM_NODE = "rpm-node"
    """A node that is Rocky Linux 9 by all that it says of itself: dnf, rpm, firewalld, Docker's containerd.io."""
    ROUTER = "router"
    """A router with systemd, FRR, and FRR's own tool for reloading."""
    BUSYBOX_ROUTER = "busybox-router"
    """A router with busybox, dropbear and FRR, and nothing else: what a small device has."""
    BUSYBOX_BIRD_ROUTER = "busybox-bird-router"
    """The same with BIRD."""
    BIRD_ROUTER = "bird-router"
    MIRROR = "mirror"
    CLIENT = "client"
    NEXT_ROUTER = "next-router"
    """A router of Debian's next release, whose FRR is of the next generation."""
    NEXT_BIRD_ROUTER = "next-bird-router"
    """A router of Debian's next release with BIRD 3."""
    NEWEST_ROUTER = "newest-router"
    """A router of Debian's unstable, whose FRR is the newest that Debian has."""
    NETBOX = "netbox"
    """A NetBox with its PostgreSQL and Redis, for the inventory that stands in one."""
    BROWSER = "browser"
    """No machine: the root that a test's headless browser runs in, which looks at reports."""


NODE_ROLES = (Role.NODE, Role.OLDER_NODE, Role.RPM_NODE)
BUSYBOX_ROLES = (Role.BUSYBOX_ROUTER, Role.BUSYBOX_BIRD_ROUTER)


class Segment(Enum):
    """A switch of the lab: one bridge in the controller's namespace."""

    SITE = "site"
    CLIENTS = "clients"
    RACK2 = "rack2"
    """The link of the second rack, behind its two routers."""


@dataclass(frozen=True)
class Interface:
    """One network card of a machine and the switch it is plugged into."""

    name: str
    address: str
    segment: Segment
    gateway: str | None = None
    metric: int | None = None
    """Of the route to the gateway, where a better one may come."""

    @property
    def host(self) -> str:
        """The address without its prefix length."""
        return self.address.partition("/")[0]

    @property
    def hardware_address(self) -> str:
        """The card's own address, the same after every start: a changed one is unreachable until the neighbours forget.

        It is a locally administered one (02) that spells the IPv4 address.
        """
        return "02:00:" + ":".join(f"{byte:02x}" for byte in IPv4Address(self.host).packed)


@dataclass(frozen=True)
class Machine:
    """One machine. `port` is its short name on the switches (interface names end at 15 characters)."""

    name: str
    port: str
    role: Role
    interfaces: tuple[Interface, ...]
    optional: bool = False
    """Whether it is up only when somebody asks for it by name."""

    @property
    def address(self) -> str:
        """The address under which the controller knows the machine."""
        return self.interfaces[0].host

    @property
    def is_node(self) -> bool:
        """Whether it becomes a member of the cluster."""
        return self.role in NODE_ROLES

    @property
    def has_systemd(self) -> bool:
        """Whether systemd is its first process; else busybox is."""
        return self.role not in BUSYBOX_ROLES

    @property
    def needs_cgroup_v2(self) -> bool:
        """Whether its systemd knows no other version of control groups: none does since 258."""
        return self.role is Role.NEWEST_ROUTER

    @property
    def hostname(self) -> str:
        """Nodes carry full names, as those of the cluster in the tutorial do."""
        return f"{self.name}.{DOMAIN}" if self.is_node else self.name

    def port_of(self, interface: Interface) -> str:
        """The name of the switch port that the given card is plugged into."""
        return f"{self.port}-{interface.name}"


def _site(address: str, gateway: str | None = GATEWAY) -> Interface:
    return Interface("eth0", f"{address}/{SITE_PREFIX_LENGTH}", Segment.SITE, gateway)


def _node(kind: str, number: int, role: Role = Role.NODE) -> Machine:
    name = f"k8s-calico-{kind}-10-31-90-{number}"
    return Machine(name, f"{kind}{number}", role, (_site(f"10.31.90.{number}"),))


MIRROR = Machine("mirror", "mirror", Role.MIRROR, (_site("10.31.0.2"),))
OPENWRT = Machine(
    "openwrt",
    "openwrt",
    Role.BUSYBOX_ROUTER,
    (_site(GATEWAY, gateway=None), Interface("eth1", f"{CLIENT_GATEWAY}/24", Segment.CLIENTS)),
)
TINY_UNRAID = Machine("tiny-unraid", "unraid", Role.BIRD_ROUTER, (_site("10.31.100.100"),))
CLIENT = Machine(
    "client", "client", Role.CLIENT, (Interface("eth0", "10.32.0.10/24", Segment.CLIENTS, CLIENT_GATEWAY),)
)
FRR8 = Machine(
    "frr8",
    "frr8",
    Role.ROUTER,
    (_site("10.31.254.8"), Interface("eth1", "10.32.0.4/24", Segment.CLIENTS)),
    optional=True,
)
FRR10 = Machine(
    "frr10",
    "frr10",
    Role.NEXT_ROUTER,
    (_site("10.31.254.10"), Interface("eth1", "10.32.0.3/24", Segment.CLIENTS)),
    optional=True,
)
BIRD3 = Machine("bird3", "bird3", Role.NEXT_BIRD_ROUTER, (_site("10.31.254.11"),), optional=True)
BIRD_BOX = Machine("bird-box", "bird-box", Role.BUSYBOX_BIRD_ROUTER, (_site("10.31.254.13"),), optional=True)
FRR_SID = Machine(
    "frr-sid",
    "frr-sid",
    Role.NEWEST_ROUTER,
    (_site("10.31.254.12"), Interface("eth1", "10.32.0.5/24", Segment.CLIENTS)),
    optional=True,
)
NETBOX = Machine("netbox", "netbox", Role.NETBOX, (_site("10.31.0.4"),), optional=True)
NODES = (
    *(_node("master", number) for number in (1, 2, 3)),
    _node("worker", 4),
    _node("worker", 5, Role.OLDER_NODE),
    _node("worker", 6, Role.RPM_NODE),
)
# The second rack: a pair of routers between the site and a link of its own, and two nodes there.
RACK2_GATEWAY = "10.30.92.251"


def _tor(name: str, role: Role, site: str, rack: str) -> Machine:
    return Machine(name, name, role, (_site(site), Interface("eth1", f"{rack}/24", Segment.RACK2)), optional=True)


def _in_rack_2(number: int) -> Machine:
    # until BGP has brought a default route by both routers, the way out is by one of them
    card = Interface("eth0", f"10.30.92.{number}/24", Segment.RACK2, RACK2_GATEWAY, metric=1024)
    return Machine(f"k8s-calico-worker-10-30-92-{number}", f"rack2-{number}", Role.NODE, (card,), optional=True)


TORS = (
    _tor("tor-2a", Role.ROUTER, "10.31.254.21", RACK2_GATEWAY),
    _tor("tor-2b", Role.BIRD_ROUTER, "10.31.254.22", "10.30.92.252"),
)
RACK2_NODES = (_in_rack_2(11), _in_rack_2(12))
MACHINES: tuple[Machine, ...] = (
    MIRROR, OPENWRT, TINY_UNRAID, *NODES, CLIENT, FRR8, FRR10, BIRD3, BIRD_BOX, FRR_SID, *TORS, *RACK2_NODES,
    NETBOX,
)  # fmt: skip

# What a plain `up` starts.
STANDARD = tuple(one for one in MACHINES if not one.optional)


def machine(name: str) -> Machine | None:
    """The machine of that name, or None."""
    return next((one for one in MACHINES if one.name == name), None)
