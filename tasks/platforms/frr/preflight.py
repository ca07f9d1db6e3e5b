"""Reasons not to touch a router with FRR, each with its cure. Pure."""

from collections.abc import Iterator, Mapping, Sequence

from napalm_frr.needs import NEEDS_FRR_RELOAD

from kubepeer.intent import Node, Router
from tasks.linux.observe import Seen
from tasks.platforms.frr.vtysh import VTYSH


class FrrPreflight:
    """FRR, configured in one file, and with its own tool for reloading where the driver has no other way."""

    vrfs_of_linux = True
    questions: Mapping[str, str] = {
        "vtysh": "command -v vtysh",
        "reload": "ls /usr/lib/frr/frr-reload.py",
        "daemons": f"{VTYSH} -c 'show daemons'",
        "integrated": f"{VTYSH} -c 'show running-config' | grep -c '^no service integrated-vtysh-config'",
    }

    def __init__(self, *, needs_reload: bool = NEEDS_FRR_RELOAD) -> None:
        """Without needs_reload vtysh is all that the driver asks for."""
        self.needs_reload = needs_reload

    def of(self, router: Router) -> "FrrPreflight":  # noqa: ARG002  every router is asked the same
        """The same for all."""
        return self

    def missing(self, peers: Sequence[Node], seen: Seen) -> str:  # noqa: ARG002  of the platform alone
        """Without vtysh there is no FRR."""
        if seen["vtysh"].code:
            return "vtysh is not there: install FRR (package frr), or correct the router's group in the inventory"
        return ""

    def reasons(self, peers: Sequence[Node], seen: Seen) -> Iterator[str]:  # noqa: ARG002  of the platform alone
        """The way back, BGP, one file."""
        if self.needs_reload and seen["reload"].code:
            yield "frr-reload.py is not there, and a change could not be taken back: install the package frr-pythontools"
        if "bgpd" not in seen["daemons"].text.split():
            yield "bgpd does not run: set bgpd=yes in /etc/frr/daemons and restart frr"
        if seen["integrated"].text.strip() not in ("", "0"):
            yield "the configuration is split over several files: set `service integrated-vtysh-config` in vtysh.conf"
