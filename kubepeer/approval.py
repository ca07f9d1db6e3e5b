"""A plan that somebody else approves: written by one run, and carried out by another that does exactly that or nothing."""

import hashlib
import importlib.metadata
import json
import secrets
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from kubepeer.change import Change, Held
from kubepeer.errors import NEW_PLAN, MovedError, RefusedError, UsageError
from kubepeer.outcome import PhaseOutcome
from kubepeer.plan import FORMAT, Entry, Plan, differences, entry, moved, planned, slow_digest
from kubepeer.report import exit_code
from kubepeer.run import Run
from kubepeer.secret import SecretSource
from kubepeer.whole_file import write_whole

CHECKOUT = Path(__file__).resolve().parent.parent
SOURCES = {"kubepeer": (".py", ".yaml"), "tasks": (".py",), "runbooks": (".py",), "templates": (".j2",)}


def make_plan(run: Run, outcomes: Sequence[PhaseOutcome]) -> Plan:
    """The plan of a dry run that has ended, of which every host could be planned."""
    salt = secrets.token_hex(16)
    return Plan(
        runbook=run.holder.runbook,
        kubepeer=importlib.metadata.version("kubepeer"),
        code=code_digest(),
        made=run.holder.since,
        by=f"{run.holder.user}@{run.holder.host}",
        filtered=run.filtered,
        hosts=tuple(sorted(run.chosen)),
        inventory=inventory_of(run, salt),
        bgp_password=_of_password(run, salt),
        salt=salt,
        warnings=tuple(map(run.redactor.hide, run.warnings)),
        phases=planned(outcomes, salt, run.redactor.hide),
    )


def write_plan(plan: Plan, path: Path) -> None:
    """Write the file: readable by its owner alone until he hands it on, and never half of it.

    Raises:
        UsageError: it cannot be written.

    """
    text = json.dumps({"identity": plan.identity} | plan.model_dump(mode="json"), indent=1) + "\n"
    write_whole(path, text, mode=0o600)


def read_plan(path: Path) -> Plan:
    """Read the file.

    Raises:
        UsageError: it is not there, is no plan, is one of another format, or is not what was written.

    """
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror}. Nothing was contacted.") from error
    except ValueError as error:
        raise UsageError(f"{path}: not JSON: {error}. Nothing was contacted.") from error
    if not isinstance(document, dict) or "kubepeer_plan" not in document:
        raise UsageError(f"{path}: not a plan of Kubepeer's. Nothing was contacted.", cure=NEW_PLAN)
    if document["kubepeer_plan"] != FORMAT:
        said = f"a plan of format {document['kubepeer_plan']!r}, and this Kubepeer reads format {FORMAT}"
        raise UsageError(f"{path}: {said}. Nothing was contacted.", cure=NEW_PLAN)
    identity = document.pop("identity", None)
    try:
        plan = Plan.model_validate_json(json.dumps(document))
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise UsageError(f"{path}: {where}: {first['msg']}. Nothing was contacted.", cure=NEW_PLAN) from error
    if identity != plan.identity:
        raise UsageError(
            f"{path}: it was changed after it was written: it says {identity}, and its content is {plan.identity}. Nothing was contacted.",
            cure=NEW_PLAN,
        )
    return plan


def inventory_of(run: Run, salt: str) -> dict[str, Any]:
    """What a plan is made from: intent, and where each host is reached.

    Secrets are not in it: it names where they come from. A command that gives one may have another in its words, and is told by a digest.

    Args:
        run: the running run.
        salt: of the plan.

    """
    hosts = run.nornir.inventory.hosts
    keys = ("hostname", "port", "username", "platform")
    return {
        "intent": _without_commands(run.intent.model_dump(mode="json"), salt),
        "hosts": {name: {key: getattr(host, key) for key in keys} for name, host in hosts.items()},
    }


def _without_commands(value: Any, salt: str) -> Any:
    if isinstance(value, list):
        return [_without_commands(one, salt) for one in value]
    if not isinstance(value, dict):
        return value
    if set(value) == set(SecretSource.model_fields) and value["command"]:
        return value | {"command": f"digest {slow_digest(salt, value['command'])[:16]}"}
    return {key: _without_commands(one, salt) for key, one in value.items()}


def _of_password(run: Run, salt: str) -> str:
    """What tells one password of BGP from another: routers' diffs do not show it."""
    password = run.bgp_password()
    return "" if password is None else slow_digest(salt, password)


def code_digest(folder: Path = CHECKOUT) -> str:
    """A digest of the sources and templates that plan and apply: those of another commit may do something else."""
    digest = hashlib.sha256()
    for name, endings in SOURCES.items():
        for path in sorted((folder / name).rglob("*")):
            if path.suffix in endings and path.is_file():
                digest.update(f"{path.relative_to(folder)}\0{path.stat().st_size}\0".encode() + path.read_bytes())
    return digest.hexdigest()


def refuse_other_circumstances(plan: Plan, run: Run) -> None:
    """Refuse, before anything is contacted, a plan of another Kubepeer or of another inventory.

    Raises:
        UsageError: it is another runbook's, or of another version.
        MovedError: the inventory has moved.

    """
    version = importlib.metadata.version("kubepeer")
    if plan.runbook != run.holder.runbook:
        raise UsageError(f"the plan is one of {plan.runbook}.py. Nothing was contacted.")
    if (plan.kubepeer, plan.code) != (version, code := code_digest()):
        raise UsageError(
            f"the plan was made by Kubepeer {plan.kubepeer} with sources {plan.code[:12]}; these are {version} with {code[:12]}."
            " Nothing was contacted.",
            cure=f"apply it with the checkout that has made it, or {NEW_PLAN}",
        )
    if found := list(moved(plan.inventory, inventory_of(run, plan.salt))):
        raise MovedError("the inventory is not that of the plan. Nothing was contacted.", {"": found})


def refuse_moved(plan: Plan, run: Run, outcomes: Sequence[PhaseOutcome]) -> None:
    """Refuse the whole plan where a dry run finds that any host would be changed otherwise now.

    Raises:
        MovedError: with the difference of each host. Nothing was changed on any.

    """
    found = differences(plan.phases, planned(outcomes, plan.salt, run.redactor.hide))
    if plan.bgp_password != _of_password(run, plan.salt):
        found[""] = ["the BGP password is another than when the plan was made"]
    for outcome in outcomes:
        for name, host in outcome.hosts.items():
            if host.error is not None:
                found[name] = [f"{outcome.title}: {' '.join(str(host.error).split())}"]
    if found:
        hosts = ", ".join(sorted(filter(None, found))) or "all"
        raise MovedError(
            f"plan {plan.identity} does not hold any more, on {hosts}. Nothing was changed on any host.",
            found,
            exit_code=exit_code(outcomes, changes_count=False) or RefusedError.exit_code,
        )


class Approved:
    """A guard of a run: lets through what a plan has, and nothing else, in case something moves between the comparison and the change."""

    def __init__(self, plan: Plan, run: Run) -> None:
        self._plan, self._run = plan, run
        self._entries: dict[tuple[str, str], Sequence[Entry]] = {
            (phase.title, host): entries for phase in plan.phases for host, entries in phase.hosts.items()
        }

    def __call__(self, title: str, host: str, changes: Sequence[Change]) -> None:
        """Refuse a change that is not in the plan.

        Raises:
            RefusedError: it is not, or is another by now.

        """
        approved = self._entries.get((title, host), ())
        if any(one.held is Held.STEP for one in approved):
            return  # what belongs to the step is the step's
        for change in changes:
            now = entry(change, self._plan.salt, self._run.redactor.hide)
            if any(_is_approved(now, one) for one in approved):
                continue
            raise RefusedError(
                f"{change.what}: not so in plan {self._plan.identity}: it has moved since the plan was compared. It was not done",
                host=host,
                cure=NEW_PLAN,
            )


def _is_approved(now: Entry, one: Entry) -> bool:
    return now.what == one.what and (one.held is Held.NAME or now.digest == one.digest)
