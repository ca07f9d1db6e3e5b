"""SELinux: off, watching, or enforcing with the policy of containers; on a machine without it nothing. Pure."""

import re
from collections.abc import Iterator

from kubepeer.intent import Intent
from tasks.linux.observe import Answer, Seen
from tasks.linux.state import LinuxChange, action, file

CONFIG = "/etc/selinux/config"
PLACE = "/etc/kubernetes"
# selinux(8): the file system is there when it is on. Whether our folder has the label of the policy (kubernetes_file_t of
# container-selinux, where it knows one) is asked only where something depends on it.
QUESTION = f"""if read -r v 2>/dev/null </sys/fs/selinux/enforce; then
    [ "$v" = 1 ] && echo enforcing || echo permissive
    [ "$v" != 1 ] || [ ! -e {PLACE} ] || matchpathcon -V {PLACE} {PLACE}/manifests 2>/dev/null | grep -q 'should be' && echo unlabelled
elif [ -e {CONFIG} ]; then echo disabled
fi; true"""
SETTING = re.compile(r"^[ \t]*SELINUX[ \t]*=[ \t]*(\w*).*$", re.MULTILINE)  # selinux_config(5)
RELABEL_SECONDS = 60
IN_KERNEL = {"enforcing": 1, "permissive": 0}


def mode(answer: Answer) -> str:
    """What is so now: enforcing, permissive or disabled; "" on a machine that has no SELinux."""
    return answer.lines[0] if answer.lines else ""


def refusals(intent: Intent, now: str, *, member: bool) -> Iterator[str]:
    """Why not to begin, with the cure: a member has been living with it."""
    wanted = intent.software.selinux
    if member:
        return
    if wanted is None and now == "enforcing":
        yield "SELinux is enforcing: set software.selinux to disabled or permissive, or to enforcing where it is to stay"
    if wanted == "enforcing" and now == "disabled":
        yield (
            "SELinux is off, and a boot must label every file before it can enforce: "
            f"set SELINUX=permissive in {CONFIG}, run fixfiles -F onboot, reboot it, or set software.selinux: disabled"
        )


def plan(intent: Intent, seen: Seen) -> Iterator[LinuxChange | None]:
    """The mode of the inventory, now and after a boot. What is off is not switched on."""
    wanted, now, stands = intent.software.selinux, mode(seen["selinux"]), seen.files[CONFIG]
    if wanted is None or not now:
        return
    if wanted == "disabled" or now != "disabled":
        text = _with_setting(stands.content if stands else "SELINUXTYPE=targeted\n", wanted)
        yield file(
            CONFIG, text, stands, mode=stands.mode if stands else "644", owner=stands.owner if stands else "root:root"
        )
    if now == "disabled":
        return
    live = "permissive" if wanted == "disabled" else wanted
    if live != now:
        after = "permissive, and disabled from the next boot on" if wanted == "disabled" else live
        yield action("SELinux", after, f"setenforce {IN_KERNEL[live]}", before=now)
    if live == now == "enforcing" and "unlabelled" in seen["selinux"].lines:
        yield action("SELinux labels", "those of the policy", f"restorecon -R {PLACE}", deadline=RELABEL_SECONDS)


def _with_setting(text: str, wanted: str) -> str:
    """The file with this mode in every line that says one: the last would count; every other line stays."""
    ours = f"SELINUX={wanted}"
    said = [found[1].lower() for found in SETTING.finditer(text)]
    if said and set(said) == {wanted}:
        return text
    if said:
        return SETTING.sub(ours, text)
    return text + ("" if text.endswith("\n") or not text else "\n") + f"{ours}\n"
