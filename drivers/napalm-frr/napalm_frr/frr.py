"""The driver: NAPALM's contract for FRRouting."""

from __future__ import annotations

from napalm.base.exceptions import CommitError
from napalm_unix_router.driver import UnixRouterDriver
from napalm_unix_router.reasons import GUARD_SECONDS, Reasons
from napalm_unix_router.scripts import Order, Scripts
from napalm_unix_router.transport import Output

from napalm_frr import change, diff
from napalm_frr.candidate import Candidate, Plan
from napalm_frr.configuration import Configuration, read, without_headline
from napalm_frr.getters import Getters
from napalm_frr.inverse import inverse
from napalm_frr.secrets import hide, restoration
from napalm_frr.transport import vtysh
from napalm_frr.ways import way


class FRRDriver(Getters, UnixRouterDriver[Candidate, Plan]):
    """A router that runs FRRouting, reached by SSH."""

    platform = "frr"
    _patience = GUARD_SECONDS

    @property
    def _scripts(self) -> Scripts:
        return change.SCRIPTS

    @property
    def _reasons(self) -> Reasons:
        return change.REASONS

    def _candidate_of(self, text: str, *, replaces: bool) -> Candidate:
        return Candidate(without_headline(text), replaces)

    def _check(self, candidate: Candidate) -> None:
        output = self._router().run(change.check_script(candidate.text))
        if output.code != 0:
            raise candidate.refusal(self._said(candidate, output))

    def _difference(self, candidate: Candidate) -> str:
        plan = self._plan(candidate)
        return diff.compare(plan.running, plan.effective)

    def _plan(self, candidate: Candidate) -> Plan:
        (running,) = self._ask(vtysh("show running-config"))
        return candidate.plan(running)

    def _order(self, candidate: Candidate, plan: Plan) -> Order:
        """Send both ways, with frr-reload.py and by vtysh alone: the router knows which one it can go."""
        back = way(plan.effective, plan.running)
        there = way(plan.running, plan.effective) if candidate.replaces else plan.fragment
        return Order(
            standing=plan.running_text,
            values={"engine": candidate.engine, "vouched": "no" if back is None or there is None else "yes"},
            files={
                "candidate": candidate.text,
                "fragment": plan.fragment,
                "by_vtysh": there or "",
                "secrets_forward": restoration(plan.running, plan.effective),
                "way_back": inverse(plan.effective, plan.running) if back is None else back,
            },
        )

    def _refused(self, candidate: Candidate, plan: Plan, output: Output) -> str:  # noqa: ARG002 (FRR names the line)
        return self._said(candidate, output)

    def _said(self, candidate: Candidate, output: Output) -> str:
        refusals = change.refusals(output.words)
        if not refusals:
            return f"{self.hostname}: FRR's parser did not run: {self._cure(hide(output.words))}. Nothing was changed."
        listed = "".join(f'\n  line {number}: "{hide(line)}": {why}' for number, line, why in refusals)
        return f"{self.hostname}: FRR refuses the {candidate.kind}:{listed}\nNothing was changed."

    def _judge(self, plan: Plan, output: Output) -> None:
        observed = read(output.out)
        if observed.same_as(plan.effective):
            return
        undone = self._take_back_from(observed, plan)
        refused = "".join(
            f'\n  line {_origin(plan, number, line)}: "{hide(line)}": {why}'
            for number, line, why in change.refusals(output.err)
        )
        difference = diff.missing_and_unexpected(plan.effective, observed).replace("\n", "\n  ")
        end = "The router is back at its old configuration."
        if undone.code != 0:
            end = f"It could not be brought back either: {self._why(undone)}"
        raise CommitError(
            f"{self.hostname}: the candidate did not take effect as written:{refused}\n  {difference}\n{end}"
        )

    def _take_back_from(self, observed: Configuration, plan: Plan) -> Output:
        """Bring the router back from what runs now, for which the way back was not made."""
        back = way(observed, plan.running)
        if back is not None:
            self._router().run(change.SCRIPTS.script("amend", {"owner": self._owner}, {"way_back": back}))
        return self._undo("the result was not as intended")

    def _never_the_same(self, plan: Plan) -> str:
        return change.never_the_same(plan.running_text)


def _origin(plan: Plan, number: int, line: str) -> int:
    """Find the line of the candidate that a refused line came from; that of a replacement is known by its words."""
    if 0 < number <= len(plan.numbers):
        return plan.numbers[number - 1]
    return next((one.number for one in plan.changing if one.line == line), number)
