"""Why sshd does not take a key that stands where it should: what the machine itself says, by the session that is still open. Pure."""

import shlex

from tasks.access.account import Account
from tasks.access.sshd import effective
from tasks.linux.observe import Seen

NO_SHELLS = ("nologin", "false")


def questions(user: str) -> dict[str, str]:
    """Read-only commands whose answers reason() needs."""
    quoted = shlex.quote(user)
    return {
        "sshd for the user": f"PATH=$PATH:/usr/sbin:/sbin; sshd -T -C user={quoted},host=localhost,addr=127.0.0.1 2>&1",
        "password": f"PATH=$PATH:/usr/sbin:/sbin; passwd -S {quoted} 2>&1",
        "expiry": f'getent shadow {quoted} | {{ IFS=: read -r _ _ _ _ _ _ _ day _; [ ! "$day" ] || '
        f'[ "$day" -gt $(($(date +%s) / 86400)) ] || date -u -d "@$((day * 86400))" +%F; }}',
        "journal": "journalctl -q -n 3 -o cat --no-pager -t sshd -t sshd-session 2>/dev/null | tail -n 1",
    }


def reason(account: Account, seen: Seen) -> tuple[str, str]:
    """The likely cause, and its cure."""
    user, said = account.user, effective(seen["sshd for the user"].text)
    root = said.get("permitrootlogin", "") if user == "root" else ""
    locked = seen["password"].text.split()[1:2] in (["L"], ["LK"])
    expired = seen["expiry"].text.strip()
    named = [key for key in ("allowusers", "allowgroups", "denyusers", "denygroups") if key in said]
    causes = (
        (root == "no", "PermitRootLogin no", "prohibit-password in its sshd_config, or a user with sudo as username"),
        (root == "forced-commands-only", f"PermitRootLogin {root}", "prohibit-password in its sshd_config"),
        (said.get("pubkeyauthentication") == "no", "PubkeyAuthentication no", "yes in its sshd_config"),
        (
            locked and said.get("usepam") == "no",
            f"the account {user} is locked, and sshd has UsePAM no",
            f"usermod -p '*' {user}, or UsePAM yes",
        ),
        (
            account.shell.rpartition("/")[2] in NO_SHELLS,
            f"the shell of {user} is {account.shell}",
            f"usermod -s /bin/sh {user}",
        ),
        (expired, f"the account {user} has expired on {expired}", f"chage -E -1 {user}"),
        (named, f"its sshd_config has {', '.join(f'{key} {said[key]}' for key in named)}", f"let {user} in there"),
    )
    last = (seen["journal"].lines or ["nothing"])[-1]
    found = ((cause, cure) for holds, cause, cure in causes if holds)
    return next(found, (f"its sshd says: {last}", "see journalctl -t sshd there"))
