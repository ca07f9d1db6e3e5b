"""What FRR was told for the whole BGP process, given back as it stood before the first change. Pure.

Only what our template raises or adds is looked at (docs/routers.md, "Process-wide"), and only where it stands as we have asked for it:
another number is its owner's.
"""

import re
from collections.abc import Iterator

from kubepeer.intent import Intent, Router
from tasks.platforms.frr.groups import Process, process_in
from tasks.platforms.lines import lines_of, number
from tasks.platforms.ownership import several_as
from tasks.platforms.sides import GROUPS

RELAX = "bgp bestpath as-path multipath-relax"
OURS = re.compile(rf"\b(?:{'|'.join(GROUPS.values())})\b")


def lowered(intent: Intent, router: Router, running: str, before: str) -> str:
    """The fragment to merge behind our own withdrawal.

    Args:
        intent: of the whole inventory: what was asked for follows from it.
        router: which.
        running: `show running-config`, with what is ours in it.
        before: the same before our first change.

    """
    process, then = process_in(running, router), process_in(before, router)
    if process.as_number is None:
        return ""
    if then.as_number is None and _nothing_else(intent, router, running, process):
        return f"no {process.line}"
    inside = [*_process_lines(intent, router, running, before, process, then)]
    return "\n".join([process.line, *inside, "exit"]) if inside else ""


def _process_lines(
    intent: Intent, router: Router, running: str, before: str, process: Process, then: Process
) -> Iterator[str]:
    added = _has(running, process, RELAX) and not _has(before, then, RELAX)
    if added and several_as(intent, router):
        yield f" no {RELAX}"
    limit = "bgp listen limit"
    stands, stood = number(limit, running, process.holds), number(limit, before, then.holds)
    if stands != stood and stands == router.peering.listen_limit:
        yield f" no {limit} {stands}" if stood is None else f" {limit} {stood}"
    for version in GROUPS:
        family = f"address-family ipv{version} unicast"
        stands = number("maximum-paths", running, lambda context, family=family: process.holds(context, family))  # type: ignore[misc]
        stood = number("maximum-paths", before, lambda context, family=family: then.holds(context, family))  # type: ignore[misc]
        if stands != stood and stands == len(intent.peers_of(router)):
            said = "no maximum-paths" if stood is None else f"maximum-paths {stood}"
            yield f" {family}\n  {said}\n exit-address-family"


def _has(configuration: str, process: Process, text: str) -> bool:
    return any(line.text == text and process.holds(line.context) for line in lines_of(configuration))


def _nothing_else(intent: Intent, router: Router, running: str, process: Process) -> bool:
    """Whether the process is there for our sessions alone: no line of anybody else's stands under it."""
    addresses = intent.addresses_of_peers(router)
    for line in lines_of(running):
        if line.context[:1] != (process.line,) or line.text.startswith("address-family "):
            continue
        words = line.text.removeprefix("no ").split()
        of_peer = words[0] == "neighbor" and words[1] in addresses
        wide = line.text == RELAX or line.text.startswith(("maximum-paths ", "bgp listen limit "))
        if not (of_peer or wide or OURS.search(line.text)):
            return False
    return True
