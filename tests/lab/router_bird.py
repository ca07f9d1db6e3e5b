"""The lab's BIRD, asked through birdc and its files."""

import re
import time
from datetime import datetime, timedelta

from tests.lab.laboratory import Laboratory
from tests.lab.router import CLUSTER, CLUSTER_NETWORK, Routes, Session

BIRD_FILE = "/etc/bird/conf.d/kubepeer.conf"
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

    def communities(self, lab: Laboratory, router: str, prefix: str) -> list[set[str]]:
        """Of both kinds: (64517,120) and (64517, 300, 100)."""
        text = lab.inside(router, f"birdc show route {prefix} all")
        paths = re.split(r"^.*unicast \[kubepeer_.*$", text, flags=re.MULTILINE)[1:]
        written = (re.findall(r"^\tBGP\.(?:large_)?community: (.*)$", path, re.MULTILINE) for path in paths)
        return [
            {re.sub(r",\s*", ":", one) for line in lines for one in re.findall(r"\(([^)]*)\)", line)}
            for lines in written
        ]

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
