"""Reasons not to touch a router with FRR, each with its cure. Pure."""

from collections.abc import Iterator, Mapping, Sequence

from kubepeer.intent import Node, Router
from tasks.linux.observe import Seen
from tasks.platforms.frr.vtysh import VTYSH


class FrrPreflight:
    """FRR, configured in one file. Its own tool for reloading need not be there: the driver applies and takes back by vtysh, too."""

    vrfs_of_linux = True
    questions: Mapping[str, str] = {
        "vtysh": "command -v vtysh",
        "daemons": f"{VTYSH} -c 'show daemons'",
        "integrated": f"{VTYSH} -c 'show running-config' | grep -c '^no service integrated-vtysh-config'",
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
