"""What a node is asked when its session or its routes are lost, and what it says of itself. Pure.

Calico's daemon runs in the container calico-node, as a process that the node itself sees; its control socket and its configuration are
reached by the mount namespace of that process (calico: node/filesystem/etc/calico/confd, bird.cfg, and /var/run/calico/bird.ctl).
"""

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from ipaddress import ip_address, ip_network

from kubepeer.intent.families import IPV6, Address, Network, Version
from tasks.linux.observe import Answer
from tasks.platforms.second_look import DROPS, LISTENING, digested, dropped, listens

DAEMONS: Mapping[Version, str] = {4: "bird", 6: "bird6"}
SOCKET, CONFIGURATION = "/var/run/calico/{}.ctl", "/etc/calico/confd/config/{}.cfg"
ANSWER_SECONDS = 3  # a daemon that is stopped answers nobody
MOST_LINES = 20_000
READ = r"^(protocol bgp |template bgp |\}|[[:space:]]*(neighbor|password|ttl security|multihop|passive|local) )"
STOPPED = ("T", "t")  # proc(5): stopped, by a signal or by somebody who traces it
BLOCK = re.compile(r"protocol bgp (?P<name>\S+)")
HEADLINE = re.compile(r"(?P<name>\S+)\s+BGP\s+\S+\s+(?P<state>up|start|down|stop|flush)\s")
FIELD = re.compile(
    r"\s+(?P<key>Neighbor address|Neighbor AS|Local AS|BGP state|Last error|Neighbor ID):\s+(?P<value>.*)"
)
ROUTE = re.compile(r"(?P<prefix>[0-9a-f.:]+/\d+)\s")


@dataclass(frozen=True)
class NodePeer:
    """One of the node's own sessions, as its daemon tells it.

    Attributes:
        name: of the daemon's protocol.
        state: of the protocol: up, start, down.
        bgp_state: Established, Active, Connect, ...
        last_error: what ended it last; "" where nothing did.
        password: a digest of it with the run's salt; "" where there is none, None where nothing tells.
        ttl_security: whether it sends and demands packets of one hop (RFC 5082); None where nothing tells.
        announced: the prefixes that it tells this peer; None where nobody could ask.

    """

    name: str
    state: str = ""
    bgp_state: str = ""
    remote_as: int | None = None
    local_as: int | None = None
    last_error: str = ""
    password: str | None = None
    ttl_security: bool | None = None
    announced: frozenset[Network] | None = None


@dataclass(frozen=True)
class NodeLook:
    """A node's own account.

    Attributes:
        unseen: why it could not be asked; "" where it could.
        silent: nobody answers at its address at all: more than a login that was refused.
        container: the state of calico-node's container: running, exited, ...; "absent" where there is none; "" where nothing tells.
        daemon: the state of BIRD's process as proc(5) has it, "absent" where there is none; "" where nothing tells.
        peers: its sessions; None where its daemon did not answer.
        router_id: its own.
        listens: whether anything listens on BGP's port; None where nothing tells.
        drops: rules of its firewall that have dropped packets of BGP.
        kubelet: what systemd says of the unit: active, inactive, failed.
        ways: to a router's address: what the kernel says of it.

    """

    unseen: str = ""
    silent: bool = False
    container: str = ""
    daemon: str = ""
    peers: Mapping[Address, NodePeer] | None = None
    router_id: str = ""
    listens: bool | None = None
    drops: tuple[str, ...] = ()
    kubelet: str = ""
    ways: Mapping[str, str] = field(default_factory=dict)

    @property
    def stopped(self) -> bool:
        """Whether its daemon's process is there and does nothing (SIGSTOP)."""
        return self.daemon in STOPPED


def questions(salt: str, routers: Iterable[Address], version: Version = 4) -> dict[str, str]:
    """One round trip: the process, its own sessions, what it announces, what the firewall drops.

    Args:
        salt: of the digests that stand for passwords.
        routers: the addresses of the routers.
        version: of the family whose daemon is asked.

    """
    daemon = DAEMONS[version]
    state = f"pid=$(pgrep -x {daemon} | head -n 1); state=$(sed -n 's/^State:[[:space:]]*\\(.\\).*/\\1/p' /proc/$pid/status 2>/dev/null)"
    # one that is stopped answers nobody, and nobody waits for it
    if_there = f'{state}; [ -z "$pid" ] || [ "$state" = T ] ||'
    ask = f"timeout {ANSWER_SECONDS} nsenter -t $pid -m birdcl -r -s {SOCKET.format(daemon)}"
    each = (
        f"for name in $({ask} show protocols | awk '$2 == \"BGP\" {{ print $1 }}'); do"
        f' echo "protocol $name"; {ask} show route export $name | head -n {MOST_LINES}; done'
    )
    configuration = f"nsenter -t $pid -m cat {CONFIGURATION.format(daemon)} | grep -E '{READ}'"
    return {
        "container": "crictl ps -a --label io.kubernetes.container.name=calico-node -o json 2>/dev/null || true",
        "daemon": f'{state}; echo "$state"',
        "status": f"{if_there} {ask} show status",
        "protocols": f"{if_there} {ask} show protocols all",
        "announced": f"{if_there} {{ {each}; }}",
        "configuration": digested(f"{if_there} {configuration}", salt),
        "listening": LISTENING,
        "drops": DROPS,
        "kubelet": "systemctl is-active kubelet || true",
        "ways": "\n".join(f'echo "{one} $(ip route get {one} 2>&1 | head -n 1)"' for one in routers) or "true",
    }


def read(answers: Mapping[str, Answer], version: Version = 4, *, calico: bool = True) -> NodeLook:
    """A node's account, from its answers.

    Args:
        answers: to questions.
        version: of the family whose daemon was asked.
        calico: the sessions are those of Calico's daemon; else nothing of it proves anything.

    """
    asked = answers["protocols"]
    heard = asked.code == 0 and any("ready" in line for line in asked.lines)
    return NodeLook(
        container=_container(answers["container"].text) if calico else "",
        daemon=(answers["daemon"].text.strip() or "absent") if calico else "",
        peers=dict(_peers(answers, version)) if heard else None,
        router_id=next(
            (line.rpartition(" ")[2] for line in answers["status"].lines if line.startswith("Router ID")), ""
        ),
        listens=listens(answers["listening"].lines),
        drops=dropped(answers["drops"].lines),
        kubelet=(answers["kubelet"].lines or [""])[0].strip(),
        ways={head: rest for head, _, rest in (line.partition(" ") for line in answers["ways"].lines)},
    )


def _container(text: str) -> str:
    """The state of the newest container; what cannot be read tells nothing."""
    try:
        found = json.loads(text)["containers"]
    except (ValueError, KeyError, TypeError):
        return ""
    newest = max(found or (), key=lambda one: str(one.get("createdAt", "")), default=None)
    if newest is None:
        return "absent"
    return str(newest.get("state", "")).removeprefix("CONTAINER_").lower()


def _peers(answers: Mapping[str, Answer], version: Version) -> Iterator[tuple[Address, NodePeer]]:
    configured = _configured(answers["configuration"].lines)
    announced = _announced(answers["announced"].lines) if answers["announced"].code == 0 else {}
    for name, state, fields in _protocols(answers["protocols"].text):
        try:
            address = ip_address(fields.get("Neighbor address", "").partition("%")[0])
        except ValueError:
            continue
        if address.version != version:
            continue
        words = configured.get(name)
        yield (
            address,
            NodePeer(
                name,
                state,
                fields.get("BGP state", ""),
                _number(fields.get("Neighbor AS", "")),
                _number(fields.get("Local AS", "")),
                fields.get("Last error", ""),
                None if words is None else next((one for key, one in words if key == "password"), ""),
                None if words is None else any(key == "ttl security" and one != "off" for key, one in words),
                announced.get(name) if fields.get("BGP state") == "Established" else None,
            ),
        )


def _protocols(text: str) -> Iterator[tuple[str, str, dict[str, str]]]:
    """The name, the state and the fields of each protocol of BGP."""
    current: tuple[str, str, dict[str, str]] | None = None
    for line in text.splitlines():
        if line and not line[0].isspace():
            if current:
                yield current
            head = HEADLINE.match(line)
            current = (head["name"], head["state"], {}) if head else None
        elif current and (found := FIELD.match(line)):
            current[2].setdefault(found["key"], found["value"].strip())
    if current:
        yield current


def _configured(lines: Sequence[str]) -> dict[str, list[tuple[str, str]]]:
    """By protocol what is said of passwords and lifetimes; BIRD's templates of Calico say neither."""
    found: dict[str, list[tuple[str, str]]] = {}
    inside: list[tuple[str, str]] = []
    for line in lines:
        if block := BLOCK.match(line):
            inside = found.setdefault(block["name"], [])
            continue
        words = line.strip().rstrip(";")
        if words.startswith("password "):
            inside.append(("password", words.removeprefix("password ").strip('"')))
        elif words.startswith("ttl security"):
            inside.append(("ttl security", words.removeprefix("ttl security").strip()))
        elif line.startswith(("}", "template")):
            inside = []
    return found


def _announced(lines: Sequence[str]) -> dict[str, frozenset[Network]]:
    found: dict[str, set[Network]] = {}
    name = ""
    for line in lines:
        if line.startswith("protocol "):
            name = line.removeprefix("protocol ").strip()
            found[name] = set()
        elif name and (route := ROUTE.match(line)):
            found[name].add(ip_network(route["prefix"], strict=False))
    return {one: frozenset(prefixes) for one, prefixes in found.items()}


def _number(text: str) -> int | None:
    return int(text) if text.isdigit() else None


def family_of(address: Address) -> Version:
    """The version of an address, as the daemons are told apart by."""
    return 6 if address.version == IPV6 else 4
