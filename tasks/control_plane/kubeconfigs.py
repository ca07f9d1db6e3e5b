"""The administrator's kubeconfig for root and for users of the control planes, never in the place of another cluster's. Pure."""

import shlex
from collections.abc import Iterator

from kubepeer.change import GENERATED
from kubepeer.intent import Intent
from tasks.linux.state import Execute, LinuxChange

ADMIN_CONF = "/etc/kubernetes/admin.conf"
ROOT = "root"
ASIDE = "set-aside-by-kubepeer"
# A file is right when it has this cluster's CA and this administrator's certificate, whatever else is in it: contexts of other clusters
# beside ours are their owner's. kubeadm writes both as one line of base64 each.
QUESTION = """[ ! -e {admin} ] || for u in {users}; do
    f=$(getent passwd "$u" | cut -d: -f6)/.kube/config
    for k in certificate-authority-data client-certificate-data; do
        v=$(sed -n "s/^ *$k: //p" {admin}); [ -n "$v" ] && grep -qsF -e "$v" "$f" || continue 2
    done
    [ "$(stat -Lc %U "$f")" != "$u" ] || echo "$u"
done; true"""
# Written by the user whose it is: what lies in a home may be a link to anywhere. A file that knows any other cluster is renamed, and no
# earlier one of that name is lost. Standard input has the file, so that the user need not be able to read the administrator's.
WRITE = """set -e; u={user}; h=$(getent passwd "$u" | cut -d: -f6)
[ -d "$h" ] || {{ echo "$u has no home on this machine: create the user, or take it out of software.kubeconfig_users" >&2; exit 1; }}
cd /; runuser -u "$u" -- env K="$h/.kube" A={aside} sh -c 'set -e; umask 077; mkdir -p "$K"; f=$K/config; cat >"$f.kubepeer"
    ca=$(sed -n "s/^ *certificate-authority-data: //p" "$f.kubepeer")
    if [ -e "$f" ] && {{ [ "$(grep -c "^ *server: " "$f")" -gt 1 ] || ! grep -qF -e "$ca" "$f"; }}
    then mv --backup=numbered -T "$f" "$f.$A"; fi
    mv -fT "$f.kubepeer" "$f"' <{admin}"""


def users(intent: Intent) -> tuple[str, ...]:
    """Root, and those of the inventory."""
    return tuple(dict.fromkeys((ROOT, *intent.software.kubeconfig_users)))


def question(intent: Intent) -> str:
    """The users whose kubeconfig is right, a line each."""
    return QUESTION.format(admin=ADMIN_CONF, users=" ".join(map(shlex.quote, users(intent))))


def plan(intent: Intent, current: tuple[str, ...]) -> Iterator[LinuxChange]:
    """Whoever has none, an older one or another cluster's gets this one's.

    Args:
        intent: with the users.
        current: those whose kubeconfig is right.

    """
    for user in users(intent):
        if user in current:
            continue
        home = "/root" if user == ROOT else f"~{user}"
        yield LinuxChange(f"{home}/.kube/config", None, GENERATED, secret=True, steps=(writing(user),))


def writing(user: str) -> Execute:
    """Copy the administrator's kubeconfig as it stands to a user."""
    return Execute(f"kubeconfig of {user}", WRITE.format(user=shlex.quote(user), aside=ASIDE, admin=ADMIN_CONF))
