"""What is slow to find out about a node, asked once before it becomes a member: its disk, the link, the way to the others, images. Pure.

All of it is one script whose parts run at the same time; each line of its answer begins with the word of its part, and is written at
once: a pipe takes up to 4,096 bytes as a whole (PIPE_BUF, pipe(7)), and what is longer could be mixed with the line of another part. What
a machine has no program for is said, and is no reason to refuse it.
"""

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass, field

from kubepeer.intent import Intent, Node
from kubepeer.intent.families import IPV4
from tasks.linux.observe import Answer
from tasks.nodes.probed_images import MANIFESTS, asked_of, wanted

SECONDS = 60  # for all of them; each has a limit of its own
WRITES, WRITE_BYTES, WRITE_SECONDS = (
    200,
    2300,
    5,
)  # etcd's documentation, Hardware: fio with --fdatasync=1 and --bs=2300
NEIGHBOURS = 3  # of the inventory's ring: each link of many nodes is walked by somebody, and nobody asks them all
LISTEN_SECONDS = 4  # RFC 5798: an advertisement a second, and a second more by default until it is missed three times
HEADERS = {4: 28, 6: 48}  # bytes of IP and ICMP, by the family

# dd measures each write itself, in the file system that etcd's data will be in. The file has no name any more when the first is
# written: whatever ends the script, nothing is left, and kubeadm finds the folder empty.
DISK = r"""d=/var/lib/etcd; while [ ! -d "$d" ]; do d=${d%/*}; d=${d:-/}; done
f=$(mktemp "$d/.kubepeer.XXXXXX") && exec 8<>"$f" && rm -f "$f" || { echo "cannot how fast etcd's disk is: it takes no file"; exit; }
dd if=/dev/zero of=/proc/self/fd/8 bs={bytes} count={writes} conv=fsync 2>/dev/null
said=$(timeout {seconds} sh -c 'n=0; while [ $n -lt {writes} ]; do
    dd if=/dev/zero of=/proc/self/fd/8 bs={bytes} count=1 seek=$n conv=notrunc,fdatasync; n=$((n + 1)); done' 2>&1 |
    sed -n 's/.* copied, \([0-9.e-]*\) s.*/\1/p')
set -- $said; echo "disk $* measured" """
ROOM = """for d in /var/lib/kubelet /var/lib/containerd; do p=$d
    while [ ! -d "$p" ]; do p=${p%/*}; p=${p:-/}; done
    df -P "$p" | awk -v d="$d" 'NR == 2 { print "room", d, $2, $4 }'
done"""
# The interface by ip(8): in a network namespace that somebody entered, /sys is that of another
PATHS = r"""ping -n -q -c 1 -W 1 -M do 127.0.0.1 >/dev/null 2>&1 || { echo "cannot the ways' MTU: no ping that forbids fragments"; exit; }
m=$(ip -o link show dev {interface} 2>/dev/null | sed -n 's/.* mtu \([0-9]*\) .*/\1/p'); [ -n "$m" ] || exit
for a in {addresses}; do (
    ping -n -q -c 2 -i 0.3 -W 1 $a >/dev/null 2>&1 || { echo "path $a $m silent"; exit; }
    said=$(ping -n -c 3 -i 0.3 -W 1 -M do -s $((m - {headers})) $a 2>&1) && { echo "path $a $m whole"; exit; }
    told=$(printf '%s\n' "$said" | sed -n 's/.*mtu *= *\([0-9]*\).*/\1/p' | head -n 1)
    echo "path $a $m ${told:-lost}"
) & done; wait"""
# A datagram makes the kernel ask by ARP; the address is looked at when the answer must be there
ADDRESS = r"""command -v bash >/dev/null || { echo "cannot whether the API's address is free: no bash"; exit; }
ip neigh flush to {address} dev {interface} 2>/dev/null
for n in 1 2 3; do bash -c 'echo >/dev/udp/{address}/9' 2>/dev/null; sleep 0.5; done
ip -{family} neigh show {address} dev {interface} | sed -n 's/.*lladdr \([^ ]*\) REACHABLE.*/neighbour \1/p'"""
PERL = """$| = 1; my ($own, $seconds) = @ARGV; socket(my $s, AF_INET, SOCK_RAW, 112) or exit 3;
setsockopt($s, IPPROTO_IP, IP_ADD_MEMBERSHIP, pack_ip_mreq(inet_aton("224.0.0.18"), inet_aton($own))) or exit 4;
$SIG{ALRM} = sub { exit 0 }; alarm $seconds; my %seen;
while (defined recv($s, my $p, 1500, 0)) { my $h = (ord($p) & 15) * 4; next if length($p) < $h + 12;
    my $line = sprintf("vrrp %s %d %s\\n", inet_ntoa(substr($p, 12, 4)), ord(substr($p, $h + 1, 1)), inet_ntoa(substr($p, $h + 8, 4)));
    print $line unless $seen{$line}++ }"""
PYTHON = """import socket, sys
from time import monotonic as now
own, ends, seen = sys.argv[1], now() + float(sys.argv[2]), set()
s = socket.socket(socket.AF_INET, socket.SOCK_RAW, 112)
s.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, socket.inet_aton("224.0.0.18") + socket.inet_aton(own))
while now() < ends:
    s.settimeout(max(0.01, ends - now()))
    try: p = bytearray(s.recv(1500))
    except socket.timeout: break
    h = (p[0] & 15) * 4
    if len(p) < h + 12: continue
    line = "vrrp %s %d %s" % (socket.inet_ntoa(bytes(p[12:16])), p[h + 1], socket.inet_ntoa(bytes(p[h + 8:h + 12])))
    if line not in seen: seen.add(line); print(line); sys.stdout.flush()"""
# Debian's perl-base is essential, and dnf is written in Python: what is supported has the one or the other
LISTEN = r"""if perl -MSocket=IP_ADD_MEMBERSHIP,pack_ip_mreq -e 1 2>/dev/null; then perl -MSocket=:all -e {perl} {own} {seconds}
else
    for p in python3 /usr/libexec/platform-python; do ! command -v $p >/dev/null || break; done
    $p -c {python} {own} {seconds}
fi 2>/dev/null || echo "cannot whether the virtual router id is free: no perl or python that listens" """
NAMES = r"""for n in {names}; do getent ahosts "$n" >/dev/null || echo "name $n"; done"""


@dataclass(frozen=True)
class Probed:
    """What the probes have found.

    Attributes:
        writes: seconds of each write; None where the disk was not measured.
        room: folder -> the share of its file system that is free.
        paths: address -> the interface's MTU, and "whole", "silent", "lost" or the smaller MTU that was told on the way.
        holder: the hardware address that answers for the API's address, "" for none.
        routers: source, virtual router id and first address of each VRRP router that was heard.
        images: image -> what each place said: the code of HTTP, or curl's own words.
        names: those that do not resolve.
        unable: what could not be looked at, and why.

    """

    writes: tuple[float, ...] | None = None
    room: dict[str, float] = field(default_factory=dict)
    paths: dict[str, tuple[int, str]] = field(default_factory=dict)
    holder: str = ""
    routers: frozenset[tuple[str, int, str]] = frozenset()
    images: dict[str, tuple[str, ...]] = field(default_factory=dict)
    names: tuple[str, ...] = ()
    unable: tuple[str, ...] = ()


def question(intent: Intent, node: Node) -> str:
    """One script: its parts at the same time, each in a shell of its own."""
    endpoint = intent.cluster.endpoint
    parts = [
        ROOM,
        filled(
            PATHS,
            interface=node.interface,
            addresses=" ".join(_targets(intent, node)),
            headers=HEADERS[node.address.version],
        ),
        filled(NAMES, names=" ".join(map(shlex.quote, _names(intent)))),
        filled(MANIFESTS, images="\n".join(asked_of(intent, wanted(intent, node)))),
    ]
    if node.role == "control_plane":
        parts.append(filled(DISK, bytes=WRITE_BYTES, writes=WRITES, seconds=WRITE_SECONDS))
    if node.role == "control_plane" and endpoint.provider != "external":
        parts.append(
            filled(ADDRESS, address=endpoint.address, interface=node.interface, family=endpoint.address.version)
        )
    if node.role == "control_plane" and endpoint.provider == "keepalived" and endpoint.address.version == IPV4:
        programs = {"perl": shlex.quote(PERL), "python": shlex.quote(PYTHON)}
        parts.append(filled(LISTEN, own=node.address, seconds=LISTEN_SECONDS, **programs))
    return "\n".join(f"(\n{part}\n) &" for part in parts) + "\nwait"


def filled(script: str, **values: object) -> str:
    """A script with its values: {NAME} where one stands, and every other brace is the shell's."""
    return re.sub(r"\{(\w+)\}", lambda found: str(values[found[1]]) if found[1] in values else found[0], script)


def _targets(intent: Intent, node: Node) -> Iterator[str]:
    """The node's routers, and the nodes that follow it in the inventory."""
    yield from (str(router.address) for router in intent.routers if router.name in node.routers)
    yield from (str(other.address) for other in intent.following(node.name, NEIGHBOURS))


def _names(intent: Intent) -> list[str]:
    return [name for name in intent.time_servers if re.search(r"[a-zA-Z]", name) and ":" not in name]


def read(answer: Answer) -> Probed:
    """Read the lines of the answer to question(); what is cut off or unknown says nothing."""
    words = [line.split() for line in answer.lines]
    said: dict[str, list[list[str]]] = {}
    for first, *rest in words:
        said.setdefault(first, []).append(rest)
    disk = said.get("disk", [])
    images: dict[str, tuple[str, ...]] = {}
    for image, *place in said.get("image", []):
        images[image] = (*images.get(image, ()), " ".join(place))
    return Probed(
        writes=next((tuple(map(float, one[:-1])) for one in disk if one[-1:] == ["measured"]), None),
        room={one[0]: int(one[2]) / int(one[1]) for one in said.get("room", []) if int(one[1])},
        paths={one[0]: (int(one[1]), one[2]) for one in said.get("path", [])},
        holder=next((one[0] for one in said.get("neighbour", []) if one[0] != "asked"), ""),
        routers=frozenset((one[0], int(one[1]), one[2]) for one in said.get("vrrp", []) if one[0] != "heard"),
        images=images,
        names=tuple(one[0] for one in said.get("name", [])),
        unable=tuple(" ".join(rest) for rest in said.get("cannot", [])),
    )
