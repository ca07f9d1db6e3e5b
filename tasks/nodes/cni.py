"""Files of other networks that a container runtime would take before Calico's. Pure."""

import shlex
from collections.abc import Iterator

from kubepeer.intent import Intent
from tasks.linux.observe import Answer, Seen
from tasks.linux.state import LinuxChange, action

FOLDER = "/etc/cni/net.d"
CALICO = "10-calico.conflist"  # as its install-cni has it by default (CNI_CONF_NAME)
OWN = (CALICO, "10-calico.conf")  # older versions wrote the second
ASIDE = ".set-aside-by-kubepeer"  # no ending that libcni reads
# libcni takes these endings and sorts the names, and containerd uses the first (max_conf_num = 1). No program: the shell lists them.
QUESTION = (
    f"""for f in {FOLDER}/*.conf {FOLDER}/*.conflist {FOLDER}/*.json; do [ ! -e "$f" ] || echo "${{f##*/}}"; done"""
)


def read_instead(answer: Answer, *, member: bool) -> tuple[str, ...]:
    """The names that a runtime takes in Calico's place: those that sort before it; and on a node that has no Calico yet every other one.

    Until Calico has written its own file any file makes the node ready, and CoreDNS gets an address of that network.
    """
    others = sorted(name for name in answer.lines if name not in OWN)
    waits = not member and not any(name in OWN for name in answer.lines)
    return tuple(name for name in others if waits or name < CALICO)


def plan(intent: Intent, seen: Seen) -> Iterator[LinuxChange]:
    """Each is moved aside where the inventory asks for it; the file stays, under a name that nothing reads."""
    if not intent.software.set_aside_other_cni:
        return
    for name in read_instead(seen["cni"], member=bool(seen["member"].lines)):
        path = f"{FOLDER}/{name}"
        script = f"mv -f -- {shlex.quote(path)} {shlex.quote(path + ASIDE)}"
        yield action(path, f"set aside as {name}{ASIDE}", script, before=f"read {_when(name)}")


def _when(name: str) -> str:
    return f"before {CALICO}" if name < CALICO else f"until {CALICO} is there"
