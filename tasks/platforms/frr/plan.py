"""What FRR is told, planned from intent and its running configuration. Pure."""

import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from ipaddress import ip_address

from napalm_frr.as_numbers import as_number, written

from kubepeer.intent import Intent, Router
from kubepeer.intent.families import IPV4, IPV6, Version
from tasks.platforms.frr import raised as raised_before
from tasks.platforms.frr.groups import Process, claims, is_range_of, members, or_the_whole_group, process_in
from tasks.platforms.lines import Line, lines_of, number
from tasks.platforms.ownership import OWNER, raised, refuse_foreign_as, refuse_other_claims, several_as
from tasks.platforms.sides import GROUPS

OWNED_GLOBALS = (
    f"bgp as-path access-list {OWNER} ",
    f"ip prefix-list {GROUPS[IPV4]}-",
    f"ipv6 prefix-list {GROUPS[IPV6]}-",
    *(f"route-map {group}-" for group in GROUPS.values()),
)
LISTEN_LIMIT = 100  # FRR's own: it is then not shown


class Frr:
    """FRR: fragments that are merged, `no` lines first."""

    name = "FRR"
    template = "routers/frr/bgp.conf.j2"
    on_linux = True
    takes_message = True
    driven = True
    reverts = True
    whole = False
    hides_passwords = False
    unusable = ""

    def values(self, intent: Intent, router: Router, running: str) -> Mapping[str, object]:
        """What the template needs beyond intent: what is process-wide, where it is not there yet."""
        peers = len(intent.peers_of(router))
        process = process_in(running, router)
        dynamic = router.peering.neighbours == "dynamic"
        relaxed = any(line.text == raised_before.RELAX for line in lines_of(running) if process.holds(line.context))
        numbers = intent.as_numbers_of_peers(router)
        elsewhere = router.peering.multihop or router.address_key != "hostname"
        return {
            "process": process.line,
            "as_text": {number: _as_it_stands(number, running, process) for number in numbers},
            "as_path": {number: written(number, process.notation).replace(".", r"\.") for number in numbers},
            "ip": {IPV4: "ip", IPV6: "ipv6"},  # its words for a family in filters
            "sources": {  # of several addresses of IPv6 on a link a router may take another
                address.version: address for address in router.addresses if elsewhere or address.version == IPV6
            },
            "maximum_paths": {version: _maximum_paths(peers, running, process, version) for version in GROUPS},
            "listen_limit": _listen_limit(router.peering.listen_limit, running, process) if dynamic else None,
            "multipath_relax": several_as(intent, router) and not relaxed,
        }

    def candidate(self, intent: Intent, router: Router, rendered: str, running: str) -> str:
        """The fragment to merge: what is ours and not wanted any more goes, then what is wanted comes.

        Args:
            intent: the router's peers among its nodes are the neighbours.
            router: which.
            rendered: the template's text.
            running: `show running-config`.

        Raises:
            RefusedError: the router speaks BGP in another AS than the inventory says, or is another inventory's.

        """
        process = process_in(running, router)
        if process.as_number is not None:
            refuse_foreign_as(router, process.as_number)
        refuse_other_claims(intent, router, claims(running))
        wanted = set(lines_of(rendered))
        neighbours = intent.addresses_of_peers(router)
        stale = [line for line in lines_of(running) if _is_ours(line, neighbours, process) and line not in wanted]
        for group in GROUPS.values():
            stale = or_the_whole_group(stale, group, members(running, process, group))
        listed = neighbours if router.peering.neighbours == "static" else frozenset()
        return "\n".join([*_removals(stale, listed), rendered])

    def owned(self, intent: Intent, router: Router, configuration: str) -> str:
        """Our part of a configuration, each line with its context."""
        process = process_in(configuration, router)
        in_groups = (members(configuration, process, group) for group in GROUPS.values())
        neighbours = intent.addresses_of_peers(router).union(*in_groups)
        ours = (line for line in lines_of(configuration) if _is_ours(line, neighbours, process))
        return "\n".join(_in_context(line, line.text) for line in ours)

    def lowered(self, intent: Intent, router: Router, running: str, before: str) -> str:
        """What was raised for the whole process, as it stood before the first change."""
        return raised_before.lowered(intent, router, running, before)

    def may_go_down(self, intent: Intent, router: Router, running: str, diff: str) -> set[str]:
        """Peers of ours whose session this change ends on purpose.

        These are nodes that are no neighbours any more, those (or all) whose other end must change as well, and those that somebody
        has made neighbours before us, in a group of his own or in none.

        Args:
            intent: its nodes stay.
            router: which.
            running: the configuration before.
            diff: the change.

        """
        process = process_in(running, router)
        neighbours = intent.addresses_of_peers(router)
        by_group = {group: members(running, process, group) for group in GROUPS.values()}
        for version, group in GROUPS.items():
            if any(is_range_of(line.text, group) for line in lines_of(running) if process.holds(line.context)):
                by_group[group] |= {one for one in neighbours if ip_address(one).version == version}
        ours = set().union(*by_group.values())
        both_ends = set(
            re.findall(r"^[-+]\s*neighbor (\S+) (?:password|remote-as|ttl-security|update-source) ", diff, re.MULTILINE)
        )
        # from one group into another: FRR makes the neighbour anew, whoever's group it was in
        both_ends |= set(re.findall(r"^-\s*neighbor (\S+) peer-group \S+$", diff, re.MULTILINE))
        whole = (sessions for group, sessions in by_group.items() if group in both_ends)
        return ((ours - neighbours) | ((ours | neighbours) & both_ends)).union(*whole)


def _as_it_stands(number: int, running: str, process: Process) -> str:
    """An AS number as one of our neighbours has it already: FRR prints it as it was written (bgpd/bgp_vty.c, as_pretty)."""
    for line in lines_of(running):
        words = line.text.split()
        if process.holds(line.context) and words[2:3] == ["remote-as"] and as_number(words[3]) == number:
            return words[3]
    return written(number, process.notation)


def _is_ours(line: Line, neighbours: Collection[str], process: Process) -> bool:
    if line.context[:1] == (process.line,):
        words = line.text.split()
        if line.text.startswith("bgp listen range "):
            return any(is_range_of(line.text, group) for group in GROUPS.values())
        if words[0] != "neighbor":
            return False
        in_group = words[2:3] == ["peer-group"] and words[3:4] != [] and words[3] in GROUPS.values()
        return words[1] in GROUPS.values() or words[1] in neighbours or in_group
    top = line.context[0] if line.context else line.text
    return top.startswith(OWNED_GLOBALS)


def _removals(stale: Iterable[Line], neighbours: Collection[str]) -> Iterator[str]:
    """`no` lines; what stands under a line that goes as a whole needs none of its own, and no neighbour goes twice."""
    gone: set[str] = set()
    for line in stale:
        if line.context and line.context[0] in gone:
            continue
        words = line.text.split()
        text = line.text
        if words[0] == "neighbor" and words[1] not in (*neighbours, *GROUPS.values()):
            text = f"neighbor {words[1]}"
            if text in gone:
                continue
            gone.add(text)
        elif words[0] == "route-map":
            gone.add(line.text)
        elif words[0] in ("ip", "ipv6") and words[1] == "prefix-list":
            text = " ".join(words[:5])  # ip prefix-list NAME seq N
        elif words[0] == "call":
            text = "call"  # an entry has one
        yield _in_context(line, f"no {text}")


def _in_context(line: Line, text: str) -> str:
    """A statement with the lines that lead to its context, and back out of it."""
    depths = range(len(line.context))
    into = [" " * depth + line.context[depth] for depth in depths]
    out = [
        " " * depth + ("exit-address-family" if line.context[depth].startswith("address-family") else "exit")
        for depth in reversed(depths)
    ]
    return "\n".join([*into, " " * len(line.context) + text, *out])


def _maximum_paths(needed: int, running: str, process: Process, version: Version) -> int | None:
    """The number of equal paths to ask for; None while the process's own is enough.

    FRR's default is what it was built with (64 or 256): only a number that was set can be too low.
    """
    family = f"address-family ipv{version} unicast"
    standing = number("maximum-paths", running, lambda context: process.holds(context, family))
    return raised(standing, needed)


def _listen_limit(needed: int, running: str, process: Process) -> int | None:
    standing = number("bgp listen limit", running, process.holds)
    return raised(standing or LISTEN_LIMIT, needed)
