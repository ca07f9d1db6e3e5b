"""A change, as BIRD sees it: what its scripts are told, and what they and its parser answer."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from napalm_unix_router.reasons import Reasons
from napalm_unix_router.scripts import Scripts

from napalm_bird.secrets import hide

FOLDER: Final = "/var/lib/napalm-bird"
NO_ACCESS: Final = 38

_NOT_READ: Final = 52
_REASONS: Final = {
    NO_ACCESS: "this user may not look into /var/lib/napalm-bird; become root (see sudo) or a member of BIRD's group",
    39: "BIRD shows without milliseconds when it read its configuration, and this driver tells configurations "
    "apart by that; take `timeformat base` out of bird.conf or write `timeformat base iso long ms`. It shows",
    40: "birdc is not there; install BIRD (package bird2 or bird3)",
    41: "BIRD does not answer; does it run (systemctl start bird), and may this user ask it?",
    45: 'BIRD reads another configuration file; say so with optional_args={"config_file": ...}. It reads',
    48: "BIRD's own configuration files are not sound as they stand, a restart would fail; mend that first",
    49: "somebody changed BIRD's files and has not loaded them; a change of ours would put that into force, too. "
    "Run `birdc configure`, or put them back. Changed",
    53: "the file cannot be written; is the disk full or read-only? Nothing was confirmed, the router will revert",
    54: "the router has already reverted",
    55: "BIRD did not take it; what it reads at its start is the old configuration",
    56: "somebody changed BIRD's files since the commit, and a confirmation would load that, too. "
    "Nothing was confirmed, the router will revert. Changed",
    57: "BIRD still works on an earlier reconfiguration: a protocol takes its time to go down; try again",
    58: "BIRD keeps the change, but its file could not be put into its place; the next call does it, "
    "a restart would revert",
    59: "BIRD keeps the change and the file is in its place, but BIRD does not read its files again",
    61: "the file was changed by someone else after the commit; a rollback would undo that too. "
    "Load the configuration that you want with load_replace_candidate instead",
}
_CURE: Final = (
    "BIRD does not read the file that this driver owns. Add a line to bird.conf itself, at its end and at the "
    "beginning of the line, and make the file that it names, empty"
)

_PLACE = re.compile(r"(\S*/(candidate|bird)\.conf|\S+):(\d+):\d+ (.*)")


@dataclass(frozen=True)
class Site:
    """Where BIRD's things are on this router."""

    include: str = "/etc/bird/conf.d/napalm.conf"
    main: str = "/etc/bird/bird.conf"
    socket: str = ""

    @property
    def scripts(self) -> Scripts:
        """The scripts, told where things are."""
        return Scripts("napalm_bird", FOLDER, {"include": self.include, "main": self.main, "socket": self.socket})

    @property
    def reasons(self) -> Reasons:
        """What their answers mean."""
        return Reasons(FOLDER, {**_REASONS, _NOT_READ: f'{_CURE}: include "{self.include}";'}, _one_line)


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


def _one_line(words: str) -> str:
    return hide(words).replace("\n", " ")
