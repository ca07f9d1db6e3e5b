"""A change, as the router sees it: the scripts that check, commit, confirm and roll back, and what they answer."""

from __future__ import annotations

import hashlib
import re
import secrets
import shlex
import time
from dataclasses import dataclass
from importlib import resources
from typing import Final

from napalm_bird.secrets import hide

GUARD_SECONDS: Final = 300
"""A commit without ``revert_in`` reverts after this time too, unless this driver ends it: a controller may die."""

LOCKED: Final = 42
REFUSED: Final = 43
CHANGED_MEANWHILE: Final = 44
_NOT_OURS: Final = 51

_REASONS: Final = {
    4: "the router could not be brought back",
    38: "this user may not look into /var/lib/napalm-bird; become root (see sudo) or a member of BIRD's group",
    39: "BIRD shows without milliseconds when it read its configuration, and this driver tells configurations "
    "apart by that; take `timeformat base` out of bird.conf or write `timeformat base iso long ms`. It shows",
    40: "birdc is not there; install BIRD 2 (package bird2)",
    41: "BIRD does not answer; does it run (systemctl start bird), and may this user ask it?",
    45: 'BIRD reads another configuration file; say so with optional_args={"config_file": ...}. It reads',
    46: "/var/lib/napalm-bird cannot be written; is the disk full or read-only?",
    47: "no timer can be armed: neither systemd-run nor setsid works",
    48: "BIRD's own configuration files are not sound as they stand, a restart would fail; mend that first",
    49: "somebody changed BIRD's files and has not loaded them; a change of ours would put that into force, too. "
    "Run `birdc configure`, or put them back. Changed",
    50: "no commit is pending",
    52: "BIRD does not read the file that this driver owns. Add a line to bird.conf itself, at its end and at the "
    "beginning of the line, and make the file that it names, empty",
    53: "the file cannot be written; is the disk full or read-only? Nothing was confirmed, the router will revert",
    54: "the router has already reverted",
    55: "BIRD did not take it; what it reads at its start is the old configuration",
    56: "somebody changed BIRD's files since the commit, and a confirmation would load that, too. "
    "Nothing was confirmed, the router will revert. Changed",
    57: "BIRD still works on an earlier reconfiguration: a protocol takes its time to go down; try again",
    58: "BIRD keeps the change, but its file could not be put into its place; the next call does it, "
    "a restart would revert",
    59: "BIRD keeps the change and the file is in its place, but BIRD does not read its files again",
    60: "there is no confirmed commit to roll back",
    61: "the file was changed by someone else after the commit; a rollback would undo that too. "
    "Load the configuration that you want with load_replace_candidate instead",
}

_PLACE = re.compile(r"(\S*/(candidate|bird)\.conf|\S+):(\d+):\d+ (.*)")


@dataclass(frozen=True)
class Site:
    """Where BIRD's things are on this router."""

    include: str = "/etc/bird/conf.d/napalm.conf"
    main: str = "/etc/bird/bird.conf"
    socket: str = ""

    def script(self, name: str, values: dict[str, str] | None = None, files: dict[str, str] | None = None) -> str:
        """Write a script: what it is told, what it prints into files, what all scripts share, and the script itself."""
        known = {"include": self.include, "main": self.main, "socket": self.socket}
        functions = "".join(f"{key}() {{\n    cat {_document(text)}}}\n" for key, text in (files or {}).items())
        return _assignments(known) + _source("state") + _assignments(values or {}) + functions + _source(name)


@dataclass(frozen=True)
class Change:
    """What a commit sends to the router."""

    owner: str
    message: str
    seconds: int
    standing: str
    candidate: str

    def script(self, site: Site) -> str:
        """Write the script that checks, arms the timers and hands the candidate to BIRD."""
        values = {
            "id": f"{time.strftime('%Y%m%dT%H%M%S', time.gmtime())}-{secrets.token_hex(3)}",
            "owner": self.owner,
            "message": " ".join(self.message.split()),
            "seconds": str(self.seconds),
            "expected": hashlib.sha256(self.standing.encode()).hexdigest(),
        }
        return site.script("commit", values, {"candidate": self.candidate, "revert_script": site.script("revert")})


@dataclass(frozen=True)
class Refusal:
    """What BIRD's parser did not like: the file as the router's people know it, the line, and BIRD's words."""

    is_candidate: bool
    file: str
    line: int
    words: str


def refusal(said: str, site: Site) -> Refusal | None:
    """Read where BIRD's parser stopped; it names one place, the first."""
    for each in said.splitlines():
        found = _PLACE.match(each)
        if found:
            path, known, line, words = found.groups()
            file = {"candidate": site.include, "bird": site.main}.get(known or "", path)
            return Refusal(known == "candidate", file, int(line), hide(words))
    return None


def reason(code: int, words: str, site: Site) -> str:
    """Say why a script ended with this code."""
    said = hide(words.strip()).replace("\n", " ")
    if code == LOCKED:
        return _locked(words)
    if code == _NOT_OURS:
        return f"the pending change is {said}'s, not ours; it ends by itself when its time is over"
    if code == 52:  # noqa: PLR2004 (state.sh: the file is not read)
        return f'{_REASONS[52]}: include "{site.include}";'
    known = _REASONS.get(code, f"exit code {code}")
    return f"{known}: {said}" if said else known


def _locked(words: str) -> str:
    owner, _, deadline = words.strip().partition(" ")
    until = f" until {time.strftime('%H:%M:%S', time.gmtime(int(deadline)))} UTC" if deadline.isdigit() else ""
    return f"a change of {owner} is pending{until}; it must be confirmed or reverted first"


def _assignments(values: dict[str, str]) -> str:
    return "".join(f"{key}={shlex.quote(value)}\n" for key, value in values.items())


def _document(text: str) -> str:
    """Write a here-document; its end is random, so that no content can be taken for it."""
    end = f"END_{secrets.token_hex(12)}"
    text = text if not text or text.endswith("\n") else text + "\n"
    return f"<<'{end}'\n{text}{end}\n"


def _source(name: str) -> str:
    return resources.files("napalm_bird").joinpath("scripts", f"{name}.sh").read_text(encoding="utf-8")
