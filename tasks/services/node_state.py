"""What nodes and routers are asked when cells are red: one script that only reads, and what it says. Pure."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from tasks.linux.observe import Answer
from tasks.services.matrix import Target
from tasks.services.script import card_mtu

# iptables-save(8) with -c: [packets:bytes] before each rule
RULE = re.compile(r"^\[(?P<packets>\d+):\d+\] -A (?P<chain>\S+) (?P<rule>.*)$")
OWN_CHAINS = ("KUBE-", "cali-", "CNI-")
HEALTH = "http://127.0.0.1:10256/healthz"  # kube-proxy's --healthz-bind-address
STRICT = 1  # Documentation/networking/ip-sysctl.rst: rp_filter
VIA = re.compile(r" via (\S+) dev (?!vxlan|tunl|ipip)")  # through a tunnel the gateway is the other end's own
UNREACHABLE = re.compile(r"^(RTNETLINK answers: .*|unreachable .*|blackhole .*|prohibit .*)")


@dataclass(frozen=True)
class NodeState:
    """A node's own account.

    Attributes:
        unseen: why it could not be asked; "" where it could.
        proxy_answers: kube-proxy's health port answers.
        rules: those of kube-proxy with an address of a service; None where no program can show them.
        ports: node ports that have a rule.
        forwards: net.ipv4.ip_forward.
        drops: rules, of others than Kubernetes' and Calico's, that have dropped packets.
        unmasqueraded: what keeps kube-proxy's masquerading from being reached.
        interface: the node's card.
        mtu: of its card.
        strict: where reverse paths are held to strictly, and have dropped packets.
        lost_ways: addresses that it has no way to, or a wrong one.

    """

    unseen: str = ""
    proxy_answers: bool = True
    rules: frozenset[str] | None = None
    ports: frozenset[int] = frozenset()
    forwards: bool = True
    drops: tuple[str, ...] = ()
    unmasqueraded: tuple[str, ...] = ()
    interface: str = "eth0"
    mtu: int = 0
    strict: tuple[str, ...] = ()
    lost_ways: tuple[str, ...] = ()

    def rules_for(self, target: Target) -> bool:
        """Whether it has a rule for an address, or for a node port; true where that cannot be told."""
        return self.rules is None or (target.port in self.ports if target.node else target.address in self.rules)


@dataclass(frozen=True)
class RouterState:
    """A router's account.

    Attributes:
        hash_policy: net.ipv4.fib_multipath_hash_policy; None where it is no Linux machine.
        wrong_routes: what verify_routes.py says of its routes.

    """

    hash_policy: int | None = None
    wrong_routes: tuple[str, ...] = field(default_factory=tuple)


def questions(interface: str, services: Sequence[str], pods: Sequence[str], origins: Sequence[str]) -> dict[str, str]:
    """The questions of one node.

    Args:
        interface: its card.
        services: addresses of services.
        pods: addresses of pods.
        origins: addresses that somebody has tried from.

    """
    wanted = "|".join(re.escape(address) for address in services) or "none"
    conf = "/proc/sys/net/ipv4/conf"
    return {
        "proxy": f"curl --noproxy '*' -s -m 2 -o /dev/null -w '%{{http_code}}' {HEALTH}",
        "nat": f"iptables-save -c -t nat 2>/dev/null | grep -E '({wanted})/|KUBE-NODEPORTS .*--dport|-A POSTROUTING' || true",
        "nft": f"nft list table ip kube-proxy 2>/dev/null | grep -oE '({wanted}) \\. tcp|tcp \\. [0-9]+ :' || true",
        "ipvs": f"cat /proc/net/ip_vs 2>/dev/null | head -n 1; ipvsadm -Ln 2>/dev/null | grep -oE '({wanted}):[0-9]+' || true",
        "filter": "for table in raw mangle filter; do iptables-save -c -t $table 2>/dev/null; done"
        " | grep -E -- '-j (DROP|REJECT)' || true",
        "forward": "cat /proc/sys/net/ipv4/ip_forward",
        "mtu": card_mtu(interface),
        "strict": f"for one in all {interface}; do echo $one $(cat {conf}/$one/rp_filter); done; "
        "awk '/^TcpExt:/ { if (!n++) split($0, names); else for (i = 2; i <= NF; i++) "
        'if (names[i] == "IPReversePathFilter") print "dropped", $i }\' /proc/net/netstat',
        "ways": "\n".join(
            f'echo "{address} $(ip route get {address} 2>&1 | head -n 1)"'
            for address in dict.fromkeys([*pods, *origins])
        ),
    }


ROUTER_QUESTION = {"hash": "cat /proc/sys/net/ipv4/fib_multipath_hash_policy"}


def node_state(
    answers: Mapping[str, Answer], interface: str, homes: Mapping[str, str], own: Iterable[str] = ()
) -> NodeState:
    """A node's account, from its answers.

    Args:
        answers: to the questions.
        interface: its card.
        homes: address of a pod -> that of its node.
        own: the node's own addresses.

    """
    nat, own = answers["nat"].lines, frozenset(own)
    mtu, forward = answers["mtu"].text.strip(), answers["forward"].text.strip()
    shown = answers["nft"].lines or [line for line in answers["ipvs"].lines if ":" in line]
    known = nat + shown
    text = "\n".join(known)
    return NodeState(
        proxy_answers=answers["proxy"].text.strip() == "200",
        rules=frozenset(re.findall(r"\d+\.\d+\.\d+\.\d+", text)) if known else None,
        ports=frozenset(int(port) for port in re.findall(r"(?:KUBE-NODEPORTS .*--dport |tcp \. )(\d+)", text)),
        forwards=forward != "0",
        drops=tuple(_drops(answers["filter"].lines)),
        unmasqueraded=tuple(_unmasqueraded(nat)),
        interface=interface,
        mtu=int(mtu) if mtu.isdigit() else 0,
        strict=tuple(_strict(answers["strict"].lines)),
        lost_ways=tuple(_lost(answers["ways"].lines, homes, own)),
    )


def _drops(lines: Iterable[str]) -> Iterable[str]:
    for line in lines:
        found = RULE.match(line)
        if found and int(found["packets"]) and not found["chain"].startswith(OWN_CHAINS):
            yield f"{found['chain']} {found['rule']}"


def _unmasqueraded(nat: Iterable[str]) -> Iterable[str]:
    """Rules of POSTROUTING that end it before kube-proxy's; or that there is none of kube-proxy's."""
    before: list[str] = []
    chain = [found for line in nat if (found := RULE.match(line)) and found["chain"] == "POSTROUTING"]
    for found in chain:
        if "-j KUBE-POSTROUTING" in found["rule"]:
            yield from (
                f"nothing is masqueraded for what a rule takes out before: POSTROUTING {rule}" for rule in before
            )
            return
        if re.search(r"-j (ACCEPT|RETURN)\b", found["rule"]) and int(found["packets"]):
            before.append(found["rule"])
    if chain:
        yield "kube-proxy's chain KUBE-POSTROUTING is not in POSTROUTING: nothing is masqueraded"


def _strict(lines: Iterable[str]) -> Iterable[str]:
    """The larger of `all` and the card's own counts."""
    words = [line.split() for line in lines]
    values = {word[0]: int(word[1]) for word in words if len(word) > 1 and word[1].isdigit()}
    dropped = values.pop("dropped", 0)
    if dropped and max(values.values(), default=0) == STRICT:
        where = next(name for name, value in values.items() if value == STRICT)
        yield f"rp_filter of {where} is 1 (strict), and {dropped} packets were dropped that came by another card than the way back"


def _lost(lines: Iterable[str], homes: Mapping[str, str], own: frozenset[str]) -> Iterable[str]:
    for line in lines:
        address, _, said = line.partition(" ")
        home = homes.get(address)
        if UNREACHABLE.match(said):
            yield f"it has no way to {address}: {said}"
        elif home and home not in own and (gateway := VIA.search(said)) and gateway[1] != home:
            yield f"its way to the pod {address} is by {gateway[1]}, and not by its node {home}"
