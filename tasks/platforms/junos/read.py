"""Junos's answers: sessions by NAPALM's getter, paths and routes in the XML form of `show route`. Pure.

The form is that of Juniper's schema junos-routing (route-information/route-table/rt/rt-entry), which NAPALM's own views read as well
(napalm/junos/utils/junos_views.yml). An entry of equal paths has all their next hops; what the forwarding table has is not asked.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from ipaddress import ip_address, ip_network
from typing import Any

from lxml import etree

from kubepeer.errors import CommandError
from kubepeer.intent.families import Address, Network
from tasks.linux.observe import Answer
from tasks.platforms.driver_answers import GETTER, is_address, sessions_in, text_of
from tasks.platforms.hops import Hop
from tasks.platforms.reader import ByVrf, each
from tasks.platforms.seen import WITHOUT_FORWARDING, Path, RibRoute, RouterSeen

Element = Any  # of lxml, which has no types


@dataclass(frozen=True)
class Junos(ByVrf):
    """A Juniper router, read by its own show commands."""

    encoding = "xml"

    def questions(self, networks: Sequence[Network], probes: Mapping[Network, Address]) -> dict[str, str]:  # noqa: ARG002
        """Without more words, `show route` shows a prefix and all longer ones in it, with every path that is not hidden."""
        table = f"{self.vrf}.inet.0" if self.vrf else "inet.0"
        return {"sessions": GETTER} | {f"rib {network}": f"show route table {table} {network}" for network in networks}

    def read(self, answers: Mapping[str, Answer], probes: Mapping[Network, Address]) -> RouterSeen:  # noqa: ARG002
        """Read the answers."""
        routes = each(answers, "rib", lambda name: _read(text_of(answers, name), name))
        return RouterSeen(
            sessions=sessions_in(answers, self.vrf),
            bgp={prefix: paths for prefix, paths, _ in routes if paths},
            rib={prefix: entries for prefix, _, entries in routes},
            layers=WITHOUT_FORWARDING,
        )


def _read(text: str, name: str) -> Iterator[tuple[Network, tuple[Path, ...], tuple[RibRoute, ...]]]:
    for prefix, entries in _routes(text, name):
        yield prefix, tuple(_paths(entries)), tuple(map(_rib_route, entries))


def _routes(text: str, name: str) -> Iterator[tuple[Network, list[Element]]]:
    if not text.strip() or text.strip() == "None":
        return  # nothing is shown of a table without such routes
    try:
        root = etree.fromstring(text.encode(), etree.XMLParser(resolve_entities=False, no_network=True))
    except etree.XMLSyntaxError as error:
        raise CommandError(f"Junos's answer to the question '{name}' is no XML: {error}") from error
    for element in root.iter("{*}rt"):
        length = _text(element, "rt-prefix-length")
        prefix = _text(element, "rt-destination") + (f"/{length}" if length else "")
        yield ip_network(prefix), list(element.findall("{*}rt-entry"))


def _text(element: Element, tag: str) -> str:
    return (element.findtext(f"{{*}}{tag}") or "").strip()


def _is_active(entry: Element) -> bool:
    return entry.find("{*}current-active") is not None


def _hops(entry: Element) -> frozenset[Hop]:
    hops = [
        _text(nh, "to") or f"dev {_text(nh, 'via') or _text(nh, 'nh-local-interface')}" for nh in entry.findall("{*}nh")
    ]
    kind = _text(entry, "nh-type").lower()
    return frozenset(hops) or frozenset({"blackhole" if kind in ("reject", "discard") else kind or "unknown"})


def _paths(entries: Sequence[Element]) -> Iterator[Path]:
    """One path an entry of BGP. The first one is BGP's best, and has the next hops of all its equals: they have entries of their own.

    Entries are in the order of preference, whether another protocol's comes before them or not.
    """
    of_bgp = [entry for entry in entries if _text(entry, "protocol-name") == "BGP"]
    chosen = _hops(of_bgp[0]) if of_bgp else frozenset()
    for entry in of_bgp:
        sender = _text(entry, "learned-from") or _text(entry, "gateway")
        hops = sorted(_hops(entry))
        hop = sender if sender in hops else hops[0]
        if not sender and len(hops) > 1:
            others = {one for other in of_bgp if other is not entry for one in _hops(other)}
            hop = next((one for one in hops if one not in others), hops[0])
        peer = sender or hop  # it is said where it is not the next hop
        yield Path(hop, ip_address(peer) if is_address(peer) else None, chosen=hop in chosen)


def _rib_route(entry: Element) -> RibRoute:
    nhs = entry.findall("{*}nh")
    age = entry.find("{*}age")
    return RibRoute(
        protocol=_text(entry, "protocol-name").lower(),
        distance=int(_text(entry, "preference") or 0),
        metric=int(_text(entry, "metric") or 0),
        hops=_hops(entry),
        selected=_is_active(entry),
        uptime=(age.text or "").strip() if age is not None else "",
        lines=tuple((_text(nh, "to"), _text(nh, "via"), None) for nh in nhs),
        absent=_text(entry, "inactive-reason") or "not a next hop of the active route",
    )
