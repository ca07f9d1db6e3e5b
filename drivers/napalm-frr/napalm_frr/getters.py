"""The reading half of the driver: each getter is one round trip and one pure function."""

from __future__ import annotations

import json
import shlex
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

from napalm_frr import interfaces, peering, routes, sessions, system
from napalm_frr.configuration import read
from napalm_frr.secrets import hide
from napalm_frr.shown import bgp_paths, document
from napalm_frr.transport import Router, vtysh

_DETAILS = vtysh("show bgp vrf all neighbors json")
_SUMMARY = vtysh("show bgp vrf all summary json")
_RUNNING = vtysh("show running-config")
_INTERFACES = vtysh("show interface vrf all json")
_STARTUP = "cat /etc/frr/frr.conf"


class Getters(NetworkDriver):
    """What can be asked of a router; the writing half builds on it."""

    device: Router | None = None
    hostname: str

    def is_alive(self) -> AliveDict:
        """Tell whether the router answers."""
        return {"is_alive": self.device is not None and self.device.is_alive()}

    def get_facts(self) -> FactsDict:
        """Name the router, its version and its interfaces."""
        answers = [output.out for output in self._router().read(system.FACTS)]
        return system.facts(answers, self._json(answers[1], _INTERFACES))

    def get_interfaces(self) -> dict[str, InterfaceDict]:
        """Describe the interfaces."""
        shown, clock = self._ask(_INTERFACES, "date '+%Y/%m/%d %H:%M:%S'")
        return interfaces.interfaces(self._json(shown, _INTERFACES), clock)

    def get_interfaces_ip(self) -> dict[str, InterfacesIPDict]:
        """List the addresses by interface."""
        (shown,) = self._ask(_INTERFACES)
        return interfaces.addresses(self._json(shown, _INTERFACES))  # type: ignore[return-value]

    def get_arp_table(self, vrf: str = "") -> list[ARPTableDict]:
        """List the neighbours on the link, of all VRFs or of one."""
        of_vrf = " nomaster" if vrf in ("default", "global") else f" vrf {shlex.quote(vrf)}" if vrf else ""
        (shown,) = self._ask(f"ip -4 -j -s neigh show{of_vrf}")
        return interfaces.arp_table(self._json(shown or "[]", "ip neigh show"))

    def get_bgp_neighbors(self) -> dict[str, BGPStateNeighborsPerVRFDict]:
        """Describe the BGP sessions; prefixes received before the filters are not counted by FRR: -1."""
        details, summary = self._ask(_DETAILS, _SUMMARY)
        return sessions.neighbors(self._json(details, _DETAILS), self._json(summary, _SUMMARY))

    def get_bgp_neighbors_detail(  # type: ignore[override]  # NAPALM describes what the values hold, not their nesting
        self, neighbor_address: str = ""
    ) -> dict[str, dict[int, list[PeerDetailsDict]]]:
        """Describe the BGP sessions in detail."""
        details, summary, running = self._ask(_DETAILS, _SUMMARY, _RUNNING)
        return sessions.neighbors_detail(
            self._json(details, _DETAILS), self._json(summary, _SUMMARY), running, neighbor_address
        )

    def get_bgp_config(  # type: ignore[override]  # the same
        self, group: str = "", neighbor: str = ""
    ) -> dict[str, BGPConfigGroupDict]:
        """Describe how BGP is configured in the default VRF; a neighbour shows what it has from its group."""
        (running,) = self._ask(_RUNNING)
        return peering.bgp_config(read(running), group, neighbor)

    def get_network_instances(self, name: str = "") -> dict[str, NetworkInstanceDict]:
        """Describe the VRFs; a VRF without a route distinguisher has an empty one."""
        shown, running = self._ask(_INTERFACES, _RUNNING)
        return peering.network_instances(self._json(shown, _INTERFACES), read(running), name)

    def get_route_to(  # type: ignore[override]  # the same
        self,
        destination: str = "",
        protocol: str = "",
        longer: bool = False,  # noqa: FBT001, FBT002 (NAPALM's signature)
    ) -> dict[str, list[RouteDict]]:
        """List the routes to a destination; with several next hops, one entry each."""
        family = "ipv6" if ":" in destination else "ip"
        bgp_family = "ipv6" if family == "ipv6" else "ipv4"
        asked = f" {destination}" + (" longer-prefixes" if longer else "") if destination else ""
        table, bgp = self._ask(
            vtysh(f"show {family} route{asked} json"), vtysh(f"show bgp {bgp_family} unicast{asked} json"), strict=1
        )
        paths = bgp_paths(document(bgp)) if "{" in bgp else {}
        return routes.routes(self._json(table, "show route"), paths, protocol)

    def get_config(
        self,
        retrieve: str = "all",
        full: bool = False,  # noqa: ARG002, FBT001, FBT002 (NAPALM's signature)
        sanitized: bool = False,  # noqa: FBT001, FBT002
        format: str = "text",  # noqa: A002, ARG002
    ) -> ConfigDict:
        """Return the running and the startup configuration; FRR keeps no candidate."""
        running, startup = self._ask(_RUNNING, _STARTUP, strict=1)
        texts = {"running": running, "startup": startup, "candidate": ""}
        if sanitized:
            texts = {name: hide(text) for name, text in texts.items()}
        return {name: text if retrieve in ("all", name) else "" for name, text in texts.items()}  # type: ignore[return-value]

    def cli(self, commands: list[str], encoding: str = "text") -> dict[str, str | dict[str, Any]]:
        """Run commands of FRR; ``encoding="json"`` parses what they answer."""
        if encoding not in ("text", "json"):
            raise NotImplementedError(f"{self.hostname}: encoding {encoding} is not one of text, json")
        answers = self._ask(*(vtysh(command) for command in commands))
        if encoding == "text":
            return dict(zip(commands, answers, strict=True))
        return {command: self._json(answer, command) for command, answer in zip(commands, answers, strict=True)}

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

    def _router(self) -> Router:
        if self.device is None:
            raise ConnectionClosedException(f"{self.hostname}: the connection is not open; call open() first")
        return self.device

    def _ask(self, *commands: str, strict: int | None = None) -> list[str]:
        """Run commands in one round trip; the first ``strict`` of them (all by default) must succeed."""
        outputs = self._router().read(commands)
        for command, output in list(zip(commands, outputs, strict=True))[:strict]:
            if output.code != 0:
                raise CommandErrorException(f"{self.hostname}: {command}: {self._cure(output.words)}")
        return [output.out for output in outputs]

    @staticmethod
    def _cure(words: str) -> str:
        if "not found" in words:
            return f"{words}. Is FRR (package frr) installed there?"
        if "failed to connect to any daemons" in words.lower():
            return f"{words}. Is FRR running there (systemctl start frr), and may this user ask it?"
        return words

    def _json(self, text: str, command: str) -> Any:
        try:
            return json.loads(text)
        except json.JSONDecodeError as error:
            said = text.strip().partition("\n")[0]
            raise CommandErrorException(f"{self.hostname}: {command}: no JSON in the answer: {said!r}") from error
