"""How a Linux router is asked for the kernel's routes: by iproute2, else by busybox's ip, else by /proc/net/route. Pure.

FRR 8.4 installs every route of BGP through a next hop group (nhid). The kernel tells a group's members with the route unless
net.ipv4.nexthop_compat_mode is 0 (Documentation/networking/ip-sysctl.rst): then the groups are asked for.
Where ip has no JSON, the next hops of a route that has several are found by asking for many flows: the kernel spreads them over all
(net.ipv4.fib_multipath_hash_policy; source and destination count in each of its kinds).
"""

import shlex
from collections.abc import Iterable, Mapping

from kubepeer.intent.families import IPV4, IPV6, Address, Network, Version

# A lookup that fails prints nothing on standard output. This one, which always succeeds, stands between any two and keeps them apart.
SEPARATOR = "127.0.0.1"
TEXT, PROC, NEXTHOPS, FLOWS = "@@text", "@@proc", "@@nexthops", "@@flows"
COMPAT = "/proc/sys/net/ipv4/nexthop_compat_mode"
HASH_POLICY = "/proc/sys/net/ipv{}/fib_multipath_hash_policy"
# Where k next hops were seen, one more would be overlooked by 12 * (k + 1) flows once in 60,000 times for six, 15,000 for fifteen.
FLOWS_A_HOP, NUMBER_OF_FLOWS = 12, 192
HASH_POLICIES: Mapping[Version, str] = {IPV4: "hash policy", IPV6: "hash policy6"}  # the questions' names
TABLE_NAMES = "cat /etc/iproute2/rt_tables /usr/share/iproute2/rt_tables 2>/dev/null; true"
WITHOUT_IP = "there is no ip on this router, which alone tells routes of IPv6: install ip-full or iproute2"
WITHOUT_VRFS = "it is not iproute2's ip (busybox's?), which alone knows VRFs: install ip-full or iproute2"


def routes_question(network: Network, vrf: str | None = None) -> str:
    """The command that lists what the main table, or that of a VRF, has in a network."""
    ip = _ip(network)
    if vrf is None and network.version == IPV6:
        return f"command -v ip >/dev/null || {{ echo '{WITHOUT_IP}'; false; }} && {_listed(ip, f'root {network}', fallback='true')}"
    if vrf is None:
        listed = _listed(ip, f"root {network}", fallback="true")
        return f"if command -v ip >/dev/null; then {listed}; else echo '{PROC}'; cat /proc/net/route; fi"
    name = shlex.quote(vrf)
    is_iproute2 = f"{{ ip -V 2>/dev/null | grep -q iproute2 || {{ echo {shlex.quote(WITHOUT_VRFS)}; false; }}; }}"
    return _of_vrf(
        vrf,
        _listed(ip, f"vrf {name} root {network}", fallback=is_iproute2),
        _listed(f"{ip} -n {name}", f"root {network}", fallback=is_iproute2, within=f"ip netns exec {name} "),
    )


def _ip(network: Network) -> str:
    """The command: it lists IPv4 unless it is told otherwise (ip(8))."""
    return "ip -6" if network.version == IPV6 else "ip"


def all_tables_question(network: Network) -> str:
    """The command that lists what all tables have in a network, for one whose number is told by an answer of the same round trip."""
    return f"{_ip(network)} -j route show table all root {network} && {{ {_groups('ip')}; }}"


def lookups_question(probes: Iterable[Address], vrf: str | None = None) -> str:
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


def hash_policy_question(vrf: str | None = None, version: Version = IPV4) -> str:
    """The command that says how flows are spread over equal paths; nothing of a network namespace, where it is the owner's."""
    elsewhere = f"[ -e /var/run/netns/{shlex.quote(vrf)} ] || " if vrf else ""
    return f"{elsewhere}cat {HASH_POLICY.format(version)} 2>/dev/null; true"


def hash_policy_questions(networks: Iterable[Network], vrf: str | None = None) -> dict[str, str]:
    """The same by name, also of IPv6 where a network is of it."""
    versions = (IPV4, IPV6) if any(network.version == IPV6 for network in networks) else (IPV4,)
    return {HASH_POLICIES[version]: hash_policy_question(vrf, version) for version in versions}


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


def _batch(ip: str, probes: Iterable[Address], where: str = "", within: str = "") -> str:
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


def _flows(probes: Iterable[Address]) -> str:
    """Ask for flows to those addresses alone whose route is shown without a next hop: from neighbours on a link, as if they came in."""
    listed = " ".join(str(probe) for probe in probes if probe.version == IPV4)
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
