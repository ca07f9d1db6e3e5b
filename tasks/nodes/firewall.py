"""A firewall that somebody has switched on: it is off, or kept by whoever has opened what the node's role needs. Pure."""

from collections.abc import Iterator

from kubepeer.intent import Intent, Node
from tasks.linux.observe import Answer, Seen
from tasks.linux.state import LinuxChange, action

# How each is switched off, now and at a boot
OFF = {"ufw": "ufw --force disable", "firewalld": "systemctl disable --now firewalld"}
OFF_SECONDS = 90
# A running unit has a control group, one that a boot starts has a link; ufw says in its own file whether it is on. No program is started.
QUESTION = """for d in /sys/fs/cgroup/system.slice /sys/fs/cgroup/systemd/system.slice /etc/systemd/system/multi-user.target.wants; do
    [ ! -e $d/firewalld.service ] || { echo firewalld; break; }
done
if [ -e /etc/ufw/ufw.conf ]; then
    while read -r l || [ -n "$l" ]; do case $l in ENABLED=[Yy][Ee][Ss]) echo ufw;; esac; done </etc/ufw/ufw.conf
fi; true"""


def active(answer: Answer) -> tuple[str, ...]:
    """Which of OFF are there and on."""
    return tuple(name for name in OFF if name in answer.lines)


def needs(intent: Intent, node: Node) -> str:
    """What the role must receive, for a person: Calico's own requirements, and the ports and protocols of kubeadm's documentation."""
    from_nodes = ["TCP 10250", "10256", "5473", "UDP 4789"]
    anywhere = ["TCP 30000-32767"]
    if node.role == "control_plane":
        from_nodes += ["TCP 2379-2380", "VRRP (protocol 112)"]
        anywhere += ["6443", str(intent.cluster.endpoint.port)]
    routers = ", ".join(str(router.address) for router in intent.routers if router.name in node.routers)
    return (
        f"TCP 179 from {routers} and {intent.cluster.networks.nodes}, {', '.join(from_nodes)} from {intent.cluster.networks.nodes}, "
        f"{', '.join(anywhere)}, and forwards to and from {intent.cluster.networks.pods}"
    )


def plan(intent: Intent, seen: Seen) -> Iterator[LinuxChange]:
    """Off where the inventory says so."""
    if intent.software.firewall != "off":
        return
    for name in active(seen["firewall"]):
        yield action(f"firewall {name}", "off, also after a boot", OFF[name], before="on", deadline=OFF_SECONDS)
