"""Reasons not to touch a router, each with its cure; one class a platform that is read through its shell. Pure."""

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from fnmatch import fnmatchcase
from ipaddress import IPv4Interface, IPv4Network
from typing import Protocol

from kubepeer.intent import Intent, Node, Router
from tasks.linux.observe import Seen

# What is asked of every router that is a Linux machine.
LINUX_QUESTIONS = {
    "addresses": 'ip -o -4 addr show | awk \'{print $4, ($5 == "peer" ? $6 : "")}\'',  # a point-to-point link names its other end
    "forwarding": "sysctl -n net.ipv4.ip_forward",
}


class Preflight(Protocol):
    """What a platform must have before it is touched.

    Attributes:
        questions: shell commands by name; they only read.

    """

    questions: Mapping[str, str]

    def missing(self, peers: Sequence[Node], seen: Seen) -> str:
        """Why nothing more need be asked; "" when the daemon can be spoken to."""

    def reasons(self, peers: Sequence[Node], seen: Seen) -> Iterator[str]:
        """Why not to begin."""


class FrrPreflight:
    """FRR, configured in one file. Its own tool for reloading need not be there: the driver applies and takes back by vtysh, too."""

    questions: Mapping[str, str] = {
        "vtysh": "command -v vtysh",
        "daemons": "vtysh -c 'show daemons'",
        "integrated": "vtysh -c 'show running-config' | grep -c '^no service integrated-vtysh-config'",
    }

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


BIRD_FOLDER = "/etc/bird"
OUR_FILE = f"{BIRD_FOLDER}/conf.d/kubepeer.conf"
INCLUDE = f'include "{BIRD_FOLDER}/conf.d/*.conf";'
OLDEST_BIRD = (2, 0, 10)  # `show route in` is there from 2.0.9, exit codes of birdc from 2.0.10 on (BIRD's NEWS)
MERGED_BY_DEFAULT = 16  # BIRD 2.0 User's Guide, 6.6 Kernel: the limit of `merge paths`
# The owner's statements, without passwords: bird.conf, then what it includes. Ours is left out, whether it stands already or not.
BIRD_CONFIGURATION = f"""cd {BIRD_FOLDER} && {{ cat bird.conf
  for file in $(sed -n 's/^[[:space:]]*include[[:space:]]*"\\([^"]*\\)".*/\\1/p' bird.conf); do
    [ "$(realpath -m "$file")" = {OUR_FILE} ] || [ ! -f "$file" ] || {{ echo; cat "$file"; }}
  done; }} | sed 's/password[[:space:]]*"[^"]*"/password ""/g'"""
COMMENT = re.compile(r"/\*.*?\*/|#[^\n]*", re.DOTALL)


class BirdPreflight:
    """BIRD 2 with a line in bird.conf that reads our file, and with ECMP in its kernel protocol."""

    questions: Mapping[str, str] = {
        "birdc": "command -v birdc",
        "status": "birdc -r show status",
        "bird.conf": f"sed -n '/^[[:space:]]*include/p' {BIRD_FOLDER}/bird.conf",
        "configuration": BIRD_CONFIGURATION,
    }

    def missing(self, peers: Sequence[Node], seen: Seen) -> str:  # noqa: ARG002  of the platform alone
        """Without birdc there is no BIRD, and one that does not answer has no configuration to speak of."""
        if seen["birdc"].code:
            return "birdc is not there: install BIRD 2 (package bird2), or correct the router's group in the inventory"
        if seen["status"].code:
            said = (seen["status"].lines or ["nothing"])[-1]
            return (
                f"BIRD does not answer ({said}): systemctl start bird, and see `journalctl -u bird` if it does not stay"
            )
        return ""

    def reasons(self, peers: Sequence[Node], seen: Seen) -> Iterator[str]:
        """Its version, the line that reads our file, and the kernel protocol."""
        version = _bird_version(seen["status"].text)
        if version < OLDEST_BIRD:
            oldest = ".".join(map(str, OLDEST_BIRD))
            yield f"it is BIRD {'.'.join(map(str, version))}, and what it says cannot be relied on: install {oldest} or newer"
        if not _reads_our_file(seen["bird.conf"].text):
            yield f"bird.conf does not read {OUR_FILE}: add the line `{INCLUDE}` at its end"
        yield from _merging(seen["configuration"].text, len(peers))


def _bird_version(status: str) -> tuple[int, ...]:
    found = re.search(r"^BIRD (\d+(?:\.\d+)*)", status, re.MULTILINE)
    return tuple(int(number) for number in found[1].split(".")) if found else (0,)


def _reads_our_file(includes: str) -> bool:
    """Whether one of the include lines means our file; a relative one is of bird.conf's folder (User's Guide, chapter 3)."""
    named = re.findall(r'^\s*include\s*"([^"]+)"', COMMENT.sub("", includes), re.MULTILINE)
    paths = (name if name.startswith("/") else f"{BIRD_FOLDER}/{name}" for name in named)
    return any(fnmatchcase(OUR_FILE, path) and path.count("/") == OUR_FILE.count("/") for path in paths)


def _merging(configuration: str, peers: int) -> Iterator[str]:
    """Why equal paths would not reach the kernel together: BIRD merges them in the kernel protocol alone, and not unless told."""
    text = COMMENT.sub("", configuration)
    kernels = [block for block in _kernel_protocols(text) if re.search(r"\bipv4\b", block)]
    statement = "merge paths on;" if peers <= MERGED_BY_DEFAULT else f"merge paths on limit {peers};"
    merged = max(map(_merged, kernels), default=0)
    if not kernels:
        protocol = f"protocol kernel {{ ipv4 {{ export all; }}; {statement} }}"
        yield f"it has no kernel protocol for IPv4, and no route would reach the kernel: add `{protocol}` to bird.conf"
    elif not merged:
        yield f"one node would get all the traffic: add `{statement}` to `protocol kernel` in bird.conf, so that equal paths are merged"
    elif merged < peers:
        yield f"its kernel protocol merges {merged} paths, and {peers} nodes announce the services: write `{statement}` there"


def _kernel_protocols(text: str) -> list[str]:
    """The kernel protocols, each with the template that it is made from."""
    templates = {found[1]: _block(text, found) for found in re.finditer(r"\btemplate\s+kernel\s+(\S+?)\s*\{", text)}
    protocols = re.finditer(r"\bprotocol\s+kernel\b[^{;]*?(?:\bfrom\s+(\S+?))?\s*\{", text)
    return [_block(text, found) + templates.get(found[1], "") for found in protocols]


def _block(text: str, found: re.Match[str]) -> str:
    """What stands between the brace that a match ends with and the one that closes it."""
    depth = 1
    for end in range(found.end(), len(text)):
        depth += {"{": 1, "}": -1}.get(text[end], 0)
        if not depth:
            return text[found.end() : end]
    return text[found.end() :]


def _merged(block: str) -> int:
    """How many paths a kernel protocol merges. The switch may be left out, and is on then (BIRD's conf/confbase.Y: bool)."""
    found = re.search(r"\bmerge\s+paths\b\s*(?P<switch>on|yes|off|no)?\s*(?:limit\s+(?P<limit>\d+))?", block)
    if not found or found["switch"] in ("off", "no"):
        return 0
    return int(found["limit"] or MERGED_BY_DEFAULT)


PLATFORMS: Mapping[str, Preflight] = {"frr": FrrPreflight(), "bird": BirdPreflight()}


def questions(router: Router) -> dict[str, str]:
    """What is asked of a router; nothing of one whose shell is none."""
    return {**PLATFORMS[router.platform].questions, **LINUX_QUESTIONS} if router.platform in PLATFORMS else {}


def reasons(intent: Intent, router: Router, seen: Seen) -> list[str]:
    """Why not to begin; empty when all is clear."""
    platform = PLATFORMS.get(router.platform)
    if platform is None:
        return []
    peers = intent.peers_of(router)
    missing = platform.missing(peers, seen)
    return [missing] if missing else [*platform.reasons(peers, seen), *_linux_reasons(router, peers, seen)]


def _linux_reasons(router: Router, peers: Sequence[Node], seen: Seen) -> Iterator[str]:
    lines = [line.split() for line in seen["addresses"].lines]
    if router.address not in {IPv4Interface(words[0]).ip for words in lines}:
        yield f"{router.address} is on none of its interfaces, and the nodes would peer with it: correct hostname in the inventory"
    elif not router.peering.multihop:
        yield from _out_of_reach(router, peers, {IPv4Interface(words[-1]).network for words in lines})
    if seen["forwarding"].text.strip() != "1":
        yield "net.ipv4.ip_forward is 0: it does not route; set it to 1"


def _out_of_reach(router: Router, peers: Sequence[Node], networks: Collection[IPv4Network]) -> Iterator[str]:
    """External BGP is for neighbours one hop away unless it is told otherwise (RFC 4271, 5.1.3)."""
    subnets = sorted(network for network in networks if not network.is_loopback)
    far = [node for node in peers if not any(node.address in subnet for subnet in subnets)]
    if far:
        names = ", ".join(f"{node.name} ({node.address})" for node in far)
        yield (
            f"not on its subnets {', '.join(map(str, subnets))}: {names}; correct hostname there,"
            f" or say data.peering.multihop for {router.name}"
        )
