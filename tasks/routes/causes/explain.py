"""Give each failure of a router its one cause: lost sessions first, prefixes below them, what is left by itself. Pure."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from ipaddress import ip_address, ip_network

from kubepeer.checks import Evidence, Finding
from tasks.platforms.hops import Hop
from tasks.routes.causes.catalogue import OF_ROUTES, OF_SESSIONS
from tasks.routes.causes.cause import Explanation, Lost, Situation, Wrong
from tasks.routes.causes.of_both_ends import AsDiffers, DuplicateRouterId
from tasks.routes.causes.of_strangers import MoreSpecificRoute, StrangerAnnounces
from tasks.routes.checks import LAYERS
from tasks.routes.router_ids import ROUTER_ID
from tasks.routes.session_terms import AS_NUMBER
from tasks.routes.strangers import STRANGER

TOLD, PROOFS = 4, 24  # of the causes of one prefix: each stands with all of its evidence at its own session
BY_STRANGERS = (StrangerAnnounces.__name__, MoreSpecificRoute.__name__)
ORDER = {layer: number for number, layer in enumerate(LAYERS)}


def explained(findings: Sequence[Finding], situation: Situation) -> tuple[Finding, ...]:
    """The same findings, those that have failed with their cause, its evidence and its cure, where one is proved."""
    lost = {
        finding.subject: explanation
        for finding in findings
        if finding.check == "session" and not finding.ok and (explanation := of_session(finding, situation))
    }
    rows: dict[str, list[Finding]] = {}
    for finding in findings:
        if finding.check in LAYERS.values() and not finding.ok:
            rows.setdefault(finding.subject, []).append(finding)
    gateways = {
        layer: {gateway: hop for hop in lost for gateway in situation.seen.shown(layer, hop)} for layer in LAYERS
    }
    of_prefix = {prefix: _of_row(row, lost, gateways, situation) for prefix, row in rows.items()}
    told = []
    for finding in findings:
        found: Sequence[Explanation] = ()
        if finding.ok or finding.cause:
            pass
        elif finding.check == "session" and finding.subject in lost:
            found = [lost[finding.subject]]
        elif finding.check in LAYERS.values():
            found = of_prefix[finding.subject].get(finding.layer, ())
        else:
            found = _of_the_same(finding, lost, of_prefix, situation)
        told.append(_with(finding, found) if found else finding)
    return tuple(told)


def _of_the_same(
    finding: Finding,
    lost: Mapping[Hop, Explanation],
    of_prefix: Mapping[str, Mapping[str, Sequence[Explanation]]],
    situation: Situation,
) -> Sequence[Explanation]:
    """The cause of a finding beside sessions and routes, where it is another sight of one of these or its own proof."""
    if finding.check == ROUTER_ID:
        return [DuplicateRouterId().of_nodes(finding, situation)]
    if finding.check == AS_NUMBER:
        return [one for peer, one in lost.items() if peer == finding.subject and one.cause == AsDiffers.__name__]
    if finding.check == STRANGER:
        brought = [
            one for prefix in finding.unexpected for found in of_prefix.get(prefix, {}).values() for one in found
        ]
        return [one for one in brought if one.cause in BY_STRANGERS][:1]
    return ()


def of_session(finding: Finding, situation: Situation) -> Explanation | None:
    """Why a session is lost; None where nothing is proved."""
    peer = ip_address(finding.subject)
    lost = Lost(
        peer,
        situation.seen.sessions.get(peer),
        situation.router.peers.get(peer),
        situation.nodes.get(peer),
        situation,
    )
    return next((found for cause in OF_SESSIONS if (found := cause.explain(lost))), None)


def _of_row(
    row: Sequence[Finding],
    lost: Mapping[Hop, Explanation],
    gateways: Mapping[str, Mapping[Hop, Hop]],
    situation: Situation,
) -> dict[str, Sequence[Explanation]]:
    """The causes of one prefix, by layer: what a layer lacks that the one above it lacked already is of the same cause."""
    found: dict[str, Sequence[Explanation]] = {}
    before: Finding | None = None
    for finding in sorted(row, key=lambda one: ORDER[one.layer]):
        if before and {*finding.missing} <= {*before.missing} and {*finding.unexpected} <= {*before.unexpected}:
            found[finding.layer] = found[before.layer]
        else:
            found[finding.layer] = _of_finding(finding, lost, gateways[finding.layer], situation)
        before = finding
    return found


def _of_finding(
    finding: Finding, lost: Mapping[Hop, Explanation], gateways: Mapping[Hop, Hop], situation: Situation
) -> list[Explanation]:
    """The causes of the sessions whose next hops it lacks, or keeps stale; of what is left the first cause that is proved."""
    prefix = ip_network(finding.subject)
    stale = situation.seen.stale(prefix) & lost.keys()
    by_others = situation.seen.only_by_others(prefix) & lost.keys()
    about = [gateways[hop] for hop in finding.missing if hop in gateways] + sorted(stale | by_others)
    causes = [lost[hop] for hop in dict.fromkeys(about)]
    left = tuple(hop for hop in finding.missing if hop not in gateways)
    if left or finding.unexpected or not causes:
        wrong = Wrong(prefix, finding, left, situation)
        own = next((one for cause in OF_ROUTES if (one := cause.explain(wrong))), None)
        if own:
            return [own, *causes]
    return causes


def _with(finding: Finding, found: Sequence[Explanation]) -> Finding:
    """A finding with its cause: of several the one that most of what it lacks is of; with the evidence of all."""
    counted = Counter(one.cause for one in found)
    first = max(found, key=lambda one: counted[one.cause])
    several = {one.text: one for one in found}
    evidence: dict[Evidence, None] = dict.fromkeys(proof for one in several.values() for proof in one.evidence)
    told = [*several][:TOLD]
    rest = len(several) - len(told)
    said = [*told, *([f"and {rest} more"] if rest else []), *([finding.reason] if finding.reason else [])]
    return replace(
        finding,
        reason="; ".join(dict.fromkeys(said)),
        cause=first.cause,
        evidence=tuple(evidence)[:PROOFS],
        cure=first.cure,
    )
