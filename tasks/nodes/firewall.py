"""A firewall that somebody has switched on: it is off, kept by whoever has opened what the role needs, or opened for it. Pure."""

from collections.abc import Iterator

from kubepeer.intent import Intent, Node
from tasks.linux.observe import Answer, Seen
from tasks.linux.state import LinuxChange, action, impossible
from tasks.nodes import firewalld, ufw
from tasks.nodes.openings import openings

# How each is switched off, now and at a boot
OFF = {
    "ufw": "ufw --force disable",
    "firewalld": "systemctl disable --now firewalld",
    "nftables": "systemctl disable --now nftables",
}
# To stop nftables.service is to flush every table, kube-proxy's and Calico's among them: on a member only a boot takes its rules away
OFF_ON_A_MEMBER = OFF | {"nftables": "systemctl disable nftables"}
OFF_SECONDS = 90
NO_POLICIES = "firewalld without policies"
# A running unit has a control group, one that a boot starts has a link; ufw says in its own file whether it is on. nftables.service is a
# firewall where its files have a chain that drops. Policies are firewalld's from 0.9 on, with one that it ships. No program but grep,
# and that where nftables.service is enabled.
QUESTION = """for d in /sys/fs/cgroup/system.slice /sys/fs/cgroup/systemd/system.slice /etc/systemd/system/multi-user.target.wants; do
    [ ! -e $d/firewalld.service ] || { echo firewalld; [ -d /usr/lib/firewalld/policies ] || echo firewalld without policies; break; }
done
if [ -e /etc/ufw/ufw.conf ]; then
    while read -r l || [ -n "$l" ]; do case $l in ENABLED=[Yy][Ee][Ss]) echo ufw;; esac; done </etc/ufw/ufw.conf
fi
for d in /etc/systemd/system/sysinit.target.wants /etc/systemd/system/multi-user.target.wants; do
    [ -e $d/nftables.service ] || [ -h $d/nftables.service ] || continue
    for f in /etc/nftables.conf /etc/sysconfig/nftables.conf /etc/nftables/*.nft /etc/nftables.d/*; do
        ! grep -qsE 'policy[[:space:]]+drop' $f || { echo nftables; break 2; }
    done
    break
done; true"""


def questions(intent: Intent) -> dict[str, str]:
    """What is on; and our own rules, where we have some."""
    return {"firewall": QUESTION, "ufw rules": ufw.QUESTION if intent.software.firewall == "open" else "true"}


def paths(intent: Intent) -> list[str]:
    """Files of firewalls that the plan looks at."""
    return [*firewalld.PATHS, ufw.BEFORE_RULES] if intent.software.firewall == "open" else []


def active(answer: Answer) -> tuple[str, ...]:
    """Which of OFF are there and on; and NO_POLICIES."""
    return tuple(name for name in (*OFF, NO_POLICIES) if name in answer.lines)


def needs(intent: Intent, node: Node) -> str:
    """What the role must receive, for a person."""
    by_sources: dict[tuple[object, ...], list[str]] = {}
    for opening in openings(intent, node):
        what = "VRRP (protocol 112)" if opening.protocol == "vrrp" else f"{opening.protocol.upper()} {opening.port}"
        by_sources.setdefault(opening.sources, []).append(what)
    said = [
        f"{', '.join(what)}{' from ' + ', '.join(str(one).removesuffix('/32').removesuffix('/128') for one in sources) if sources else ''}"
        for sources, what in by_sources.items()
    ]
    families = intent.cluster.networks.families
    pods = " and ".join(str(family.pods) for family in families)
    services = [str(network) for family in families for network in (family.services, family.load_balancers)]
    return f"{'; '.join(said)}; all from {pods}, all to {' and '.join(services)}, and forwards to and from {pods}"


def refusal(intent: Intent, node: Node, firewalls: tuple[str, ...]) -> str | None:
    """Why not to begin on a node with these firewalls on; None where the inventory's word is enough."""
    on = [name for name in firewalls if name != NO_POLICIES]
    wanted = intent.software.firewall
    if not on or wanted in ("off", "kept"):
        return None
    if wanted is None:
        return (
            f"a firewall is on ({', '.join(on)}): set software.firewall to off, to open, "
            f"or to kept where it lets in {needs(intent, node)}"
        )
    if "nftables" in on:
        return (
            "nftables.service drops what its own file does not accept, and what another table accepts is dropped all the same (nft(8)): "
            f"set software.firewall to off, or to kept where it lets in {needs(intent, node)}"
        )
    if NO_POLICIES in firewalls:
        return (
            "firewalld is on and has no policies (from 0.9 on): "
            f"set software.firewall to off, or to kept where it lets in {needs(intent, node)}"
        )
    return None


def plan(intent: Intent, node: Node, seen: Seen) -> Iterator[LinuxChange | None]:
    """Off, or open for the node's role, where the inventory says so."""
    on = active(seen["firewall"])
    if intent.software.firewall == "off":
        scripts = OFF_ON_A_MEMBER if seen["member"].lines else OFF
        for name in on:
            if name in scripts:
                yield action(
                    f"firewall {name}", "off, also after a boot", scripts[name], before="on", deadline=OFF_SECONDS
                )
    if intent.software.firewall == "open":
        if NO_POLICIES in on:
            yield impossible("firewall firewalld", "on", "open", refusal(intent, node, on) or "")
        elif "firewalld" in on:
            yield from firewalld.plan(intent, node, seen)
        if "ufw" in on:
            yield from ufw.plan(intent, node, seen)
