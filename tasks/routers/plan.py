"""What an FRR router is told, planned from intent and its running configuration. Pure."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from kubepeer.errors import RefusedError
from kubepeer.intent import Intent, Router
from tasks.linux.observe import Seen
from tasks.linux.state import LinuxChange, action, file, present

OWNER = "KUBEPEER"  # the name of our peer group, and the beginning of the names of our filters
SYSCTL_FILE = "/etc/sysctl.d/90-kubepeer.conf"
HASH_POLICY = "net.ipv4.fib_multipath_hash_policy"
QUESTIONS = {"hash policy": f"sysctl -n {HASH_POLICY}"}
PROCESS = r"router bgp \d+"  # not a VRF's or a view's: their neighbours and numbers are never ours
OWNED_GLOBALS = (f"ip prefix-list {OWNER}-", f"bgp as-path access-list {OWNER} ", f"route-map {OWNER}-")


@dataclass(frozen=True)
class Line:
    """A line of a configuration, with the lines that it stands under."""

    context: tuple[str, ...]
    text: str


def lines_of(configuration: str) -> Iterator[Line]:
    """The lines of an FRR configuration with their contexts; one space of indent is one level."""
    stack: list[str] = []
    for raw in configuration.splitlines():
        text = raw.strip()
        depth = len(raw) - len(raw.lstrip(" "))
        if not text or text.startswith("!") or text in ("exit", "exit-address-family", "end"):
            continue
        stack = stack[:depth]
        yield Line(tuple(stack), text)
        stack.append(text)


def candidate(intent: Intent, router: Router, rendered: str, running: str) -> str:
    """The fragment to merge: what is ours and not wanted any more goes, then what is wanted comes.

    Args:
        intent: its nodes are the neighbours.
        router: which.
        rendered: the template's text.
        running: `show running-config`.

    Raises:
        RefusedError: the router speaks BGP in another AS than the inventory says.

    """
    _refuse_foreign_as(router, running)
    wanted = set(lines_of(rendered))
    neighbours = {str(node.address) for node in intent.nodes}
    stale = [line for line in lines_of(running) if _is_ours(line, neighbours) and line not in wanted]
    return "\n".join([*_removals(stale, neighbours), rendered])


def _refuse_foreign_as(router: Router, running: str) -> None:
    for found in re.findall(r"^router bgp (\d+)\s*$", running, re.MULTILINE):
        if int(found) != router.as_number:
            raise RefusedError(
                f"the router speaks BGP as AS {found}, the inventory says {router.as_number}",
                host=router.name,
                cure="correct as_number in inventory/hosts.yaml",
            )


def may_go_down(intent: Intent, running: str, diff: str) -> set[str]:
    """Peers of ours whose session this change ends on purpose: nodes that left the inventory, and all when both ends must change.

    Args:
        intent: its nodes stay.
        running: the configuration before.
        diff: the change.

    """
    ours = set(re.findall(rf"^ neighbor (\S+) peer-group {OWNER}$", running, re.MULTILINE))
    both_ends = re.search(rf"^[-+]\s*neighbor {OWNER} (password|remote-as) ", diff, re.MULTILINE)
    return ours if both_ends else ours - {str(node.address) for node in intent.nodes}


def owned(intent: Intent, configuration: str) -> str:
    """Our part of a configuration, a backup's for one, as the template would have written it."""
    neighbours = {str(node.address) for node in intent.nodes}
    return "\n".join(_in_context(line, line.text) for line in lines_of(configuration) if _is_ours(line, neighbours))


def _is_ours(line: Line, neighbours: set[str]) -> bool:
    if line.context and re.fullmatch(PROCESS, line.context[0]):
        words = line.text.split()
        if words[0] != "neighbor":
            return False
        return words[1] == OWNER or words[1] in neighbours or line.text.endswith(f" peer-group {OWNER}")
    top = line.context[0] if line.context else line.text
    return top.startswith(OWNED_GLOBALS)


def _removals(stale: Iterable[Line], neighbours: set[str]) -> Iterator[str]:
    """`no` lines; what stands under a line that goes as a whole needs none of its own."""
    gone: set[str] = set()
    for line in stale:
        if line.context and line.context[0] in gone:
            continue
        words = line.text.split()
        text = line.text
        if words[0] == "neighbor" and words[1] not in (*neighbours, OWNER):
            text = f"neighbor {words[1]}"
        elif words[0] == "route-map":
            gone.add(line.text)
        elif words[:2] == ["ip", "prefix-list"]:
            text = " ".join(words[:5])  # ip prefix-list NAME seq N
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


def maximum_paths(intent: Intent, running: str) -> int | None:
    """The number of equal paths to ask for; None while the process's own is enough.

    It holds for the whole process, so it is raised only where it is set too low: FRR's default is what it was built with.
    """
    set_to = [
        int(line.text.removeprefix("maximum-paths "))
        for line in lines_of(running)
        if re.fullmatch(r"maximum-paths \d+", line.text) and _is_ipv4_unicast(line.context)
    ]
    needed = len(intent.nodes)
    return needed if set_to and set_to[0] < needed else None


def _is_ipv4_unicast(context: tuple[str, ...]) -> bool:
    return len(context) > 1 and bool(re.fullmatch(PROCESS, context[0])) and context[1] == "address-family ipv4 unicast"


def plan_hash_policy(seen: Seen) -> tuple[LinuxChange, ...]:
    """Spread by the flow's ports (layer 4), not by its addresses alone: else one client's flows all enter by one node."""
    live = seen["hash policy"].text.strip()
    return present(
        file(SYSCTL_FILE, f"{HASH_POLICY} = 1\n", seen.files[SYSCTL_FILE]),
        None if live == "1" else action(f"sysctl {HASH_POLICY}", "1", f"sysctl -qw {HASH_POLICY}=1", before=live),
    )
