"""The kernel's routes on a Linux router: by iproute2, else by busybox's ip, else by /proc/net/route. Pure.

FRR 8.4 installs every route of BGP through a next hop group (nhid). The kernel tells a group's members with the route unless
net.ipv4.nexthop_compat_mode is 0 (Documentation/networking/ip-sysctl.rst): then the groups are asked for.
Where ip has no JSON, the next hops of a route that has several are found by asking for many flows: the kernel spreads them over all
(net.ipv4.fib_multipath_hash_policy; source and destination count in each of its kinds).
"""

import json
import re
import shlex
from collections.abc import Collection, Iterable, Iterator, Mapping
from ipaddress import IPv4Address, IPv4Network
from math import exp
from typing import Any

from kubepeer.errors import CommandError
from tasks.linux.observe import Answer
from tasks.platforms import kernel_text
from tasks.platforms.seen import Hop, KernelRoute

# A lookup that fails prints nothing on standard output. This one, which always succeeds, stands between any two and keeps them apart.
SEPARATOR = "127.0.0.1"
TEXT, PROC, NEXTHOPS, FLOWS = "@@text", "@@proc", "@@nexthops", "@@flows"
PARTS = re.compile(rf"^({TEXT}|{PROC}|{NEXTHOPS}|{FLOWS} \S+ \S+)$", re.MULTILINE)
COMPAT = "/proc/sys/net/ipv4/nexthop_compat_mode"
BARE_TYPE = re.compile(
    rf'{{"({"|".join(kernel_text.TYPES)})",'
)  # iproute2 before 5.0 prints a route's type without a key
# Where k next hops were seen, one more would be overlooked by 12 * (k + 1) flows once in 60,000 times for six, 15,000 for fifteen.
FLOWS_A_HOP, NUMBER_OF_FLOWS = 12, 192
DOUBT = 1e-3  # the likelihood from which on it is said that flows were too few
TABLE_NAMES = "cat /etc/iproute2/rt_tables /usr/share/iproute2/rt_tables 2>/dev/null; true"
MAIN_TABLE = (254, "main")  # RT_TABLE_MAIN of linux/rtnetlink.h, which iproute2 leaves out
WITHOUT_VRFS = "it is not iproute2's ip (busybox's?), which alone knows VRFs: install ip-full or iproute2"

# A protocol's number where /etc/iproute2/rt_protos does not name it (linux/rtnetlink.h; 191 to 198 are FRR's, zebra/rt_netlink.h)
PROTOCOLS = {
    "2": "kernel", "3": "boot", "4": "static", "11": "zebra", "12": "bird", "16": "dhcp", "42": "babel", "186": "bgp", "187": "isis",
    "188": "ospf", "189": "rip", "192": "eigrp", "195": "pbr", "196": "static",
}  # fmt: skip

Item = dict[str, Any]


def routes_question(network: IPv4Network, vrf: str | None = None) -> str:
    """The command that lists what the main table, or that of a VRF, has in a network."""
    if vrf is None:
        listed = _listed("ip", f"root {network}", fallback="true")
        return f"if command -v ip >/dev/null; then {listed}; else echo '{PROC}'; cat /proc/net/route; fi"
    name = shlex.quote(vrf)
    is_iproute2 = f"{{ ip -V 2>/dev/null | grep -q iproute2 || {{ echo {shlex.quote(WITHOUT_VRFS)}; false; }}; }}"
    return _of_vrf(
        vrf,
        _listed("ip", f"vrf {name} root {network}", fallback=is_iproute2),
        _listed(f"ip -n {name}", f"root {network}", fallback=is_iproute2, within=f"ip netns exec {name} "),
    )


def all_tables_question(network: IPv4Network) -> str:
    """The command that lists what all tables have in a network, for one whose number is told by an answer of the same round trip."""
    return f"ip -j route show table all root {network} && {{ {_groups('ip')}; }}"


def names_of_table(number: int, listed: str) -> frozenset[str]:
    """What iproute2 may print for a table: its number, or what the files of TABLE_NAMES call it, in lines `NUMBER NAME`."""
    lines = (line.partition("#")[0].split() for line in listed.splitlines())
    named = {words[1] for words in lines if len(words) > 1 and words[0] == str(number)}
    return frozenset({str(number), *named} | ({MAIN_TABLE[1]} if number == MAIN_TABLE[0] else set()))


def lookups_question(probes: Iterable[IPv4Address], vrf: str | None = None) -> str:
    """The command that asks the kernel which entry it would take to each address: all in one process, rules and other tables included."""
    probes = list(probes)
    if vrf is None:
        json_known = f"ip -j route get {SEPARATOR} >/dev/null 2>&1"
        batch, flows = _batch("ip", probes), _flows(probes)
        return f"if {json_known}; then {batch}; elif command -v ip >/dev/null; then {flows}; fi; true"
    name = shlex.quote(vrf)
    device = _batch("ip", probes, where=f" vrf {name}")
    namespace = _batch(f"ip -n {name}", probes, within=f"ip netns exec {name} ")
    return f"{{ {_of_vrf(vrf, device, namespace)}; }} 2>/dev/null; true"


def read_routes(
    answers: Iterable[Answer], table: Collection[str] | None = None
) -> dict[IPv4Network, tuple[KernelRoute, ...]]:
    """The routes of each prefix.

    Args:
        answers: to routes_question, or to all_tables_question.
        table: the names of the one table that is meant, where all were asked for.

    Raises:
        CommandError: an answer cannot be read; with the command and what it said.

    """
    routes: dict[IPv4Network, tuple[KernelRoute, ...]] = {}
    for answer in answers:
        for route in _routes(answer, table):
            routes[route.prefix] = (*routes.get(route.prefix, ()), route)
    return routes


def notice_of(answers: Iterable[Answer]) -> str:
    """What is to be known of how the kernel's routes were read; "" where iproute2 has told all."""
    parts = {name for answer in answers for name, _ in _parts(answer.text)}
    if PROC in parts:
        return f"there is no ip on this router: {kernel_text.OF_PROC}"
    return ""


def read_lookups(answer: Answer, probes: Mapping[IPv4Network, IPv4Address]) -> dict[IPv4Network, KernelRoute | None]:
    """The entry that the kernel takes for each prefix; empty where this ip or kernel does not know fibmatch.

    Raises:
        CommandError: it cannot be read.

    """
    parts = _parts(answer.text)
    text = "".join(text for name, text in parts if not name)
    found: list[Item | None] = []
    pending: Item | None = None
    for line in text.splitlines():
        for item in _json(line, "ip -j -batch") if line.startswith("[") else []:
            if item.get("dst") == SEPARATOR:
                found.append(pending)
                pending = None
            else:
                pending = item
    if len(found) != len(probes):
        return dict(_spread(parts, probes))
    try:
        groups = _nexthops(parts)
        return {prefix: _route(item, groups) if item else None for prefix, item in zip(probes, found, strict=True)}
    except (ValueError, KeyError, TypeError) as error:
        raise _unreadable("ip -j route get fibmatch", [str(error)]) from error


def _listed(ip: str, asked: str, fallback: str, within: str = "") -> str:
    return (
        f"{{ {ip} -j route show {asked} && {{ {_groups(ip, within)}; }}; }}"
        f" || {{ echo; echo '{TEXT}'; {fallback} && {ip} route show {asked}; }}"
    )


def _groups(ip: str, within: str = "") -> str:
    return f"[ \"$({within}cat {COMPAT} 2>/dev/null)\" != 0 ] || {{ echo; echo '{NEXTHOPS}'; {ip} -j nexthop show; }}"


def _of_vrf(vrf: str, device: str, namespace: str) -> str:
    """A VRF is a device of Linux, or a network namespace (zebra --vrfwnetns)."""
    name = shlex.quote(vrf)
    absent = shlex.quote(f"there is no VRF {vrf}: neither a device nor a network namespace of that name")
    return (
        f"if [ -e /sys/class/net/{name} ]; then {device};"
        f" elif [ -e /var/run/netns/{name} ]; then {namespace}; else echo {absent}; false; fi"
    )


def _batch(ip: str, probes: Iterable[IPv4Address], where: str = "", within: str = "") -> str:
    batch = "".join(f"route get fibmatch {one}{where}\nroute get fibmatch {SEPARATOR}\n" for one in probes)
    return f"printf %s {shlex.quote(batch)} | {ip} -j -force -batch - 2>/dev/null; {_groups(ip, within)}"


# The network of the most addresses that the router itself is in: "INTERFACE ADDRESS". Neighbours there are who the flows are from.
WIDEST = """awk '$3 == "inet" && $2 != "lo" && $5 != "peer" {
    split($4, part, "/"); if (!least || part[2] < least) { least = part[2]; found = $2 " " part[1] } } END { print found }'"""
# The routes that are shown without a next hop: their prefixes.
BARE = """awk '$1 ~ /^[0-9d]/ && $0 !~ / (dev|via) / { print $1 }'"""
# Of the addresses that come in those that are in one of the prefixes of $bare: "ADDRESS PREFIX". Of several the longest holds.
# busybox's awk may be without powers (FEATURE_AWK_LIBM).
WITHIN = """awk 'function number(text, part) { split(text, part, "."); return ((part[1] * 256 + part[2]) * 256 + part[3]) * 256 + part[4] }
    BEGIN { count = split(ENVIRON["bare"], bare, /[ \\n]+/) }
    { found = ""; longest = -1
      for (n = 1; n <= count; n++) {
        split(bare[n], part, "/"); long = bare[n] == "default" ? 0 : part[2] == "" ? 32 : part[2] + 0
        size = 1; for (bit = long; bit < 32; bit++) size *= 2
        inside = !long || int(number($1) / size) == int(number(part[1]) / size)
        if (bare[n] != "" && inside && long > longest) { longest = long; found = bare[n] }
      }
      if (found != "") print $1, found }'"""
# Whether the route of the longest prefix that holds an address is that one: "yes".
LONGEST = """awk -v prefix="$prefix" '$1 != "nexthop" { split($1, part, "/"); long = $1 == "default" ? 0 : part[2] == "" ? 32 : part[2] + 0
    if (!seen++ || long > longest) { longest = long; is = $1 } } END { if (is == prefix) print "yes" }'"""


def _flows(probes: Iterable[IPv4Address]) -> str:
    """Ask for flows to those addresses alone whose route is shown without a next hop: from neighbours on a link, as if they came in."""
    listed = " ".join(map(str, probes))
    return f"""bare=$(ip route show | {BARE}); export bare
from=$(ip -o -4 addr show | {WIDEST}); base=${{from#* }}; base=${{base%.*}}
[ -z "$bare" ] || printf '%s\\n' {listed} | {WITHIN} | while read -r address prefix; do
  [ "$(ip route show match $address | {LONGEST})" ] || continue
  echo "{FLOWS} $address $prefix"; number=0; hops=0; seen=
  while [ $number -lt {NUMBER_OF_FLOWS} ] && [ $number -lt $(({FLOWS_A_HOP} * (hops + 1))) ]; do
    number=$((number + 1)); said=$(ip route get $address from $base.$number iif ${{from% *}} 2>/dev/null); echo "$said"
    hop=${{said#* via }}; hop=${{hop%% *}}
    case "$seen " in *" $hop "*) ;; *) seen="$seen $hop"; hops=$((hops + 1)) ;; esac
  done
done"""


def _parts(text: str) -> list[tuple[str, str]]:
    """An answer's parts by their marks; the first one has none."""
    first, *others = PARTS.split(text)
    return [("", first), *zip(others[::2], others[1::2], strict=True)]


def _routes(answer: Answer, table: Collection[str] | None) -> Iterator[KernelRoute]:
    parts = _parts(answer.text)
    texts = dict(parts)
    command = "cat /proc/net/route" if PROC in texts else "ip route show" if TEXT in texts else "ip -j route show"
    if answer.code:
        raise _unreadable(command, answer.lines)
    try:
        if PROC in texts:
            yield from kernel_text.routes_of_proc(texts[PROC].strip())
        elif TEXT in texts:
            yield from kernel_text.routes_of(_without_warnings(texts[TEXT]))
        else:
            groups = _nexthops(parts)
            items = _json(parts[0][1], command)
            meant = [item for item in items if table is None or item.get("table", MAIN_TABLE[1]) in table]
            yield from (_route(item, groups) for item in meant)
    except (ValueError, KeyError, TypeError) as error:
        raise _unreadable(command, [str(error)]) from error


def _json(text: str, command: str) -> list[Item]:
    """The list that a command printed; it may have said something else first, on standard error."""
    start = re.search(r"^\[", text, re.MULTILINE)
    if not start:
        if _without_warnings(text).strip():
            raise _unreadable(command, text.splitlines())
        return []
    try:
        items, _ = json.JSONDecoder().raw_decode(BARE_TYPE.sub(r'{"type":"\1",', text[start.start() :]))
    except ValueError as error:
        raise _unreadable(command, [f"no whole JSON: {error}"]) from error
    return [item for item in items if item]


def _without_warnings(text: str) -> str:
    """Without what iproute2 says of its own files (lib/rt_names.c) and the kernel of what it leaves out."""
    return "".join(
        line for line in text.splitlines(keepends=True) if not re.match(r"Database \S+ |Cannot open|WARN", line)
    )


def _unreadable(command: str, lines: Iterable[str]) -> CommandError:
    last = (line.strip() for line in reversed(list(lines)) if line.strip() and not PARTS.match(line))
    said = next((line for line in last if line != "Dump terminated"), "nothing")
    return CommandError(f"the kernel's routes cannot be read: `{command}` said: {said}")


def _nexthops(parts: Iterable[tuple[str, str]]) -> Mapping[int, tuple[Item, ...]]:
    """The members of each next hop group, and each single next hop as its own."""
    items = [item for name, text in parts if name == NEXTHOPS for item in _json(text, "ip -j nexthop show")]
    single = {item["id"]: item for item in items if "group" not in item}
    groups = {
        item["id"]: tuple(single[one["id"]] for one in item["group"] if one["id"] in single)
        for item in items
        if "group" in item
    }
    return groups | {number: (item,) for number, item in single.items()}


def _spread(
    parts: Iterable[tuple[str, str]], probes: Mapping[IPv4Network, IPv4Address]
) -> Iterator[tuple[IPv4Network, KernelRoute]]:
    """The next hops that many flows to one address have taken."""
    asked = {str(address): prefix for prefix, address in probes.items()}
    for name, text in parts:
        hops = kernel_text.gateways_of(text) if name.startswith(FLOWS) else []
        if not hops:
            continue
        _, address, prefix = name.split(" ")
        few = len(set(hops)) * exp(-len(hops) / len(set(hops))) > DOUBT
        taken = IPv4Network("0.0.0.0/0" if prefix == "default" else prefix)
        yield asked[address], KernelRoute(taken, "", 0, frozenset(hops), kernel_text.OF_BUSYBOX if few else "")


def _route(item: Mapping[str, Any], groups: Mapping[int, tuple[Item, ...]]) -> KernelRoute:
    """One entry as `ip -j` prints it: one next hop in the entry itself, several in a list or a group, none for a blackhole."""
    destination = "0.0.0.0/0" if item["dst"] == "default" else item["dst"]
    members: Iterable[Mapping[str, Any]] = item.get("nexthops") or [item]
    if "nhid" in item and not (item.keys() & {"gateway", "via", "dev", "nexthops"}) and item.get("type") is None:
        if item["nhid"] not in groups:
            raise ValueError(
                f"no next hop of nhid {item['nhid']} ({destination}); `ip -j nexthop show` does not have it"
            )
        members = groups[item["nhid"]]
    hops = frozenset(map(_hop, members))
    protocol = str(item.get("protocol", "boot"))
    return KernelRoute(IPv4Network(destination), PROTOCOLS.get(protocol, protocol), int(item.get("metric", 0)), hops)


def _hop(item: Mapping[str, Any]) -> Hop:
    via = item.get("gateway") or (item.get("via") or {}).get("host")
    if via:
        return str(via)
    if "blackhole" in item:
        return "blackhole"
    return f"dev {item['dev']}" if item.get("dev") else str(item.get("type", "nowhere"))
