"""A change, as the router sees it: the scripts that commit, confirm, revert and roll back, and what they answer."""

from __future__ import annotations

import hashlib
import re
import secrets
import shlex
import time
from dataclasses import dataclass
from importlib import resources
from typing import Final

from napalm_frr.secrets import hide

GUARD_SECONDS: Final = 300
"""A commit without ``revert_in`` reverts after this time too, unless this driver ends it: a controller may die."""

LOCKED: Final = 42
REFUSED: Final = 43
CHANGED_MEANWHILE: Final = 44

_REPLACEMENT = "\ufffd"  # what a byte that is no UTF-8 was read as
_LINE = re.compile(r"line (\d+): (?:% )?(.*)")
_NOISE = ("XFRR_end_configuration", "Can't open configuration file")

_REASONS: Final = {
    4: "the router could not be brought back",
    40: "vtysh is not there; install FRR (package frr)",
    41: "frr-reload.py is not there, so no change could be taken back; install the package frr-pythontools",
    45: "/etc/frr/frr.conf is not there; this driver needs FRR's integrated configuration "
    "(service integrated-vtysh-config, then write memory)",
    46: "/var/lib/napalm-frr cannot be written; is the disk full or read-only?",
    47: "no timer can be armed: neither systemd-run nor setsid works",
    50: "no commit is pending",
    53: "/etc/frr/frr.conf cannot be written; is the disk full, or the file a mount of its own? "
    "Nothing was confirmed, the router will revert",
    54: "the router has already begun to revert",
    60: "there is no confirmed commit to roll back",
    61: "the running configuration was changed by someone else after the commit; a rollback would undo that too. "
    "Load the configuration that you want with load_replace_candidate instead",
}


@dataclass(frozen=True)
class Change:
    """What a commit sends to the router."""

    owner: str
    message: str
    seconds: int
    engine: str
    running: str
    candidate: str
    fragment: str
    secrets_forward: str
    way_back: str

    def script(self) -> str:
        """Write the script that checks, backs up, arms the timer, and applies."""
        checksum = hashlib.sha256(self.running.encode()).hexdigest()
        identifier = f"{time.strftime('%Y%m%dT%H%M%S', time.gmtime())}-{secrets.token_hex(3)}"
        values = {
            "id": identifier,
            "owner": self.owner,
            "message": " ".join(self.message.split()),
            "seconds": str(self.seconds),
            "expected": checksum,
            "engine": self.engine,
        }
        files = {
            "candidate": self.candidate,
            "fragment": self.fragment,
            "secrets_forward": self.secrets_forward,
            "way_back": self.way_back,
            "revert_script": _source("state") + _source("revert"),
        }
        return _script("commit", values, files)


def confirm_script(owner: str) -> str:
    """Write the script that confirms the pending change."""
    return _script("confirm", {"owner": owner})


def rollback_script(owner: str, reason: str) -> str:
    """Write the script that takes back the pending change, or else the last confirmed one."""
    return _script("rollback", {"owner": owner, "reason": reason})


def pending_script() -> str:
    """Write the script that tells of the pending change."""
    return _script("pending", {})


def check_script(candidate: str) -> str:
    """Write the script that has FRR's own parser check a candidate. No file is written: vtysh reads the pipe."""
    return f"vtysh -C -f /dev/stdin {_document(candidate)}"


def reason(code: int, words: str) -> str:
    """Say why a script ended with this code."""
    if code == LOCKED:
        return _locked(words)
    if code == 51:  # noqa: PLR2004 (confirm.sh and rollback.sh: not ours)
        return f"the pending change is {words.strip()}'s, not ours; it ends by itself when its time is over"
    known = _REASONS.get(code)
    said = hide(words.strip())
    if known is None:
        return f"exit code {code}: {said}"
    return f"{known}: {said}" if said else known


def _locked(words: str) -> str:
    owner, _, rest = words.strip().partition(" ")
    deadline, _, result = rest.partition(" ")
    if result:
        return f"a change of {owner} could not be reverted; look at /var/lib/napalm-frr/lock, then call rollback()"
    until = f" until {time.strftime('%H:%M:%S', time.gmtime(int(deadline)))} UTC" if deadline.isdigit() else ""
    return f"a change of {owner} is pending{until}; it must be confirmed or reverted first"


def never_the_same(running: str) -> str:
    """Say why what runs, as it was read, is again and again not what the router compares it with."""
    for line in running.splitlines():
        if _REPLACEMENT in line:
            shown = hide(line.strip())
            return (
                f'bytes that are not UTF-8 stand in its line "{shown}", and it cannot be compared; write that line anew'
            )
    return "its configuration keeps changing under our hands"


def refusals(said: str) -> list[tuple[int, str, str]]:
    """Read what vtysh refused: the number of the line, the line, and the router's own words."""
    found, words = [], list[str]()
    for each in said.splitlines():
        if not each.strip() or any(noise in each for noise in _NOISE):
            continue
        match = _LINE.match(each)
        if match:
            reason_, _, line = match.group(2).partition(": ")
            line = line.removeprefix("line:")
            if reason_.startswith("Failure to communicate") and ", line:" in match.group(2):
                line = match.group(2).partition(", line:")[2]
                reason_ = " ".join(words) or reason_
            found.append((int(match.group(1)), line.strip(), re.sub(r"\[\d+\]$", "", reason_).strip("% ")))
            words = []
        else:
            words.append(each.strip())
    return found


def _script(name: str, values: dict[str, str], files: dict[str, str] | None = None) -> str:
    assignments = "".join(f"{key}={shlex.quote(value)}\n" for key, value in values.items())
    functions = "".join(f"{key}() {{\n    cat {_document(text)}}}\n" for key, text in (files or {}).items())
    # A shell runs what it has read so far. In braces the work is one command: where the connection breaks while the
    # script is being sent, nothing of it is done.
    return _source("state") + assignments + functions + "{\n" + _source(name) + "}\n"


def _document(text: str) -> str:
    """Write a here-document; its end is random, so that no content can be taken for it."""
    end = f"END_{secrets.token_hex(12)}"
    text = text if not text or text.endswith("\n") else text + "\n"
    return f"<<'{end}'\n{text}{end}\n"


def _source(name: str) -> str:
    return resources.files("napalm_frr").joinpath("scripts", f"{name}.sh").read_text(encoding="utf-8")
