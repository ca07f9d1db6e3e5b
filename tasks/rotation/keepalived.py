"""A new password of VRRP on all control planes at one moment: what is written, and how keepalived reads it. Pure.

Who has another password is not heard: the packet is counted and dropped (keepalived: vrrp/vrrp.c, vrrp_in_chk, "received an invalid
passwd"), and a backup that has heard nobody for three advertisements and its skew becomes a master beside the other one. A start reads
the new file, too, but one after the other, so that some time each order has two holders. A reload does not: at SIGHUP keepalived reads
its file and keeps its state ("Keep the state from before reload", vrrp/vrrp_data.c and vrrp.c, reset_vrrp_state), a master its address.
So all write first; then all are told to reload, within less than the three seconds that a backup waits; and only then the manifests, which
name the hash of the file, are written, one control plane after the other, as deploy.py does it: whoever starts anew then is heard by all.
VRRP's version 3 has no authentication (RFC 5798, section 9), nor has kube-vip: there is nothing to change there.
"""

from collections.abc import Iterable

from kubepeer.intent import Intent, Node
from tasks.control_plane.endpoint import KEEPALIVED_FILE, KEEPALIVED_POD, plan_endpoint
from tasks.linux.observe import Seen
from tasks.linux.state import Execute, LinuxChange, Write

# The parent process of our pod: it tells its child. The words are those of the manifest; NUL stands between them in cmdline (proc(5)).
PROCESS = "keepalived -n -l -D -P -f /etc/keepalived/keepalived.conf"
PARENTS = f"""parents() {{ for d in $(grep -lsF keepalived /proc/[0-9]*/cmdline); do d=${{d%/cmdline}}
    [ "$(tr '\\0' ' ' <"$d/cmdline" 2>/dev/null)" = "{PROCESS} " ] || continue
    parent=$(sed -n 's/^PPid:[[:space:]]*//p' "$d/status" 2>/dev/null)
    [ "$(cat "/proc/$parent/comm" 2>/dev/null)" = keepalived ] || echo "${{d#/proc/}}"
done; }}
"""
QUESTIONS = {"keepalived": f"{PARENTS}parents"}
RELOAD = f'{PARENTS}for p in $(parents); do kill -HUP "$p" || exit; done'
RELOAD_SECONDS = 20
MODE = "600"


def written(changes: Iterable[LinuxChange]) -> tuple[LinuxChange, ...]:
    """Of what the endpoint's plan changes, keepalived's file alone; nothing is restarted by it."""
    return tuple(
        LinuxChange(one.what, one.before, one.after, secret=True, steps=(Write(one.what, one.after, MODE),))
        for one in changes
        if one.what == KEEPALIVED_FILE and one.after is not None
    )


def reload() -> LinuxChange:
    """Keepalived reads its file, and stays what it is."""
    step = Execute("reload of keepalived", RELOAD, RELOAD_SECONDS)
    return LinuxChange("keepalived reload", None, "its file is read anew", steps=(step,))


def runs_with_another(changes: Iterable[LinuxChange]) -> bool:
    """Whether a control plane's keepalived may have begun with another file than the one that is wanted.

    Its manifest names the hash of what it was started for; where that is the right one, and the file, too, it has read it.
    """
    return any(one.what in (KEEPALIVED_FILE, KEEPALIVED_POD) for one in changes)


def differs_otherwise(intent: Intent, node: Node, seen: Seen, standing: str | None) -> list[str]:
    """What of the endpoint's files is not as the inventory says, whatever the password is.

    Args:
        intent: of the inventory.
        node: the control plane.
        seen: its files.
        standing: the password that stands in its file.

    """
    return [one.what for one in plan_endpoint(intent, node, seen, standing) if one.what != KEEPALIVED_POD]
