"""Reasons not to touch an FRR router, each with its cure. Pure."""

from kubepeer.intent import Router
from tasks.linux.observe import Seen

QUESTIONS = {
    "vtysh": "command -v vtysh",
    "reload": "ls /usr/lib/frr/frr-reload.py",
    "daemons": "vtysh -c 'show daemons'",
    "integrated": "vtysh -c 'show running-config' | grep -c '^no service integrated-vtysh-config'",
    "addresses": "ip -o -4 addr show | awk '{print $4}'",
    "forwarding": "sysctl -n net.ipv4.ip_forward",
}


def reasons(router: Router, seen: Seen) -> list[str]:
    """Why not to begin; empty when all is clear."""
    if seen["vtysh"].code:
        return ["vtysh is not there: install FRR (package frr), or correct the router's group in the inventory"]
    found = []
    if seen["reload"].code:
        found.append(
            "frr-reload.py is not there, and a change could not be taken back: install the package frr-pythontools"
        )
    if "bgpd" not in seen["daemons"].text.split():
        found.append("bgpd does not run: set bgpd=yes in /etc/frr/daemons and restart frr")
    if seen["integrated"].text.strip() not in ("", "0"):
        found.append(
            "the configuration is split over several files: set `service integrated-vtysh-config` in vtysh.conf"
        )
    if str(router.address) not in {line.split("/")[0] for line in seen["addresses"].lines}:
        found.append(
            f"{router.address} is on none of its interfaces, and the nodes would peer with it: correct hostname in the inventory"
        )
    if seen["forwarding"].text.strip() != "1":
        found.append("net.ipv4.ip_forward is 0: it does not route; set it to 1")
    return found
