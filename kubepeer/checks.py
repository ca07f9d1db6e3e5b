"""What a verification says: one finding a host, a subject and a layer."""

from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True)
class Evidence:
    """What somebody has said that proves a cause.

    Attributes:
        host: who was asked; "api" is the cluster's API.
        asked: the command, the file or the object.
        answered: what it says, shortened; never a secret.

    """

    host: str
    asked: str
    answered: str


@dataclass(frozen=True)
class Finding:
    """The answer of one check to one question.

    Attributes:
        host: the host that was asked.
        check: session, route, fib, community, reachability, endpoints, ...
        subject: what was asked about: a peer's address, a prefix.
        layer: bgp, rib, kernel, api or data.
        ok: whether what was observed is what was expected.
        expected: the whole expected set, in readable order.
        observed: the whole observed set.
        missing: expected and not observed.
        unexpected: observed and not expected.
        reason: why it is so, where something is known; "" otherwise.
        cause: the name of the cause that explains it (tasks/routes/causes); "" where none is proved.
        evidence: what proves the cause; none without a cause.
        cure: what to do about the cause; "" where the evidence names nothing.

    """

    host: str
    check: str
    subject: str
    layer: str
    ok: bool
    expected: tuple[str, ...] = ()
    observed: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()
    unexpected: tuple[str, ...] = ()
    reason: str = ""
    cause: str = ""
    evidence: tuple[Evidence, ...] = ()
    cure: str = ""

    def as_json(self) -> dict[str, Any]:
        """The finding with the keys of the command line's contract."""
        return asdict(self)
