"""What was loaded, and what it makes of the running configuration. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass

from napalm_unix_router import candidate

from napalm_frr.configuration import Configuration, Statement, parse, read, render, text_of
from napalm_frr.contexts import Path
from napalm_frr.draft import Draft
from napalm_frr.merge import FragmentError, overlay
from napalm_frr.whole import whole

_VTYSH_OWN = re.compile(r"(?:no )?service integrated-vtysh-config")
"""vtysh knows this from its own vtysh.conf, and from there alone: a candidate cannot change it."""

# State of the machine or of the installation rather than configuration: a replacing candidate that does not name it
# keeps what is there. zebra prints the kernel's forwarding, vtysh the system's host name.
_INHERITED = re.compile(r"(?:no )?(?:ip|ipv6) forwarding|frr defaults \S+|hostname \S+|service integrated-vtysh-config")


@dataclass(frozen=True)
class Plan:
    """What runs, what should run, and the text that leads there."""

    running_text: str
    running: Configuration
    effective: Configuration
    changing: tuple[Statement, ...]
    fragment: str
    numbers: tuple[int, ...]
    """For each line of the fragment the line of the candidate that it came from; 0 for a line of ours."""

    @property
    def is_empty(self) -> bool:
        """Tell whether nothing would change."""
        return self.running.same_as(self.effective)


class Candidate(candidate.Candidate):
    """Configuration as somebody loaded it, in FRR's words."""

    @property
    def engine(self) -> str:
        """Name the way in which it is applied."""
        return "reload" if self.replaces else "merge"

    def plan(self, running_text: str) -> Plan:
        """Work out what it makes of what runs."""
        running = read(running_text)
        try:
            return self._replacement(running_text, running) if self.replaces else self._merge(running_text, running)
        except FragmentError as error:
            raise self.refusal(str(error)) from error

    def _statements(self) -> tuple[Statement, ...]:
        return tuple(one for one in parse(self.text) if not _VTYSH_OWN.fullmatch(one.line))

    def _merge(self, running_text: str, running: Configuration) -> Plan:
        merged = overlay(running, self._statements())
        contexts = frozenset(one.path for one in merged.changing if one.is_context)
        lines = render([one.path for one in merged.changing], contexts)
        sources = iter(merged.changing)
        numbers = tuple(next(sources).number if path is not None else 0 for _, path in lines)
        fragment = "".join(f"{line}\n" for line, _ in lines)
        return Plan(running_text, running, merged.effective, merged.changing, fragment, numbers)

    def _replacement(self, running_text: str, running: Configuration) -> Plan:
        statements = self._statements()
        named = {_subject(one.path) for one in statements}
        kept = [path for path in running.paths if _is_inherited(path) and _subject(path) not in named]
        draft = Draft(running)
        draft.become(whole(statements, Configuration(tuple(kept), frozenset(), running.generation), running))
        effective = draft.configuration()
        return Plan(running_text, running, effective, statements, text_of(effective), ())


def _is_inherited(path: Path) -> bool:
    return len(path) == 1 and _INHERITED.fullmatch(path[0]) is not None


def _subject(path: Path) -> str:
    """Name what a line of the inherited kind is about, whether it says so or denies it."""
    words = path[0].removeprefix("no ").split(" ")
    return words[0] if words[0] == "hostname" else " ".join(words[:2])
