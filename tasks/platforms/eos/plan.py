"""What Arista EOS is told. Pure."""

from collections.abc import Mapping

from kubepeer.intent import Intent, Router
from tasks.platforms.indented import PROCESS, Hierarchical, in_process, place_of
from tasks.platforms.lines import lines_of, number
from tasks.platforms.ownership import OWNER, raised, several_as

PATHS = 1  # EOS's own maximum-paths
LISTEN_LIMIT = 1000  # EOS's own
FAMILY = "address-family ipv4"
PLACES = (PROCESS, rf"{PROCESS}>{FAMILY}", rf"{PROCESS}>vrf \S+", rf"{PROCESS}>vrf \S+>{FAMILY}")


class Eos(Hierarchical):
    """Arista EOS: a configuration session, so its order does not matter to the router."""

    name = "EOS"
    template = "routers/eos/bgp.j2"
    kind = "ARISTA_EOS"
    beginnings = (
        f"ip prefix-list {OWNER}-",
        f"ip as-path access-list {OWNER} ",
        f"route-map {OWNER}-",
        f"peer-filter {OWNER} ",
    )
    family = FAMILY
    vrf = r"vrf (?:instance|definition) (\S+)"  # `definition` before EOS 4.20
    overwritten = tuple(
        rf"{place}>neighbor (\S+) (remote-as|password|timers|maximum-routes|ebgp-multihop|ttl maximum-hops) "
        for place in PLACES
    )
    negations = (
        *((rf"{place}>(neighbor \S+) peer[- ]group {OWNER}", r"no \1") for place in PLACES),
        *((rf"{place}>(neighbor \S+ route-map) \S+ (in|out)", r"no \1 \2") for place in PLACES),
        *((rf"{place}>(neighbor \S+ password) .*", r"no \1") for place in PLACES),
        (rf"ip prefix-list {OWNER}-\S+>(seq \d+) .*", r"no \1"),
        (rf"peer-filter {OWNER}>(\d+) .*", r"no \1"),
    )

    def values(self, intent: Intent, router: Router, running: str) -> Mapping[str, object]:
        """What is process-wide and set too low or switched off."""
        section = self.section(router.peering.vrf)
        lines = [(place_of(line.context), line.text) for line in lines_of(running)]
        said = {text for place, text in lines if place == section}
        limit = number("bgp listen limit", running, in_process) or LISTEN_LIMIT
        dynamic = router.peering.neighbours == "dynamic"
        paths = number("maximum-paths", running, lambda context: place_of(context) == section)
        return {
            "deeper": "   " if router.peering.vrf else "",
            "maximum_paths": raised(paths or PATHS, len(intent.peers_of(router))),
            "listen_limit": raised(limit, router.peering.listen_limit) if dynamic else None,
            "multipath_relax": several_as(intent, router) and "no bgp bestpath as-path multipath-relax" in said,
            "activate": "no bgp default ipv4-unicast" in said or ((), "no bgp default ipv4-unicast") in lines,
        }
