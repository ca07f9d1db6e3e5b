"""The reading half of the driver: each getter is one round trip and one pure function."""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass
from ipaddress import ip_address, ip_network
from typing import Any

from napalm.base.exceptions import CommandErrorException
from napalm.base.models import (
    BGPConfigGroupDict,
    BGPStateNeighborsPerVRFDict,
    ConfigDict,
    FactsDict,
    InterfaceDict,
    InterfacesIPDict,
    NetworkInstanceDict,
    PeerDetailsDict,
    RouteDict,
)
from napalm_unix_router.reading import UnixRouter
from napalm_unix_router.system import FACTS

from napalm_bird import clock, configuration, configured, interfaces, route_entries, sessions, status, system
from napalm_bird.change import FOLDER, NO_ACCESS, Site
from napalm_bird.protocols import protocols
from napalm_bird.routes import UnknownRoute
from napalm_bird.secrets import hide
from napalm_bird.syntax import SyntaxRefused

_LINKS = "ip -d -j link show"
_SPEEDS = "grep -s . /sys/class/net/*/speed /dev/null"
_LOCK = f"{FOLDER}/lock"
_JITTER = 2
"""Milliseconds by which a time that BIRD shows moves from look to look (scripts/state.sh)."""
_PREAMBLE = re.compile(r"\ABIRD \S+ ready\.\n(?:Access restricted\n)?")


@dataclass(frozen=True)
class Files:
    """The file that is ours: as it is in force, and as a restart of BIRD would read it; and the owner's file."""

    running: str
    startup: str
    main: str


class Getters(UnixRouter):
    """What can be asked of a router; the writing half builds on it."""

    _preamble = "PATH=$PATH:/usr/sbin:/sbin:/usr/local/sbin\n"  # birdc stands where an ordinary user does not look
    _site: Site

    def get_facts(self) -> FactsDict:
        """Name the router, its version and its interfaces."""
        answers = self._ask(self._birdc("show status"), _LINKS, *FACTS, strict=2)
        return system.facts(answers[0], self._json(answers[1], _LINKS), answers[2:])

    def get_interfaces(self) -> dict[str, InterfaceDict]:
        """Describe the interfaces."""
        links, speeds = self._ask(_LINKS, _SPEEDS, strict=1)
        return interfaces.interfaces(self._json(links, _LINKS), interfaces.speeds(speeds))

    def get_interfaces_ip(self) -> dict[str, InterfacesIPDict]:
        """List the addresses by interface."""
        (shown,) = self._ask("ip -j addr show")
        return interfaces.addresses(self._json(shown, "ip addr show"))  # type: ignore[return-value]

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

    def _files(self) -> Files:
        """Read our file. While a change is pending, what is in force is its candidate: BIRD says when it read it."""
        paths = (self._site.include, self._site.main, f"{_LOCK}/candidate", f"{_LOCK}/loaded")
        outputs = self._router().read([*map(_read, paths), self._birdc("show status")])
        for path, output in zip(paths[:2], outputs, strict=False):
            if output.code != 0 and "No such file" not in output.err:
                raise CommandErrorException(f"{self.hostname}: {path}: {output.words}")
        if "Permission denied" in outputs[3].err:
            raise CommandErrorException(f"{self.hostname}: {self._site.reasons.why(NO_ACCESS, outputs[3].words)}")
        startup, main, candidate, loaded, answer = (output.out for output in outputs)
        in_force = clock.loaded(answer)
        pending = in_force is not None and loaded.strip().isdigit() and abs(int(loaded) - in_force) <= _JITTER
        return Files(candidate if pending else startup, startup, main)

    def _birdc(self, command: str) -> str:
        """Write the shell command that runs one command of BIRD, restricted to looking."""
        where = f" -s {shlex.quote(self._site.socket)}" if self._site.socket else ""
        return f"birdc{where} -r {shlex.quote(command)}"

    def _cure(self, words: str) -> str:
        if "not found" in words and "birdc" in words:
            return f"{words}. Is BIRD (package bird2 or bird3) installed there?"
        if "Unable to connect" in words:
            return f"{words}. Is BIRD running there (systemctl start bird), and may this user ask it?"
        return words


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
