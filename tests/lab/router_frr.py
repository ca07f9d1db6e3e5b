"""The lab's FRR, asked through vtysh."""

import json
import re
import time

from tests.lab.laboratory import Laboratory
from tests.lab.router import CLUSTER, Routes, Session

# What is named for us, as FRR prints it.
OF_FRR = re.compile(
    r"^route-map KUBEPEER\S* .*\n(?: .*\n)*exit\n!\n|^.*\bKUBEPEER\b.*\n|^ neighbor 10\.31\.90\.\d description k8s-calico-\S+\n",
    re.MULTILINE,
)


class Frr:
    """FRR: one text for all its daemons, and JSON."""

    mark = "KUBEPEER"
    change = "FRR configuration"
    never_down = (1, 0)
    pending = "test -L /var/lib/napalm-frr/lock"
    said_of_a_closed_session = ("Cease",)
    said_of_a_dead_peer = ("Hold Timer Expired",)

    def routes(self, lab: Laboratory, router: str) -> Routes:
        """What zebra has chosen and installed; the table that a person reads says the same."""
        table = json.loads(lab.inside(router, "vtysh -c 'show ip route bgp json'"))
        found = {
            prefix: {
                hop["ip"] for entry in entries if entry.get("selected") for hop in entry["nexthops"] if hop.get("fib")
            }
            for prefix, entries in table.items()
            if prefix.startswith(CLUSTER)
        }
        text = lab.inside(router, "vtysh -c 'show ip route bgp'")
        assert all(f"B>* {prefix} [20/0] via " in text for prefix in found), text
        return found

    def paths(self, lab: Laboratory, router: str, prefix: str) -> set[tuple[str, str]]:
        """What bgpd has accepted; ADD-PATH may have brought the same twice."""
        said = json.loads(lab.inside(router, f"vtysh -c 'show bgp ipv4 unicast {prefix} json'"))
        return {(path["peer"]["peerId"], hop["ip"]) for path in said.get("paths", []) for hop in path["nexthops"]}

    def communities(self, lab: Laboratory, router: str, prefix: str) -> list[set[str]]:
        """Of both kinds, as bgpd prints them."""
        said = json.loads(lab.inside(router, f"vtysh -c 'show bgp ipv4 unicast {prefix} json'"))
        kinds = ("community", "largeCommunity")
        return [
            {one for kind in kinds for one in path.get(kind, {}).get("string", "").split()}
            for path in said.get("paths", [])
        ]

    def session(self, lab: Laboratory, router: str, peer: str) -> Session | None:
        """From bgpd."""
        said = json.loads(lab.inside(router, f"vtysh -c 'show bgp neighbors {peer} json'")).get(peer)
        if not said:
            return None
        unicast = (said.get("addressFamilyInfo") or {}).get("ipv4Unicast") or {}
        return Session(
            state=said["bgpState"],
            accepted=unicast.get("acceptedPrefixCounter", 0),
            sent=unicast.get("sentPrefixCounter", 0),
            policy=unicast.get("routeMapForIncomingAdvertisements", ""),
            since=time.monotonic() - said.get("bgpTimerUpMsec", 0) / 1000,
            counters=(said["connectionsEstablished"], said["connectionsDropped"]),
        )

    def running(self, lab: Laboratory, router: str) -> str:
        """All of it."""
        return lab.inside(router, "vtysh -c 'show running-config'")

    def startup(self, lab: Laboratory, router: str) -> str:
        """frr.conf."""
        return lab.inside(router, "cat /etc/frr/frr.conf")

    def foreign(self, configuration: str) -> str:
        """Without our lines; and the mark that FRR prints after our filters, where no foreign filter of that kind stands before it."""
        return re.sub(r"^(!\n)+", "!\n", OF_FRR.sub("", configuration), flags=re.MULTILINE)

    def loosen_by_hand(self, lab: Laboratory, router: str) -> tuple[str, str]:
        """In the running configuration alone."""
        line = "ip prefix-list KUBEPEER-IN seq 35 permit 10.33.192.0/18 ge"
        lab.inside(router, f"vtysh -c 'configure terminal' -c 'no {line} 32' -c '{line} 31'")
        return f"{line} 31", f"{line} 32"

    def assert_starts_as_it_runs(self, lab: Laboratory, router: str) -> None:
        """The statements of both are the same, in the same order."""
        assert _statements(self.startup(lab, router)) == _statements(self.running(lab, router))

    def is_cut_off(self, lab: Laboratory, router: str, peer: str) -> bool:
        """Its neighbour is idle for that reason."""
        said = lab.inside(router, f"vtysh -c 'show bgp neighbors {peer} json'")
        return json.loads(said)[peer]["bgpState"] != "Established" and "Maximum Number of Prefixes" in said

    def admit_again(self, lab: Laboratory, router: str, peer: str) -> None:
        """Clear it."""
        lab.inside(router, f"vtysh -c 'clear bgp {peer}'")


def _statements(configuration: str) -> list[str]:
    """The lines that say something: without the marks between sections, and the lines that `show running-config` begins and ends with."""
    chatter = ("Building configuration...", "Current configuration:", "end", "!", "")
    return [line for line in configuration.splitlines() if line.strip() not in chatter]
