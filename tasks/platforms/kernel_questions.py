"""How a Linux router is asked for the kernel's routes: by iproute2, else by busybox's ip, else by /proc/net/route. Pure.

FRR 8.4 installs every route of BGP through a next hop group (nhid). The kernel tells a group's members with the route unless
net.ipv4.nexthop_compat_mode is 0 (Documentation/networking/ip-sysctl.rst): then the groups are asked for.
Where ip has no JSON, the next hops of a route that has several are found by asking for many flows (kernel_flows.py).
"""

import shlex
from collections.abc import Iterable, Mapping

from kubepeer.intent.families import IPV4, IPV6, Address, Network, Version
from tasks.platforms.kernel_flows import flows_question

# A lookup that fails prints nothing on standard output. This one, which always succeeds, stands between any two and keeps them apart.
SEPARATOR = "127.0.0.1"
TEXT, PROC, NEXTHOPS = "@@text", "@@proc", "@@nexthops"
COMPAT = "/proc/sys/net/ipv4/nexthop_compat_mode"
HASH_POLICY = "/proc/sys/net/ipv{}/fib_multipath_hash_policy"
HASH_POLICIES: Mapping[Version, str] = {IPV4: "hash policy", IPV6: "hash policy6"}  # the questions' names
LOOKUPS = "lookups"  # the question's name: of all questions the one that may take long, where flows are asked for
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
        batch, flows = _batch("ip", probes), flows_question(probes)
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
