"""Reasons not to touch a router with FRR, each with its cure. Pure."""

from collections.abc import Iterator, Mapping, Sequence

from kubepeer.intent import Node, Router
from tasks.linux.observe import Seen
from tasks.platforms.frr.vtysh import VTYSH

# What the startup file has and FRR runs with none of, by kind: a daemon that crashed comes back without its lines (staticd of 10.3 with
# network namespaces), and the confirmation of a change writes the file from what runs. Lines are spelled in many ways; kinds are not.
LOST = rf"""{VTYSH} -c 'show running-config' | awk '/^(router|ip route|ipv6 route) / {{ kind = $1 " " $2
    if (NR == FNR) runs[kind] = 1; else if (!(kind in runs)) {{ runs[kind] = 1; print kind }} }}' - /etc/frr/frr.conf"""


class FrrPreflight:
    """FRR, configured in one file. Its own tool for reloading need not be there: the driver applies and takes back by vtysh, too."""

    vrfs_of_linux = True
    questions: Mapping[str, str] = {
        "vtysh": "command -v vtysh",
        "daemons": f"{VTYSH} -c 'show daemons'",
        "integrated": f"{VTYSH} -c 'show running-config' | grep -c '^no service integrated-vtysh-config'",
        "lost": LOST,
    }

    def of(self, router: Router) -> "FrrPreflight":  # noqa: ARG002  every router is asked the same
        """The same for all."""
        return self

    def missing(self, peers: Sequence[Node], seen: Seen) -> str:  # noqa: ARG002  of the platform alone
        """Without vtysh there is no FRR."""
        if seen["vtysh"].code:
            return "vtysh is not there: install FRR (package frr), or correct the router's group in the inventory"
        return ""

    def reasons(self, peers: Sequence[Node], seen: Seen) -> Iterator[str]:  # noqa: ARG002  of the platform alone
        """BGP, one file."""
        if "bgpd" not in seen["daemons"].text.split():
            yield "bgpd does not run: set bgpd=yes in /etc/frr/daemons and restart frr"
        if seen["integrated"].text.strip() not in ("", "0"):
            yield "the configuration is split over several files: set `service integrated-vtysh-config` in vtysh.conf"
        if lost := seen["lost"].lines:
            yield (
                f"/etc/frr/frr.conf has {', '.join(f'`{kind}`' for kind in lost)}, and FRR runs with none: what runs is saved with a"
                " change, and those lines would be gone: restart frr if a daemon has crashed, or `write memory` if they are not wanted"
            )
