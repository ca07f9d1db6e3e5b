"""The reading half of the driver: each getter is one round trip and one pure function."""

from __future__ import annotations

from typing import Any

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

from napalm_frr import interfaces, peering, routes, sessions, system
from napalm_frr.configuration import read
from napalm_frr.secrets import hide
from napalm_frr.shown import bgp_paths, document
from napalm_frr.transport import NO_HISTORY, vtysh

_DETAILS = vtysh("show bgp vrf all neighbors json")
_SUMMARY = vtysh("show bgp vrf all summary json")
_RUNNING = vtysh("show running-config")
_INTERFACES = vtysh("show interface vrf all json")
_STARTUP = "cat /etc/frr/frr.conf"


class Getters(UnixRouter):
    """What can be asked of a router; the writing half builds on it."""

    _preamble = NO_HISTORY

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

    def _cure(self, words: str) -> str:
        if "not found" in words:
            return f"{words}. Is FRR (package frr) installed there?"
        if "failed to connect to any daemons" in words.lower():
            return f"{words}. Is FRR running there (systemctl start frr), and may this user ask it?"
        return words
