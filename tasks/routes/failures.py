"""The wrong answers about one router as causes: a lost session first, with the prefixes that it has cost below it. Pure."""

import re
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence

from kubepeer.checks import Finding
from kubepeer.page.document import Cause, Symptom
from kubepeer.words import listed
from tasks.platforms.hops import Hop, hops_in_order, shortened
from tasks.routes.checks import HASH_POLICY, LAYERS
from tasks.routes.expected import NOT_ADVERTISED
from tasks.routes.reasons import NOT_CONFIGURED, reason_of
from tasks.routes.rows import of_other_checks
from tasks.routes.selection import NOT_A_MEMBER

SYMPTOMS = 8  # listed of one cause; the matrix has all
PROOFS = 12  # of one cause; --output json has all
NAMED = 3  # next hops that are told with the names of their nodes; more are told in short
HOPS = re.compile(r"[0-9a-f]*[.:][0-9a-f.:, -]*")  # as reasons begin with them: 10.31.90.1-5, 10.31.91.7
KEPT = "; its routes are "  # what of_session adds while routes are kept: of no other route's reason
# Where no cause is proved: what a reason says, as far as it decides what to do; {host} and {subject} are filled in.
CURES: Mapping[str, str] = {
    NOT_CONFIGURED: "python runbooks/deploy.py --host {host} configures it; with --dry-run it shows what it would do",
    NOT_A_MEMBER: "python runbooks/deploy.py makes it a member, or take it out of the inventory",
    NOT_ADVERTISED: "python runbooks/deploy.py writes BGPConfiguration default; of a cluster that Kubepeer did not build its owner does",
    "made by hand": "on {host}: ip route del {subject}, once whoever made the route agrees",
}
HASH_CURE = "python runbooks/deploy.py --host {host} sets it"
Name = Callable[[Hop], str]


def causes(host: str, findings: Iterable[Finding], name: Name) -> list[Cause]:
    """Why a router is not as it should be; none when it is.

    A prefix belongs below a lost session only when all that it misses is of lost sessions, and its own reason says so.

    Args:
        host: the router.
        findings: about it.
        name: a next hop with the name of its node.

    """
    wrong = [finding for finding in findings if not finding.ok]
    lost = {finding.subject: finding for finding in wrong if finding.check == "session"}
    prefixes: dict[str, list[Finding]] = {}
    for finding in wrong:
        if finding.check in LAYERS.values():
            prefixes.setdefault(finding.subject, []).append(finding)
    sessions: dict[str, list[Finding]] = {}
    for finding in lost.values():
        sessions.setdefault(_kind(finding), []).append(finding)
    below: dict[str, dict[str, Sequence[Finding]]] = {kind: {} for kind in sessions}
    alike: dict[str, list[Sequence[Finding]]] = {}
    for subject, of_prefix in prefixes.items():
        kinds = {_kind(lost[peer]) for peer in _lost_with(of_prefix, lost)}
        for kind in kinds:
            below[kind][subject] = of_prefix
        if not kinds:
            proved = next((finding.cause for finding in of_prefix if finding.cause), "")
            alike.setdefault(proved or _without_hops(reason_of(of_prefix)), []).append(of_prefix)
    return [
        *(_of_sessions(host, peers, list(below[kind].values()), name) for kind, peers in sessions.items()),
        *(_of_prefixes(host, reason, rows, name) for reason, rows in alike.items()),
        *(
            Cause(host, what, found.reason, cure=_cure_of_other(found), evidence=_evidence([found]))
            for what, found in of_other_checks(wrong)
        ),
    ]


def _cure_of_other(finding: Finding) -> str:
    return finding.cure or (HASH_CURE.format(host=finding.host) if finding.check == HASH_POLICY else "")


def _kind(finding: Finding) -> str:
    """What sessions that are lost alike share: the cause that is proved, else the router's words."""
    return finding.cause or finding.reason


def _said(findings: Sequence[Finding]) -> str:
    """The reason of several findings of one kind; what a cause says of each, of the first few."""
    reasons = list(dict.fromkeys(finding.reason for finding in findings))
    if len(reasons) == 1 or not findings[0].cause:
        return reasons[0]
    return listed(list(dict.fromkeys(map(_proof, findings))), NAMED)


def _proof(finding: Finding) -> str:
    """The part of a reason that stands in that of every prefix below it: what its cause says, else the router's words."""
    return finding.reason.partition("; ")[0] if finding.cause else finding.reason.split(KEPT)[0]


def _evidence(findings: Iterable[Finding]) -> tuple[str, ...]:
    every = dict.fromkeys(proof for finding in findings for proof in finding.evidence)
    return tuple(f"{proof.host}: {proof.asked}: {proof.answered}" for proof in every)[:PROOFS]


def _without_hops(reason: str) -> str:
    """A reason as other prefixes may have it, too: without the next hops that it begins with, where they are the same throughout."""
    parts = [
        part if HOPS.fullmatch(head) else f": {part}"
        for part in reason.split("; ")
        for head in [part.partition(": ")[0]]
    ]
    split = [part.split(": ", 1) for part in parts]
    if len({head for head, _ in split if head}) > 1:
        return reason
    return "; ".join(dict.fromkeys(said for _, said in split))


def _lost_with(of_prefix: Sequence[Finding], lost: Mapping[str, Finding]) -> list[str]:
    """The lost sessions that explain all that is wrong with a prefix; none where they do not."""
    if any(finding.unexpected for finding in of_prefix):
        return []
    missing = {hop for finding in of_prefix for hop in finding.missing}
    if not lost.keys() >= missing:
        return []
    said = reason_of(of_prefix)
    about = missing or {hop for finding in of_prefix for hop in finding.expected}
    by_reason: dict[str, list[str]] = {}
    for peer in hops_in_order(about & lost.keys()):
        by_reason.setdefault(_proof(lost[peer]), []).append(peer)
    proved = {finding.cause for finding in of_prefix} - {""}
    told = [
        peer for reason, peers in by_reason.items() for peer in peers if reason in said or lost[peer].cause in proved
    ]
    return told if missing <= {*told} else []


def _of_sessions(host: str, lost: Sequence[Finding], below: Sequence[Sequence[Finding]], name: Name) -> Cause:
    reason = _said(lost)
    peers = [finding.subject for finding in lost]
    named = _named(peers, name)
    missed = {hop for of_prefix in below for finding in of_prefix for hop in finding.missing} & {*peers}
    return Cause(
        host,
        f"session with {named}" if len(peers) == 1 else f"{len(peers)} sessions, with {named}",
        reason,
        missing=_named(missed, name),
        symptoms=tuple(map(_symptom, below[:SYMPTOMS])),
        unlisted=max(0, len(below) - SYMPTOMS),
        weight=len(below) + len(peers),
        cure=lost[0].cure or _cure(host, peers[0], reason),
        name=lost[0].cause,
        evidence=_evidence(lost),
    )


def _of_prefixes(host: str, reason: str, rows: Sequence[Sequence[Finding]], name: Name) -> Cause:
    findings = [finding for of_prefix in rows for finding in of_prefix]
    first, count = findings[0].subject, len(rows)
    proved = [finding for finding in findings if finding.cause]
    reason = _said(proved) if proved else reason
    return Cause(
        host,
        first if count == 1 else f"{count} prefixes",
        reason or "no reason is known",
        _named({hop for finding in findings for hop in finding.missing}, name),
        _named({hop for finding in findings for hop in finding.unexpected}, name),
        tuple(map(_symptom, rows[:SYMPTOMS])),
        unlisted=max(0, count - SYMPTOMS),
        weight=count,
        cure=proved[0].cure if proved else _cure(host, first if count == 1 else "PREFIX", reason),
        name=proved[0].cause if proved else "",
        evidence=_evidence(proved),
    )


def _symptom(of_prefix: Sequence[Finding]) -> Symptom:
    words = []
    for word in ("missing", "unexpected"):
        hops = {hop for finding in of_prefix for hop in getattr(finding, word)}
        words += [f"{word} {shortened(hops)}"] if hops else []
    where = ", ".join(finding.layer for finding in of_prefix)
    return Symptom(of_prefix[0].subject, "; ".join(words) or "still in use", where)


def _named(hops: Collection[Hop], name: Name) -> str:
    if len(hops) > NAMED:
        return shortened(hops)
    return ", ".join(map(name, hops_in_order(hops)))


def _cure(host: str, subject: str, reason: str) -> str:
    return next((cure.format(host=host, subject=subject) for said, cure in CURES.items() if said in reason), "")
