"""The reading half of the driver: each getter is one round trip and one pure function."""

from __future__ import annotations

import json
import re
import shlex
from dataclasses import dataclass
from ipaddress import ip_address, ip_network
from typing import Any

from napalm.base import NetworkDriver
from napalm.base.exceptions import CommandErrorException, ConnectionClosedException
from napalm.base.models import (
    AliveDict,
    ARPTableDict,
    BGPConfigGroupDict,
    BGPStateNeighborsPerVRFDict,
    ConfigDict,
    FactsDict,
    InterfaceDict,
    InterfacesIPDict,
    NetworkInstanceDict,
    PeerDetailsDict,
    PingResultDict,
    RouteDict,
)

from napalm_bird import change, clock, configuration, configured, interfaces, route_entries, sessions, status, system
from napalm_bird.change import Site
from napalm_bird.protocols import protocols
from napalm_bird.routes import UnknownRoute
from napalm_bird.secrets import hide
from napalm_bird.syntax import SyntaxRefused
from napalm_bird.transport import Output, Router

_LINKS = "ip -d -j link show"
_SPEEDS = "grep -s . /sys/class/net/*/speed /dev/null"
_LOCK = "/var/lib/napalm-bird/lock"
_JITTER = 2
"""Milliseconds by which a time that BIRD shows moves from look to look (scripts/state.sh)."""
_PREAMBLE = re.compile(r"\ABIRD \S+ ready\.\n(?:Access restricted\n)?")


@dataclass(frozen=True)
class Files:
    """The file that is ours: as it is in force, and as a restart of BIRD would read it; and the owner's file."""

    running: str
    startup: str
    main: str


class Getters(NetworkDriver):
    """What can be asked of a router; the writing half builds on it."""

    device: Router | None = None
    hostname: str
    _site: Site

    def is_alive(self) -> AliveDict:
        """Tell whether the router answers."""
        return {"is_alive": self.device is not None and self.device.is_alive()}

    def get_facts(self) -> FactsDict:
        """Name the router, its version and its interfaces."""
        answers = self._ask(self._birdc("show status"), _LINKS, *system.FACTS, strict=2)
        return system.facts(answers[0], self._json(answers[1], _LINKS), answers[2:])

    def get_interfaces(self) -> dict[str, InterfaceDict]:
        """Describe the interfaces."""
        links, speeds = self._ask(_LINKS, _SPEEDS, strict=1)
        return interfaces.interfaces(self._json(links, _LINKS), interfaces.speeds(speeds))

    def get_interfaces_ip(self) -> dict[str, InterfacesIPDict]:
        """List the addresses by interface."""
        (shown,) = self._ask("ip -j addr show")
        return interfaces.addresses(self._json(shown, "ip addr show"))  # type: ignore[return-value]

    def get_arp_table(self, vrf: str = "") -> list[ARPTableDict]:
        """List the neighbours on the link, of all VRFs or of one."""
        of_vrf = " nomaster" if vrf in ("default", "global") else f" vrf {shlex.quote(vrf)}" if vrf else ""
        (shown,) = self._ask(f"ip -4 -j -s neigh show{of_vrf}")
        return interfaces.arp_table(self._json(shown or "[]", "ip neigh show"))

    def get_network_instances(self, name: str = "") -> dict[str, NetworkInstanceDict]:
        """List the VRFs; BIRD uses those of the kernel."""
        (links,) = self._ask(_LINKS)
        return interfaces.instances(self._json(links, _LINKS), name)

    def get_bgp_neighbors(self) -> dict[str, BGPStateNeighborsPerVRFDict]:
        """Describe the BGP sessions, ours and those of others."""
        shown, answer = self._ask(self._birdc("show protocols all"), self._birdc("show status"))
        seen = status.read(answer)
        return sessions.neighbors(protocols(shown), seen.router_id, seen.now)

    def get_bgp_neighbors_detail(  # type: ignore[override]  # NAPALM describes what the values hold, not their nesting
        self, neighbor_address: str = ""
    ) -> dict[str, dict[int, list[PeerDetailsDict]]]:
        """Describe the BGP sessions in detail."""
        shown, main, ours = self._ask(
            self._birdc("show protocols all"), _read(self._site.main), _read(self._site.include), strict=1
        )
        multipath = _merges(f"{main}\n{ours}")
        return sessions.neighbors_detail(protocols(shown), neighbor_address, multipath=multipath)

    def get_bgp_config(self, group: str = "", neighbor: str = "") -> dict[str, BGPConfigGroupDict]:  # type: ignore[override]  # the same
        """Read templates (as groups) and sessions from the file that is ours, as it is in force."""
        try:
            return configured.bgp(self._files().running, group, neighbor)
        except SyntaxRefused as error:
            raise CommandErrorException(f"{self.hostname}: {self._site.include}: {error}") from error

    def get_route_to(  # type: ignore[override]  # the same
        self,
        destination: str = "",
        protocol: str = "",
        longer: bool = False,  # noqa: FBT001, FBT002 (NAPALM's signature)
    ) -> dict[str, list[RouteDict]]:
        """List the routes of a prefix (``longer``: of all inside it), or those that an address takes.

        Each next hop is an entry. It is selected when BIRD gave it to the kernel, where several routes may be merged
        into one (``merge paths``).
        """
        asked = _asked(destination, longer=longer)
        kernels = f"{self._birdc('show protocols')} | awk '$2 == \"Kernel\" {{print $1}}'"
        exported = self._birdc(f"show route{asked} export NAME").replace("NAME'", '\'"$name"')
        answer, listed, shown, forwarded = self._ask(
            self._birdc("show status"),
            self._birdc("show protocols all"),
            self._birdc(f"show route{asked} table all all"),
            f"for name in $({kernels}); do {exported}; done",
            strict=2,  # "Network not found" is an error to birdc
        )
        by_name = {one.name: one for one in protocols(listed)}
        try:
            return route_entries.routes(shown, forwarded, status.read(answer).now, protocol, by_name)
        except UnknownRoute as error:
            raise CommandErrorException(f"{self.hostname}: {error}") from error

    def get_config(
        self,
        retrieve: str = "all",
        full: bool = False,  # noqa: FBT001, FBT002 (NAPALM's signature)
        sanitized: bool = False,  # noqa: FBT001, FBT002
        format: str = "text",  # noqa: A002, ARG002
    ) -> ConfigDict:
        """Return our file, in force and as a restart reads it; ``full`` puts the owner's file before it."""
        files = self._files()
        before = f"# {self._site.main}\n{files.main}\n# {self._site.include}\n" if full else ""
        texts = {"running": before + files.running, "startup": before + files.startup, "candidate": ""}
        if sanitized:
            texts = {name: hide(text) for name, text in texts.items()}
        return {name: text if retrieve in ("all", name) else "" for name, text in texts.items()}  # type: ignore[return-value]

    def cli(self, commands: list[str], encoding: str = "text") -> dict[str, str | dict[str, Any]]:
        """Run commands of birdc that look at things; BIRD knows no other encoding than text."""
        if encoding != "text":
            raise NotImplementedError(f"{self.hostname}: BIRD answers in text, not in {encoding}")
        answers = self._ask(*(self._birdc(command) for command in commands))
        return {command: _PREAMBLE.sub("", answer) for command, answer in zip(commands, answers, strict=True)}

    def ping(
        self,
        destination: str,
        source: str = "",
        ttl: int = 255,
        timeout: int = 2,
        size: int = 100,
        count: int = 5,
        vrf: str = "",
        source_interface: str = "",
    ) -> PingResultDict:
        """Ping from the router."""
        options = ["-c", str(count), "-W", str(timeout), "-s", str(size), "-t", str(ttl)]
        if source or source_interface:
            options += ["-I", source or source_interface]
        prefix = ["ip", "vrf", "exec", vrf] if vrf else []
        command = shlex.join([*prefix, "ping", *options, "--", destination])
        (output,) = self._router().read([f"{command} 2>&1"])
        return system.ping_result(output.out)

    def _files(self) -> Files:
        """Read our file. While a change is pending, what is in force is its candidate: BIRD says when it read it."""
        paths = (self._site.include, self._site.main, f"{_LOCK}/candidate", f"{_LOCK}/loaded")
        outputs = self._router().read([*map(_read, paths), self._birdc("show status")])
        for path, output in zip(paths[:2], outputs, strict=False):
            if output.code != 0 and "No such file" not in output.err:
                raise CommandErrorException(f"{self.hostname}: {path}: {output.words}")
        if "Permission denied" in outputs[3].err:
            raise CommandErrorException(f"{self.hostname}: {change.reason(38, outputs[3].words, self._site)}")
        startup, main, candidate, loaded, answer = (output.out for output in outputs)
        in_force = clock.loaded(answer)
        pending = in_force is not None and loaded.strip().isdigit() and abs(int(loaded) - in_force) <= _JITTER
        return Files(candidate if pending else startup, startup, main)

    def _birdc(self, command: str) -> str:
        """Write the shell command that runs one command of BIRD, restricted to looking."""
        where = f" -s {shlex.quote(self._site.socket)}" if self._site.socket else ""
        return f"birdc{where} -r {shlex.quote(command)}"

    def _router(self) -> Router:
        if self.device is None:
            raise ConnectionClosedException(f"{self.hostname}: the connection is not open; call open() first")
        return self.device

    def _ask(self, *commands: str, strict: int | None = None) -> list[str]:
        """Run commands in one round trip; the first ``strict`` of them (all by default) must succeed."""
        outputs = self._router().read(commands)
        for command, output in list(zip(commands, outputs, strict=True))[:strict]:
            if output.code != 0:
                raise CommandErrorException(f"{self.hostname}: {command}: {_cure(output)}")
        return [output.out for output in outputs]

    def _json(self, text: str, command: str) -> Any:
        try:
            return json.loads(text)
        except json.JSONDecodeError as error:
            said = text.strip().partition("\n")[0]
            raise CommandErrorException(f"{self.hostname}: {command}: no JSON in the answer: {said!r}") from error


def _read(path: str) -> str:
    return f"LC_ALL=C cat {shlex.quote(path)}"


def _asked(destination: str, *, longer: bool) -> str:
    """Write what routes are wanted: those of a prefix exactly, those inside it, or those that an address takes."""
    if not destination:
        return ""
    try:
        if "/" not in destination and not longer:
            return f" for {ip_address(destination)}"
        return f"{' in' if longer else ''} {ip_network(destination, strict=False)}"
    except ValueError as error:
        raise CommandErrorException(f"{destination}: {error}") from error


def _merges(text: str) -> bool:
    """Tell whether equal paths become one route of the kernel; no, where the configuration cannot be read."""
    try:
        return any(one.merged for one in configuration.kernels(text))
    except SyntaxRefused:
        return False


def _cure(output: Output) -> str:
    words = output.words
    if "not found" in words and "birdc" in words:
        return f"{words}. Is BIRD 2 (package bird2) installed there?"
    if "Unable to connect" in words:
        return f"{words}. Is BIRD running there (systemctl start bird), and may this user ask it?"
    return words
