"""The driver: NAPALM's contract for BIRD 2 and 3."""

from __future__ import annotations

import textwrap
from dataclasses import dataclass
from typing import Any

from napalm_unix_router import candidate as unix
from napalm_unix_router.driver import UnixRouterDriver
from napalm_unix_router.reasons import REFUSED, Reasons
from napalm_unix_router.scripts import Order, Scripts
from napalm_unix_router.transport import Output

from napalm_bird import change, secrets
from napalm_bird.change import Site
from napalm_bird.getters import Getters
from napalm_bird.merge import Merged, overlay
from napalm_bird.syntax import SyntaxRefused, require_whole


class Candidate(unix.Candidate):
    """Configuration as somebody loaded it: the whole of our file, or statements to lay over it."""

    def over(self, standing: str) -> Merged:
        """Work out the whole file that it makes of the one that stands."""
        if self.replaces:
            text = self.text if not self.text or self.text.endswith("\n") else self.text + "\n"
            return Merged(text, ((1, text.count("\n") + 1, 1),))
        return overlay(standing, self.text)


@dataclass(frozen=True)
class Plan:
    """Our file as it stands, and as it should be."""

    standing: str
    merged: Merged

    @property
    def is_empty(self) -> bool:
        """Tell whether nothing would change."""
        return self.merged.text == self.standing


class BIRDDriver(Getters, UnixRouterDriver[Candidate, Plan]):
    """A router that runs BIRD 2 or 3, reached by SSH."""

    platform = "bird"

    def _take(self, arguments: dict[str, Any]) -> None:
        """Take where BIRD's things are."""
        self._site = Site(
            include=_path(arguments.pop("include_file", Site.include)),
            main=_path(arguments.pop("config_file", Site.main)),
            socket=str(arguments.pop("socket", Site.socket)),
        )

    @property
    def _scripts(self) -> Scripts:
        return self._site.scripts

    @property
    def _reasons(self) -> Reasons:
        return self._site.reasons

    def _candidate_of(self, text: str, *, replaces: bool) -> Candidate:
        return Candidate(text if replaces else textwrap.dedent(text), replaces)

    def _check(self, candidate: Candidate) -> None:
        merged = self._over(candidate, "" if candidate.replaces else self._files().running)
        output = self._router().run(self._scripts.script("check", files={"candidate": merged.text}))
        if output.code not in (0, REFUSED):
            raise candidate.refusal(self._said(candidate, merged, output))
        refusal = change.refusal(output.words, self._site) if output.code == REFUSED else None
        if refusal is None or not refusal.is_candidate:
            self._require_whole(candidate)  # else BIRD's own words, which name the place
        if output.code == REFUSED:
            raise candidate.refusal(self._said(candidate, merged, output))

    def _difference(self, candidate: Candidate) -> str:
        running = self._files().running
        return secrets.compare(running, self._over(candidate, running).text)

    def _plan(self, candidate: Candidate) -> Plan:
        standing = self._files().startup  # whatever is pending now is gone when ours can be made
        return Plan(standing, self._over(candidate, standing))

    def _order(self, candidate: Candidate, plan: Plan) -> Order:  # noqa: ARG002 (the plan has the whole file)
        return Order(plan.standing, {"candidate": plan.merged.text})

    def _refused(self, candidate: Candidate, plan: Plan, output: Output) -> str:
        return self._said(candidate, plan.merged, output)

    def _judge(self, plan: Plan, output: Output) -> None:
        """Nothing is left to judge: BIRD takes a configuration whole or not at all, and commit.sh saw it do so."""

    def _never_the_same(self, plan: Plan) -> str:  # noqa: ARG002 (a file has no line that cannot be compared)
        return "its file keeps changing under our hands"

    def _over(self, candidate: Candidate, standing: str) -> Merged:
        try:
            return candidate.over(standing)
        except SyntaxRefused as error:
            raise candidate.refusal(f"{self.hostname}: {error}. Nothing was changed.") from error

    def _require_whole(self, candidate: Candidate) -> None:
        try:
            require_whole(candidate.text)
        except SyntaxRefused as error:
            raise candidate.refusal(f"{self.hostname}: the candidate, {error}. Nothing was changed.") from error

    def _said(self, candidate: Candidate, merged: Merged, output: Output) -> str:
        refusal = change.refusal(output.words, self._site) if output.code == REFUSED else None
        if refusal is None:
            return f"{self.hostname}: {self._why(output)}. Nothing was changed."
        line = merged.origin(refusal.line) if refusal.is_candidate else None
        if line is None:
            where = f"because of {refusal.file}, line {refusal.line}"
        else:
            where = f'at line {line}: "{secrets.hide(_line(candidate.text, line))}"'
        return f"{self.hostname}: BIRD refuses the {candidate.kind} {where}: {refusal.words}\nNothing was changed."


def _path(given: Any) -> str:
    if not str(given).startswith("/") or any(sign in str(given) for sign in '"*?[\n'):
        raise ValueError(f"{given}: this must be the absolute path of one file")
    return str(given)


def _line(text: str, number: int) -> str:
    lines = text.splitlines()
    return lines[number - 1].strip() if 0 < number <= len(lines) else ""
