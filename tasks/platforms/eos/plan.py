"""What Arista EOS is told. Pure."""

from collections.abc import Mapping

from hier_config import Platform

from kubepeer.intent import Intent, Router
from tasks.platforms.indented import PROCESS, Hierarchical, in_process, lines_of, number
from tasks.platforms.ownership import OWNER, raised, several_as

PATHS = 1  # EOS's own maximum-paths
LISTEN_LIMIT = 1000  # EOS's own


class Eos(Hierarchical):
    """Arista EOS: a configuration session, so its order does not matter to the router."""

    name = "EOS"
    template = "routers/eos/bgp.j2"
    kind = Platform.ARISTA_EOS
    beginnings = (
        f"ip prefix-list {OWNER}-",
        f"ip as-path access-list {OWNER} ",
        f"route-map {OWNER}-",
        f"peer-filter {OWNER}",
    )
    overwritten = (
        rf"{PROCESS}>neighbor (\S+) (remote-as|password|timers|maximum-routes|ebgp-multihop|ttl maximum-hops) ",
    )
    negations = (
        (rf"{PROCESS}>(neighbor [\d.]+) peer group {OWNER}", r"no \1"),
        (rf"{PROCESS}>(neighbor \S+ route-map) \S+ (in|out)", r"no \1 \2"),
        (rf"{PROCESS}>(neighbor \S+ password) .*", r"no \1"),
        (rf"ip prefix-list {OWNER}-\S+>(seq \d+) .*", r"no \1"),
        (rf"peer-filter {OWNER}>(\d+) .*", r"no \1"),
    )

    def values(self, intent: Intent, router: Router, running: str) -> Mapping[str, object]:
        """What is process-wide and set too low or switched off."""
        said = {line.text for line in lines_of(running) if in_process(line.context)}
        limit = number("bgp listen limit", running, in_process) or LISTEN_LIMIT
        dynamic = router.peering.neighbours == "dynamic"
        return {
            "maximum_paths": raised(
                number("maximum-paths", running, in_process) or PATHS, len(intent.peers_of(router))
            ),
            "listen_limit": raised(limit, router.peering.listen_limit) if dynamic else None,
            "multipath_relax": several_as(intent, router) and "no bgp bestpath as-path multipath-relax" in said,
            "activate": "no bgp default ipv4-unicast" in said,
        }
