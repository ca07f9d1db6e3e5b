"""What routers that are asked by their NAPALM driver answer, as far as all of them share it. Pure.

A question is a show command, or the name of a getter of NAPALM's; an answer is text: JSON for a getter, and where a platform has it.
"""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from ipaddress import ip_address
from typing import Any

from ntc_templates.parse import parse_output

from kubepeer.errors import CommandError
from kubepeer.intent.families import IPV4, Address, Network, by_number, within
from tasks.linux.observe import Answer
from tasks.platforms.reader import each, legible
from tasks.platforms.seen import Path, Session

GETTER = "get_bgp_neighbors"  # sessions in every VRF, alike on all platforms; NAPALM's documentation, "BGP neighbors"
GLOBAL = "global"  # NAPALM's name of the table outside all VRFs
HOST = 32


def neighbours_among(networks: Sequence[Network], probes: Iterable[Network]) -> list[Address]:
    """The nodes among what the kernel would be asked about: addresses outside the cluster's networks (selection.ways_to)."""
    hosts = (
        one
        for one in probes
        if one.prefixlen == HOST and one.version == IPV4 and not any(within(one, network) for network in networks)
    )
    return [one.network_address for one in sorted(hosts, key=by_number)]


def document(answers: Mapping[str, Answer], name: str) -> Any:
    """An answer that is JSON.

    Raises:
        CommandError: it is none; with what the router said.

    """
    text = text_of(answers, name)
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        said = (text.strip().splitlines() or ["nothing"])[-1]
        raise CommandError(f"the answer to the question '{name}' is no JSON: {said}") from error


def text_of(answers: Mapping[str, Answer], name: str) -> str:
    """An answer, where the router has not refused the question.

    Raises:
        CommandError: it has; with its words.

    """
    answer = answers[name]
    if answer.code:
        raise CommandError(f"the router said to the question '{name}': {(answer.lines or ['nothing'])[-1]}")
    return answer.text


def sessions_in(answers: Mapping[str, Answer], vrf: str | None) -> dict[Address, Session]:
    """The sessions of a VRF, of the answer to NAPALM's getter.

    Raises:
        CommandError: it is none, or of a form that is not known.

    """
    with legible("sessions"):
        return sessions(document(answers, "sessions"), vrf)


def sessions(tables: Mapping[str, Any], vrf: str | None) -> dict[Address, Session]:
    """The sessions of a VRF as NAPALM tells them; why one is down it does not."""
    peers: Mapping[str, Any] = tables.get(vrf or GLOBAL, {}).get("peers", {})
    return {ip_address(peer): _session(peer, state) for peer, state in peers.items() if is_address(peer)}


def _session(peer: str, said: Mapping[str, Any]) -> Session:
    up, seconds = bool(said["is_up"]), int(said.get("uptime") or 0)
    families = (said.get("address_family") or {}).values()
    accepted = sum(max(0, int(one.get("accepted_prefixes") or 0)) for one in families)
    down = "Down" if said.get("is_enabled", True) else "Down (shut down on the router)"
    return Session(
        peer=ip_address(peer),
        state="Established" if up else down,
        seconds=seconds if seconds > 0 else None,
        accepted=accepted,
    )


def is_address(text: str) -> bool:
    """Whether a text is an IPv4 address: a neighbour may be another's, of IPv6 or a link's."""
    try:
        return ip_address(text).version == IPV4
    except ValueError:
        return False


def paths_of(
    answers: Mapping[str, Answer], read: Callable[[str, Address | None], Mapping[Network, Sequence[Path]]]
) -> dict[Network, tuple[Path, ...]]:
    """The paths of a platform whose table does not tell who has sent one, and which is asked for each node's as well.

    Args:
        answers: `bgp NETWORK` is the table, `sent ADDRESS` what was accepted from a node.
        read: one of these, and who has sent what is in it.

    """
    paths: dict[Network, list[Path]] = {}
    sent = each(answers, "sent", lambda name: read(text_of(answers, name), ip_address(name.split(" ")[1])).items())
    for prefix, some in sent:
        paths.setdefault(prefix, []).extend(some)
    for prefix, some in each(answers, "bgp", lambda name: read(text_of(answers, name), None).items()):
        known = {path.hop for path in paths.get(prefix, ())}
        paths.setdefault(prefix, []).extend(path for path in some if path.hop not in known)
    return {prefix: tuple(some) for prefix, some in paths.items()}


def parsed(platform: str, command: str, text: str) -> list[dict[str, Any]]:
    """The lines of a table, by the template that ntc-templates has for it.

    Raises:
        CommandError: the template does not know a line: nothing is passed over.

    """
    if not text.strip():
        return []
    try:
        rows: list[dict[str, Any]] = parse_output(platform=platform, command=command, data=text)
    except Exception as error:  # textfsm's and ntc-templates' own, of several classes
        raise CommandError(f"the answer to '{command}' cannot be read: {error}") from error
    return rows
