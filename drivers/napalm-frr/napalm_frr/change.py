"""A change, as FRR sees it: what its scripts are told, and what they and its parser answer."""

from __future__ import annotations

import re
from typing import Final

from napalm_unix_router.reasons import Reasons
from napalm_unix_router.scripts import Scripts
from napalm_unix_router.shell import document

from napalm_frr.secrets import hide

FOLDER: Final = "/var/lib/napalm-frr"
SCRIPTS: Final = Scripts(package="napalm_frr", folder=FOLDER)
REASONS: Final = Reasons(
    folder=FOLDER,
    known={
        40: "vtysh is not there; install FRR (package frr)",
        41: "frr-reload.py is not there, and the way to this configuration or back cannot be worked out for vtysh "
        "alone; make the change in smaller steps, or install the package frr-pythontools",
        45: "/etc/frr/frr.conf is not there; this driver needs FRR's integrated configuration "
        "(service integrated-vtysh-config, then write memory)",
        48: "FRR's configuration is locked by another session; wait for its end, or end it. FRR says",
        49: "the configuration is split over one file for each daemon (no service integrated-vtysh-config); "
        "say `service integrated-vtysh-config` in /etc/frr/vtysh.conf and then `write memory`",
        52: "/etc/frr/frr.conf could not be saved once the change is confirmed; is the disk full or read-only, or the "
        "file a mount of its own? The router says",
        53: "/etc/frr/frr.conf cannot be written; is the disk full, or the file a mount of its own? "
        "Nothing was confirmed, the router will revert",
        54: "the router has already begun to revert",
        61: "the running configuration was changed by someone else after the commit; a rollback would undo that too. "
        "Load the configuration that you want with load_replace_candidate instead",
    },
    hide=hide,
)

_REPLACEMENT = "\ufffd"  # what a byte that is no UTF-8 was read as
_LINE = re.compile(r"line (\d+): (?:% )?(.*)")
_NOISE = ("XFRR_end_configuration", "Can't open configuration file")


def check_script(candidate: str) -> str:
    """Write the script that has FRR's own parser check a candidate. No file is written: vtysh reads the pipe."""
    return f"vtysh -C -f /dev/stdin {document(candidate)}"


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
