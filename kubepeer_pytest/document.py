"""The document that a verification writes (`--output json`), as tests: their names, and what each says when it fails. Pure."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields, is_dataclass
from typing import Any, get_args, get_type_hints

from kubepeer.checks import Finding

REMARK = "remark"  # it tells something and judges nothing
UNREAD = "unread"  # why a host's checks could not be made: told of the host, as an error
FOLDERS = {"session": "sessions", "route": "routes", "fib": "routes"}  # a check -> the first part of a test's name
ALWAYS = {"session": "bgp"}  # a check that is of one layer alone: it needs no [layer]
SETS = ("expected", "observed", "missing", "unexpected")

Json = Mapping[str, Any]


@dataclass(frozen=True)
class Question:
    """One test: the answer of one check, or whether a host could be asked at all.

    Attributes:
        name: of the test.
        about: host, check, subject and layer, by which `-m` selects.
        failure: what is to be told; "" where it has passed.
        error: why the host could not be asked; "" where it could.
        skipped: why it was not asked.

    """

    name: str
    about: Mapping[str, str] = field(default_factory=dict)
    failure: str = ""
    error: str = ""
    skipped: str = ""


def questions(document: Json) -> list[Question]:
    """The tests of a run: whether each host could be asked, then every answer; in an order that does not depend on the run.

    Args:
        document: of the command line's contract.

    """
    found = [*_hosts(document), *_checks(document)]
    seen: dict[str, int] = {}
    unique = []
    for one in sorted(found, key=lambda one: (not one.name.startswith("asked/"), one.name)):
        number = seen[one.name] = seen.get(one.name, 0) + 1
        name = one.name if number == 1 else f"{one.name}-{number}"
        unique.append(Question(name, one.about, one.failure, one.error, one.skipped))
    return unique


def findings(document: Json) -> tuple[Finding, ...]:
    """The answers as the checks gave them."""
    return tuple(map(_finding, document.get("checks", ())))


def _finding(said: Json) -> Finding:
    hints = get_type_hints(Finding)
    values: dict[str, Any] = {
        one.name: _value(hints[one.name], said[one.name]) for one in fields(Finding) if one.name in said
    }
    return Finding(**values)


def _value(hint: Any, said: Any) -> Any:
    """A value of JSON as a field has it: a tuple for a list, of records where the field is of such."""
    if not isinstance(said, list):
        return said
    kind: Any = get_args(hint)[0]
    records = is_dataclass(kind)
    return tuple(kind(**one) if records else one for one in said)


def _hosts(document: Json) -> Iterator[Question]:
    proved = {said["host"]: _proof(said) for said in document.get("checks", ()) if said["check"] == UNREAD}
    for phase in document.get("phases", ()):
        title = str(phase["title"])
        for host, said in phase["hosts"].items():
            name = f"asked/{host}[{title.replace(' ', '-').lower()}]"
            skipped = (phase.get("skipped") or f"{host} failed before") if said.get("skipped") else ""
            error = "\n".join((str(said["error"]), *proved.get(host, ()))) if said.get("error") else ""
            yield Question(name, {"host": host, "check": "asked"}, error=error, skipped=str(skipped))


def _checks(document: Json) -> Iterator[Question]:
    for said in document.get("checks", ()):
        if said["check"] in (REMARK, UNREAD):
            continue
        about = {key: str(said[key]) for key in ("host", "check", "subject", "layer")}
        yield Question(name_of(about), about, "" if said["ok"] else failure(said))


def name_of(about: Mapping[str, str]) -> str:
    """The name of a test: routes/openwrt/10.33.192.0/18[kernel], sessions/openwrt/10.31.90.1."""
    check, layer = about["check"], about["layer"]
    folder = FOLDERS.get(check, check).replace(" ", "-")
    subject = about["subject"].replace(" ", "-")
    return f"{folder}/{about['host']}/{subject}" + ("" if ALWAYS.get(check) == layer else f"[{layer}]")


def failure(said: Json) -> str:
    """What is told of an answer that is not right: the reason first, then what was expected and what is there."""
    lines = [
        f"{said['host']}: {said['subject']} ({said['check']}, {said['layer']}): {said.get('reason') or 'not right'}"
    ]
    lines += _proof(said)
    lines += [f"{key:<12}{_listed(said[key])}" for key in SETS if said.get(key) or key in SETS[:2]]
    return "\n".join(lines)


def _proof(said: Json) -> list[str]:
    """The cause that is proved, how, and what to do."""
    lines = [f"cause       {said['cause']}"] if said.get("cause") else []
    proofs = said.get("evidence") or ()
    lines += [f"evidence    {proof['host']}: {proof['asked']}: {proof['answered']}" for proof in proofs]
    return [*lines, f"cure        {said['cure']}"] if said.get("cure") else lines


def _listed(words: Sequence[str]) -> str:
    return ", ".join(words) or "nothing"
