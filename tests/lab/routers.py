"""The lab's routers, each asked in its own tongue: FRR through vtysh, BIRD through birdc and its files."""

import json
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from tests.lab.laboratory import Laboratory

CLUSTER, CLUSTER_NETWORK = "10.33.", "10.33.0.0/16"  # pods, services and load balancers all begin so
BIRD_FILE = "/etc/bird/conf.d/kubepeer.conf"
Routes = dict[str, set[str]]


@dataclass(frozen=True)
class Session:
    """A router's session with one peer.

    Attributes:
        policy: the name of what filters the peer's routes.
        since: when it came to this state, by the clock of these tests (time.monotonic), which nobody sets meanwhile.
        counters: how often it came up and went down, where the router counts that.

    """

    state: str
    accepted: int
    sent: int
    policy: str
    since: float
    counters: tuple[int, int] | None

    @property
    def established(self) -> bool:
        """Whether it is up."""
        return self.state == "Established"


class Router(Protocol):
    """What the tests ask of a router, whatever runs on it.

    Attributes:
        mark: how everything is named that is Kubepeer's.
        change: how deploy.py names a change of its configuration.
        never_down: the counters of a session that came up once and has been up since.
        pending: a command that succeeds while a change is neither confirmed nor taken back.
        said_of_a_closed_session: what the router may know of a session that the peer's administrator has shut down.
        said_of_a_dead_peer: what it may know of one that is silent.

    """

    mark: str
    change: str
    never_down: tuple[int, int] | None
    pending: str
    said_of_a_closed_session: tuple[str, ...]
    said_of_a_dead_peer: tuple[str, ...]

    def routes(self, lab: Laboratory, router: str) -> Routes:
        """Prefix -> next hops that the daemon uses, of the cluster's networks, as learned by BGP and as the best."""

    def paths(self, lab: Laboratory, router: str, prefix: str) -> set[tuple[str, str]]:
        """What BGP has of a prefix: who announced it, and with which next hop."""

    def session(self, lab: Laboratory, router: str, peer: str) -> Session | None:
        """The session with a peer; None where it is no neighbour."""

    def running(self, lab: Laboratory, router: str) -> str:
        """The configuration that the daemon runs with, as far as it tells."""

    def startup(self, lab: Laboratory, router: str) -> str:
        """The configuration that it starts with, to the byte."""

    def foreign(self, configuration: str) -> str:
        """One of these two without what has Kubepeer's name; everything else to the byte."""

    def loosen_by_hand(self, lab: Laboratory, router: str) -> tuple[str, str]:
        """Let single addresses of the load balancers' network in as /31 too: the line that stands now, and the right one."""

    def assert_starts_as_it_runs(self, lab: Laboratory, router: str) -> None:
        """A restart would change nothing."""

    def is_cut_off(self, lab: Laboratory, router: str, peer: str) -> bool:
        """Whether the session with a peer was closed since it announced too much; it stays closed until somebody has looked."""

    def admit_again(self, lab: Laboratory, router: str, peer: str) -> None:
        """What somebody does who has looked."""


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


# BIRD cannot print its configuration; these lines of `show protocols all` and `show symbols` are all that it tells of it.
OF_CONFIGURATION = r"(Description|Neighbor address|Neighbor AS|Local AS|Table|Preference|Input filter|Output filter|Import limit|Action)"
RUNS = rf"""birdc show protocols all | awk '/^[^ ]/ {{print $1, $2, $3}} /^ +{OF_CONFIGURATION}: /'
for kind in table filter function protocol template; do birdc show symbols $kind | tail -n +2 | sort; done
birdc show status | grep '^Router ID'"""
# Every file of BIRD's folder, with its owner and mode above it.
STARTS = "for file in $(find /etc/bird -type f | sort); do stat -c '==> %n %a %U:%G' $file; cat $file; done"
OURS_OF_THE_FILES = re.compile(rf"^==> {re.escape(BIRD_FILE)} .*\n(?:(?!==> ).*\n)*", re.MULTILINE)
OURS_OF_WHAT_RUNS = re.compile(r"^kubepeer_.*\n(?: .*\n)*", re.MULTILINE)


class Bird:
    """BIRD: files in the words of their owners, and texts."""

    mark = "kubepeer"
    change = "BIRD configuration"
    never_down = None  # it does not count; but it knows since when a session is up
    pending = "test -L /var/lib/napalm-bird/lock"
    # the cause is forgotten with the next attempt: then the node's BIRD closes the connection, or listens for nobody any more
    said_of_a_closed_session = (
        "Administrative shutdown, sent by the node",
        "the node closes the connection",
        "nothing listens on the node's BGP port",
    )
    said_of_a_dead_peer = ("Hold timer expired", "no route to host")

    def routes(self, lab: Laboratory, router: str) -> Routes:
        """What the kernel protocol is given of BGP's routes; `*` is the best one, `!` one that the kernel has refused."""
        text = lab.inside(
            router,
            "for kernel in $(birdc show protocols | awk '$2 == \"Kernel\" {print $1}'); do"
            f" birdc show route in {CLUSTER_NETWORK} export $kernel; done",
        )
        found: Routes = {}
        hops: set[str] = set()
        for line in text.splitlines():
            if route := re.match(r"(\d\S+)\s+unicast \[kubepeer_\S+ \S+( from \S+)?\] \* \(100\) \[AS", line):
                hops = found.setdefault(route[1], set())
            elif line.startswith(CLUSTER):
                raise AssertionError(f"{router}: a route that is not the nodes', or that the kernel refused: {line}")
            elif hop := re.match(r"\tvia (\S+) on ", line):
                hops.add(hop[1])
        return found

    def paths(self, lab: Laboratory, router: str, prefix: str) -> set[tuple[str, str]]:
        """What its table has of BGP; a protocol has the name of its neighbour, whose address ends the name."""
        text = lab.inside(router, f"birdc show route {prefix} all")
        found = re.findall(
            r"unicast \[kubepeer_k8s_calico_\w+?_(\d+_\d+_\d+_\d+) .*\n(?:.*\n)*?\tBGP.next_hop: (\S+)", text
        )
        return {(peer.replace("_", "."), hop) for peer, hop in found}

    def session(self, lab: Laboratory, router: str, peer: str) -> Session | None:
        """From the protocol whose neighbour it is."""
        text = lab.inside(router, "birdc show status && birdc show protocols all")
        now = re.search(r"^Current server time is (\S+ \S+)", text, re.MULTILINE)
        block = next((one for one in re.split(r"\n(?=\S)", text) if f"Neighbor address: {peer}\n" in one), None)
        if block is None or now is None:
            return None
        head, told = block.splitlines()[0].split(), datetime.fromisoformat(now[1])
        routes = re.search(r"Routes: +(\d+) imported, (?:\d+ filtered, )?(\d+) exported", block)
        return Session(
            state=_value(block, "BGP state"),
            accepted=int(routes[1]) if routes else 0,
            sent=int(routes[2]) if routes else 0,
            policy=_value(block, "Input filter"),
            since=time.monotonic() - (told - _moment(head[4], told)).total_seconds(),
            counters=None,
        )

    def running(self, lab: Laboratory, router: str) -> str:
        """Its protocols with their neighbours, tables, filters and limits; the names of all else."""
        return lab.inside(router, RUNS)

    def startup(self, lab: Laboratory, router: str) -> str:
        """All files of /etc/bird."""
        return lab.inside(router, STARTS)

    def foreign(self, configuration: str) -> str:
        """Without our file, and without the protocols, filters and templates that it made."""
        return OURS_OF_WHAT_RUNS.sub("", OURS_OF_THE_FILES.sub("", configuration))

    def loosen_by_hand(self, lab: Laboratory, router: str) -> tuple[str, str]:
        """In our file, and BIRD reads it: as its owner would."""
        right, loose = "10.33.192.0/18{32,32}", "10.33.192.0/18{31,32}"
        line = lab.inside(router, f"grep '{right}' {BIRD_FILE}").removesuffix("\n")
        lab.inside(router, f"sed -i 's#{right}#{loose}#' {BIRD_FILE} && birdc configure")
        return line.replace(right, loose), line

    def assert_starts_as_it_runs(self, lab: Laboratory, router: str) -> None:
        """BIRD has read every file after it was last changed, and no candidate's; the files are sound as they stand."""
        script = (
            "read=$(birdc show status | sed -n 's/^Last reconfiguration on //p') && echo \"read $read\""
            ' && find /etc/bird -type f -newerct "$read" && birdc configure check'
        )
        lines = lab.inside(router, script).splitlines()
        assert re.fullmatch(r"read \d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d+", lines[0])
        assert not [line for line in lines if line.startswith("/etc/bird")], lines
        assert lines[-2:] == ["Reading configuration from /etc/bird/bird.conf", "Configuration OK"]

    def is_cut_off(self, lab: Laboratory, router: str, peer: str) -> bool:
        """Its protocol is down for that reason."""
        return "Route limit exceeded" in self._protocol(lab, router, peer)[1]

    def admit_again(self, lab: Laboratory, router: str, peer: str) -> None:
        """Enable its protocol, which has been disabled."""
        name, _ = self._protocol(lab, router, peer)
        lab.inside(router, f"birdc enable {name}")

    def _protocol(self, lab: Laboratory, router: str, peer: str) -> tuple[str, str]:
        """The name of the protocol whose neighbour it is, and all that BIRD says of it."""
        text = lab.inside(router, "birdc show protocols all")
        block = next(one for one in re.split(r"\n(?=\S)", text) if f"Neighbor address: {peer}\n" in one)
        return block.split()[0], block


def _value(block: str, key: str) -> str:
    found = re.search(rf"^ +{key}: +(.*?) *$", block, re.MULTILINE)
    return found[1] if found else ""


def _moment(since: str, now: datetime) -> datetime:
    """BIRD prints the hour of the last twenty hours, and the date alone of what is older."""
    moment = datetime.fromisoformat(since if "-" in since else f"{now.date()} {since}")
    return moment if moment <= now + timedelta(minutes=1) else moment - timedelta(days=1)


DEVICES: Mapping[str, Router] = {"openwrt": Frr(), "tiny-unraid": Bird()}
