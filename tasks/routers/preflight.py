"""Reasons not to touch a router, each with its cure; one class a platform that is read through its shell. Pure."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Interface, IPv4Network
from posixpath import basename, dirname
from typing import Protocol

from napalm_bird import configuration, files, status
from napalm_bird.syntax import SyntaxRefused

from kubepeer.intent import Intent, Node, Router
from tasks.linux.observe import Seen
from tasks.routes import bird_files

# What is asked of every router that is a Linux machine.
LINUX_QUESTIONS = {
    "addresses": 'ip -o -4 addr show | awk \'{print $4, ($5 == "peer" ? $6 : "")}\'',  # a point-to-point link names its other end
    "forwarding": "sysctl -n net.ipv4.ip_forward",
}


class Preflight(Protocol):
    """What a platform must have before it is touched."""

    @property
    def questions(self) -> Mapping[str, str]:
        """Shell commands by name; they only read."""

    def of(self, router: Router) -> "Preflight":
        """The same for one router, where it differs from router to router."""

    def missing(self, peers: Sequence[Node], seen: Seen) -> str:
        """Why nothing more need be asked; "" when the daemon can be spoken to."""

    def reasons(self, peers: Sequence[Node], seen: Seen) -> Iterator[str]:
        """Why not to begin."""


class FrrPreflight:
    """FRR with its own tool for reloading, configured in one file."""

    def of(self, router: Router) -> Preflight:  # noqa: ARG002  every router is asked the same
        """The same for all."""
        return self

    questions: Mapping[str, str] = {
        "vtysh": "command -v vtysh",
        "reload": "ls /usr/lib/frr/frr-reload.py",
        "daemons": "vtysh -c 'show daemons'",
        "integrated": "vtysh -c 'show running-config' | grep -c '^no service integrated-vtysh-config'",
    }

    def missing(self, peers: Sequence[Node], seen: Seen) -> str:  # noqa: ARG002  of the platform alone
        """Without vtysh there is no FRR."""
        if seen["vtysh"].code:
            return "vtysh is not there: install FRR (package frr), or correct the router's group in the inventory"
        return ""

    def reasons(self, peers: Sequence[Node], seen: Seen) -> Iterator[str]:  # noqa: ARG002  of the platform alone
        """The way back, BGP, one file."""
        if seen["reload"].code:
            yield "frr-reload.py is not there, and a change could not be taken back: install the package frr-pythontools"
        if "bgpd" not in seen["daemons"].text.split():
            yield "bgpd does not run: set bgpd=yes in /etc/frr/daemons and restart frr"
        if seen["integrated"].text.strip() not in ("", "0"):
            yield "the configuration is split over several files: set `service integrated-vtysh-config` in vtysh.conf"


OLDEST_BIRD = (2, 0, 10)  # `show route in` is there from 2.0.9, exit codes of birdc from 2.0.10 on (BIRD's NEWS)
NEWEST_BIRD = (3,)  # BIRD 4 may say all of it otherwise
VRF_DEVICE = "its kernel protocol is of VRF {vrf}, a device of Linux: BIRD's sessions there need `vrf`, and Kubepeer does not write it"


@dataclass(frozen=True)
class BirdPreflight:
    """BIRD 2 or 3 with a line in its main file that reads our file, and with ECMP in its kernel protocol.

    Attributes:
        main: the file that it starts with.
        ours: the file that Kubepeer owns.
        vrf: the table that the sessions' routes go to, where that is not BIRD's own.

    """

    main: str = bird_files.MAIN
    ours: str = bird_files.OURS
    vrf: str | None = None

    def of(self, router: Router) -> Preflight:
        """The same for one router: where its files lie, and which table it peers in."""
        files = router.configuration_files
        return BirdPreflight(bird_files.main(files), bird_files.ours(files), router.peering.vrf)

    @property
    def questions(self) -> Mapping[str, str]:
        """Whether it is there, answers, and what its configuration says."""
        return {
            "birdc": "command -v birdc",
            "status": "birdc -r show status",
            "configuration": files.command(self.main, self.ours),
        }

    def missing(self, peers: Sequence[Node], seen: Seen) -> str:  # noqa: ARG002  of the platform alone
        """Without birdc there is no BIRD, and one that does not answer has no configuration to speak of."""
        if seen["birdc"].code:
            return "birdc is not there: install BIRD (package bird2 or bird3), or correct the router's group in the inventory"
        if seen["status"].code:
            said = (seen["status"].lines or ["nothing"])[-1]
            return (
                f"BIRD does not answer ({said}): systemctl start bird, and see `journalctl -u bird` if it does not stay"
            )
        if seen["configuration"].code:
            said = (seen["configuration"].lines or ["nothing"])[-1]
            return f"BIRD's configuration is not where it is looked for ({said}): say data.configuration_files.main"
        return ""

    def reasons(self, peers: Sequence[Node], seen: Seen) -> Iterator[str]:
        """Its version, the line that reads our file, and the kernel protocol."""
        version = status.read(seen["status"].text).version
        if version < OLDEST_BIRD or version[:1] > NEWEST_BIRD:
            wanted = f"{'.'.join(map(str, OLDEST_BIRD))} or newer" if version < OLDEST_BIRD else "BIRD 2 or 3"
            yield f"it is BIRD {'.'.join(map(str, version))}, and what it says cannot be relied on: install {wanted}"
        found = files.read(seen["configuration"].text, self.main)
        if not found.reads(self.ours):
            yield f"{basename(self.main)} does not read {self.ours}: add the line `{self._include}` at its end"
        try:
            yield from self._merging(found.whole, len(peers))
        except SyntaxRefused as error:
            yield f"its configuration cannot be read ({error}): run `birdc configure check` there"

    @property
    def _include(self) -> str:
        """The line that reads our file; the folder of the main file is no folder for a wildcard."""
        folder = dirname(self.ours)
        return f'include "{self.ours if folder == dirname(self.main) else f"{folder}/*.conf"}";'

    def _merging(self, text: str, peers: int) -> Iterator[str]:
        """Why equal paths would not reach the kernel together: BIRD merges them in the kernel protocol alone, and not unless told."""
        tables = configuration.tables(text, "ipv4")
        table, file = self.vrf or tables[0], basename(self.main)
        if table not in tables:
            yield f"it has no table {table}: write `ipv4 table {table};` into {file}, or correct data.peering.vrf"
            return
        kernels = [one for one in configuration.kernels(text) if (one.family, one.table) == ("ipv4", table)]
        statement = "merge paths on;" if peers <= configuration.MERGED_BY_DEFAULT else f"merge paths on limit {peers};"
        of_table = f" {{ table {table}; export all; }}; kernel table NUMBER;" if self.vrf else " { export all; };"
        merged = max((one.merged for one in kernels if one.exports), default=0)
        if not kernels:
            protocol = f"protocol kernel {{ ipv4{of_table} {statement} }}"
            where = f" in table {table}" if self.vrf else ""
            yield f"it has no kernel protocol for IPv4{where}, and no route would reach the kernel: add `{protocol}` to {file}"
        elif not any(one.exports for one in kernels):
            yield f"its kernel protocol exports nothing, and no route would reach the kernel: write `export all;` into it in {file}"
        elif not merged:
            yield f"one node would get all the traffic: add `{statement}` to `protocol kernel` in {file}, so that equal paths are merged"
        elif merged < peers:
            yield f"its kernel protocol merges {merged} paths, and {peers} nodes announce the services: write `{statement}` there"
        if devices := {one.vrf for one in kernels if one.vrf}:
            yield VRF_DEVICE.format(vrf=", ".join(sorted(devices)))


PLATFORMS: Mapping[str, Preflight] = {"frr": FrrPreflight(), "bird": BirdPreflight()}


def questions(router: Router) -> dict[str, str]:
    """What is asked of a router; nothing of one whose shell is none."""
    return (
        {**PLATFORMS[router.platform].of(router).questions, **LINUX_QUESTIONS} if router.platform in PLATFORMS else {}
    )


def reasons(intent: Intent, router: Router, seen: Seen) -> list[str]:
    """Why not to begin; empty when all is clear."""
    if router.platform not in PLATFORMS:
        return []
    platform = PLATFORMS[router.platform].of(router)
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
