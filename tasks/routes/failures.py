"""The wrong answers about one router as causes: a lost session first, with the prefixes that it has cost below it. Pure."""

import re
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence

from kubepeer.checks import Finding
from kubepeer.page.document import Cause, Symptom
from tasks.platforms.hops import Hop, hops_in_order, shortened
from tasks.routes.checks import HASH_POLICY, LAYERS
from tasks.routes.expected import NOT_ADVERTISED
from tasks.routes.reasons import NOT_CONFIGURED, reason_of
from tasks.routes.rows import of_other_checks
from tasks.routes.selection import NOT_A_MEMBER

SYMPTOMS = 8  # listed of one cause; the matrix has all
NAMED = 3  # next hops that are told with the names of their nodes; more are told in short
HOPS = re.compile(r"[0-9a-f]*[.:][0-9a-f.:, -]*")  # as reasons begin with them: 10.31.90.1-5, 10.31.91.7
KEPT = "; its routes are "  # what of_session adds while routes are kept: of no other route's reason
# What a reason proves, as far as it decides what to do; {host} and {subject} are filled in.
CURES: Mapping[str, str] = {
    NOT_CONFIGURED: "python runbooks/deploy.py --host {host} configures it; with --dry-run it shows what it would do",
    NOT_A_MEMBER: "python runbooks/deploy.py makes it a member, or take it out of the inventory",
    NOT_ADVERTISED: "python runbooks/deploy.py writes BGPConfiguration default",
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
        sessions.setdefault(finding.reason, []).append(finding)
    below: dict[str, dict[str, Sequence[Finding]]] = {reason: {} for reason in sessions}
    alike: dict[str, list[Sequence[Finding]]] = {}
    for subject, of_prefix in prefixes.items():
        reasons = {lost[peer].reason for peer in _lost_with(of_prefix, lost)}
        for reason in reasons:
            below[reason][subject] = of_prefix
        if not reasons:
            alike.setdefault(_without_hops(reason_of(of_prefix)), []).append(of_prefix)
    hashed = {finding.reason for finding in wrong if finding.check == HASH_POLICY}
    others = of_other_checks(wrong)
    return [
        *(_of_sessions(host, reason, peers, list(below[reason].values()), name) for reason, peers in sessions.items()),
        *(_of_prefixes(host, reason, rows, name) for reason, rows in alike.items()),
        *(
            Cause(host, what, reason, cure=HASH_CURE.format(host=host) if reason in hashed else "")
            for what, reason in others
        ),
    ]


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
        by_reason.setdefault(lost[peer].reason.split(KEPT)[0], []).append(peer)
    told = [peer for reason, peers in by_reason.items() if reason in said for peer in peers]
    return told if missing <= {*told} else []


def _of_sessions(
    host: str, reason: str, lost: Sequence[Finding], below: Sequence[Sequence[Finding]], name: Name
) -> Cause:
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
        cure=_cure(host, peers[0], reason),
    )


def _of_prefixes(host: str, reason: str, rows: Sequence[Sequence[Finding]], name: Name) -> Cause:
    findings = [finding for of_prefix in rows for finding in of_prefix]
    first, count = findings[0].subject, len(rows)
    return Cause(
        host,
        first if count == 1 else f"{count} prefixes",
        reason or "no reason is known",
        _named({hop for finding in findings for hop in finding.missing}, name),
        _named({hop for finding in findings for hop in finding.unexpected}, name),
        tuple(map(_symptom, rows[:SYMPTOMS])),
        unlisted=max(0, count - SYMPTOMS),
        weight=count,
        cure=_cure(host, first if count == 1 else "PREFIX", reason),
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
