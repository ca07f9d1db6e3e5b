"""What a node's kernel needs beyond IPv4's sysctls, where the cluster has IPv6. Pure.

A kernel that forwards IPv6 takes no router advertisements (accept_ra 1), unless it is told to all the same (2): a node that has its default
route from one would lose it (Documentation/networking/ip-sysctl.rst, accept_ra). What has them off (0), or leaves them to systemd-networkd,
which sets 0, stays so.
"""

from kubepeer.intent import Intent, Node
from kubepeer.intent.families import IPV6
from tasks.linux.observe import Seen
from tasks.nodes.sysctls import live

FORWARD = "net.ipv6.conf.all.forwarding"
ACCEPT_RA = "net.ipv6.conf.{}.accept_ra"
TAKEN, TAKEN_BY_ROUTERS = "1", "2"


def has_ipv6(intent: Intent) -> bool:
    """Whether the cluster has IPv6, alone or beside IPv4."""
    return IPV6 in intent.cluster.networks.versions


def names(intent: Intent) -> tuple[str, ...]:
    """The variables that must be looked at; none where the cluster has no IPv6."""
    if not has_ipv6(intent):
        return ()
    return (FORWARD, *dict.fromkeys(map(accept_ra, intent.nodes)))


def accept_ra(node: Node) -> str:
    """The variable of a node's interface, its name as sysctl.d(5) has one with dots in it."""
    return ACCEPT_RA.format(node.interface.replace(".", "/"))


def wanted(intent: Intent, node: Node, seen: Seen) -> dict[str, str]:
    """Variable -> value."""
    if not has_ipv6(intent):
        return {}
    takes = live(seen).get(accept_ra(node)) in (TAKEN, TAKEN_BY_ROUTERS)
    return {FORWARD: "1"} | ({accept_ra(node): TAKEN_BY_ROUTERS} if takes else {})
