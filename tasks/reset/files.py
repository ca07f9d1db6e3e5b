"""What deploy.py has written on a node beside kubeadm's and Calico's places, and how each is given back. Pure.

A file of ours alone goes; of an owner's file only our part goes: the block with our marks, and the mark before a line that is out of force.
What was read as a setting and not kept (a mode of SELinux, a time zone, a firewall that was switched off, a swap unit) stays as it is:
docs/operations/reset.md has the list.
"""

import shlex
from collections.abc import Iterator

from kubepeer.intent import Intent
from tasks.control_plane.endpoint import WRITTEN
from tasks.control_plane.kubeconfigs import ASIDE as KUBECONFIG_ASIDE
from tasks.control_plane.kubeconfigs import users
from tasks.linux.observe import FileSeen, Seen
from tasks.linux.state import (
    COMMENT,
    PENDING_RESTARTS,
    Execute,
    LinuxChange,
    Remove,
    action,
    clearing_marker,
    file,
    in_force_again,
    marker_of,
    present,
    unit_says,
    without_block,
)
from tasks.nodes import (
    archives,
    calicoctl,
    clock,
    cni,
    completion,
    firewalld,
    hosts,
    kernel,
    proxy,
    runtime,
    swap,
    sysctls,
    ufw,
)
from tasks.nodes.clock import CHRONY_CONF, CHRONY_FILE
from tasks.nodes.managers.apt import APT_FILE
from tasks.nodes.managers.rpm import KEY_PLACE, REPOSITORY_FILE
from tasks.nodes.managers.versionlock import LISTS, unlocked
from tasks.nodes.packages import HELD_QUESTION, OURS
from tasks.nodes.registries import CERTS_FOLDER
from tasks.nodes.systems import PLACES

BLOCK = "kubepeer"
# By name or by their first line they are ours as a whole.
OWN = (
    *(kernel.MODULES_FILE, sysctls.SYSCTL_FILE, sysctls.LAST_FILE, APT_FILE, REPOSITORY_FILE),
    *proxy.PATHS,
    *firewalld.PATHS,
    *(CHRONY_FILE, calicoctl.ENVIRONMENT_FILE),
)
COMPLETIONS = tuple(f"{completion.FOLDER}/{program}" for program in completion.PROGRAMS)
KUBELET_FILES = tuple(places.kubelet_file for places in PLACES.values())
KUBELET_DEFAULT, KUBELET_OURS = (
    "KUBELET_EXTRA_ARGS=\n",
    "KUBELET_EXTRA_ARGS=--node-ip=",
)  # as the package has it, and as we write it
PATHS = (
    *OWN,
    *COMPLETIONS,
    *KUBELET_FILES,
    *LISTS.values(),
    *(*hosts.PATHS, swap.FSTAB, sysctls.SYSCTL_CONF, CHRONY_CONF, ufw.BEFORE_RULES),
    *(runtime.CONTAINERD_FILE, runtime.ORIGINAL_FILE, runtime.CRICTL_FILE),
)
RELOAD_SECONDS = 120
CHRONY_UNITS = ("chrony", "chronyd")  # the first is what this plan marks; deploy.py marks the system's own
# A key that another source of packages names is not ours alone.
LEFT_KEYS = """others=$(ls -d /etc/apt/sources.list /etc/apt/sources.list.d/* /etc/yum.repos.d/* 2>/dev/null | grep -v /kubepeer)
for f in {keys} {pattern}*; do
    [ ! -e "$f" ] || grep -qsF -e "$f" /dev/null $others || echo "$f"
done; true"""
LIST_MIRRORS = f"grep -ls '^# {WRITTEN}' {CERTS_FOLDER}/*/hosts.toml | sed 's|/hosts.toml$||'; true"
LIST_CHRONY = f"grep -ls '^{COMMENT}' {clock.OTHER_FILES}; true"
LIST_CNI = f'for f in {cni.FOLDER}/*{cni.ASIDE}; do [ ! -e "$f" ] || echo "$f"; done'
# of several that were set aside the first is the owner's: mv numbers the later ones
LIST_KUBECONFIGS = """for u in {users}; do
    f=$(getent passwd "$u" | cut -d: -f6)/.kube/config
    [ ! -e "$f.{aside}" ] || [ -e "$f" ] || {{ [ -e "$f.{aside}.~1~" ] && echo "$f.{aside}.~1~" || echo "$f.{aside}"; }}
done; true"""
CALICOCTL = (
    f"[ ! -e {archives.NOTES}/calicoctl ] || ls -d {calicoctl.PROGRAM} {archives.NOTES}/calicoctl 2>/dev/null; "
    f'[ "$(readlink {calicoctl.PLUGIN})" != {calicoctl.PROGRAM} ] || echo {calicoctl.PLUGIN}; true'
)


def questions(intent: Intent) -> dict[str, str]:
    """Read-only."""
    keys = " ".join(map(shlex.quote, intent.packages.keyrings))
    names = " ".join(map(shlex.quote, users(intent)))
    return {
        "keys": LEFT_KEYS.format(keys=keys, pattern=KEY_PLACE),
        "mirrors": LIST_MIRRORS,
        "chrony": LIST_CHRONY,
        "cni": LIST_CNI,
        "kubeconfigs aside": LIST_KUBECONFIGS.format(users=names, aside=KUBECONFIG_ASIDE),
        "calicoctl": CALICOCTL,
        "ufw rules": ufw.QUESTION,
        "held": HELD_QUESTION,
        "restarts": PENDING_RESTARTS,
    }


def plan(seen: Seen) -> tuple[LinuxChange, ...]:
    """All of it; services that have read one of the files read them anew, also where a run was cut off before that.

    Args:
        seen: the answers to questions(), and the files of PATHS.

    """
    return present(
        *_owners(seen),
        *_chrony(seen),
        *_firewalls(seen),
        *(
            _gone(path, seen.files[path])
            for path in OWN
            if path not in (*firewalld.PATHS, CHRONY_FILE, *proxy.PATHS[1:])
        ),
        *(_gone(path, seen.files[path]) for path in COMPLETIONS if _is_written(seen.files[path])),
        *_listed("keys of package repositories", seen["keys"].lines, "rm -f -- {names}"),
        *_packages_let_go(seen),
        *_kubelet(seen),
        *_containerd(seen),
        *_listed("calicoctl", seen["calicoctl"].lines, "rm -f -- {names}"),
        *(_back(path, cni.ASIDE) for path in seen["cni"].lines),
        *(_back(path, path[path.index(f".{KUBECONFIG_ASIDE}") :]) for path in seen["kubeconfigs aside"].lines),
    )


def _owners(seen: Seen) -> Iterator[LinuxChange | None]:
    """Files of the machine's owner: our block, and our marks before lines."""
    for path in hosts.PATHS:
        yield _as_it_was(path, seen.files[path])
    for path in (swap.FSTAB, sysctls.SYSCTL_CONF):
        yield _as_it_was(path, seen.files[path], blocks=False)


def _as_it_was(path: str, stands: FileSeen | None, *, blocks: bool = True, marker: str = "") -> LinuxChange | None:
    if stands is None:
        return None
    text = in_force_again(without_block(stands.content, BLOCK) if blocks else stands.content)
    return file(path, text, stands, mode=stands.mode, owner=stands.owner, restart_marker=marker)


def _chrony(seen: Seen) -> Iterator[LinuxChange | None]:
    """Its own servers again; it reads its files anew where it runs."""
    marker = marker_of(CHRONY_UNITS[0])
    conf = _as_it_was(CHRONY_CONF, seen.files[CHRONY_CONF], marker=marker)
    others = [path for path in seen["chrony"].lines if path != CHRONY_CONF]
    changes = [conf, _gone(CHRONY_FILE, seen.files[CHRONY_FILE], marker=marker)]
    for path in others:
        script = f"touch -- {marker}; sed -i --follow-symlinks 's/^{COMMENT}//' {shlex.quote(path)}"
        changes.append(action(path, "its own servers", script, before=f"lines behind {COMMENT.strip()}"))
    yield from changes
    if any(changes) or not {*CHRONY_UNITS}.isdisjoint(seen["restarts"].lines):
        script = (
            "systemctl try-restart chrony.service chronyd.service 2>/dev/null; rm -f -- "
            f"{' '.join(map(marker_of, CHRONY_UNITS))}"
        )
        yield action("chrony", "has read its files", script)


def _firewalls(seen: Seen) -> Iterator[LinuxChange | None]:
    """What was opened is closed; whoever has opened the same himself keeps it."""
    policies = [_gone(path, seen.files[path], marker=marker_of(firewalld.NAME)) for path in firewalld.PATHS]
    yield from policies
    if any(policies) or firewalld.NAME in seen["restarts"].lines:
        reload = "! systemctl is-active -q firewalld || firewall-cmd --reload >/dev/null"
        script = clearing_marker(firewalld.NAME, reload)
        yield action("firewall firewalld", "reloaded", script, deadline=RELOAD_SECONDS)
    for line in map(ufw.tuple_of, seen["ufw rules"].lines):
        if rule := ufw.read(line):
            script = f"ufw --force {'route ' if rule.routed else ''}delete {rule.words}"
            yield action(f"ufw: {rule.words}", "deleted", script, before="allowed", deadline=RELOAD_SECONDS)
    if before := seen.files[ufw.BEFORE_RULES]:
        text = ufw.BLOCK.sub("", before.content)
        marker = marker_of(ufw.NAME)
        change = file(ufw.BEFORE_RULES, text, before, mode=before.mode, owner=before.owner, restart_marker=marker)
        yield change
        if change or ufw.NAME in seen["restarts"].lines:
            script = clearing_marker(ufw.NAME, "ufw reload")
            yield action("firewall ufw", "reloaded", script, deadline=RELOAD_SECONDS)


def _packages_let_go(seen: Seen) -> Iterator[LinuxChange | None]:
    """No package is held any more by us: apt's mark, and the lines of versionlock."""
    if held := [name for name in seen["held"].lines if name in OURS]:
        names = " ".join(held)
        yield action("package hold", "none", f"apt-mark unhold {names}", before=names)
    for manager, path in LISTS.items():
        if stands := seen.files[path]:
            yield file(path, unlocked(manager, stands.content, OURS), stands, mode=stands.mode, owner=stands.owner)


def _kubelet(seen: Seen) -> Iterator[LinuxChange | None]:
    """The kubelet's own file as its package has it (kubernetes/release, packages: kubelet)."""
    for path in KUBELET_FILES:
        stands = seen.files[path]
        if stands and stands.content.startswith(KUBELET_OURS):
            yield file(path, KUBELET_DEFAULT, stands)


def _containerd(seen: Seen) -> Iterator[LinuxChange | None]:
    """Its own configuration again, which runtime.plan has kept, or none; no mirrors, no proxies. It may hold logins of registries."""
    marker = marker_of("containerd")
    stands, original = seen.files[runtime.CONTAINERD_FILE], seen.files[runtime.ORIGINAL_FILE]
    changes: list[LinuxChange | None] = []
    if _is_written(stands):
        if original:
            changes.append(
                file(
                    *(runtime.CONTAINERD_FILE, original.content, stands),
                    mode=original.mode,
                    owner=original.owner,
                    secret=True,
                    restart_marker=marker,
                )
            )
        else:
            changes.append(_gone(runtime.CONTAINERD_FILE, stands, secret=True, marker=marker))
    if original and not (stands and not _is_written(stands) and stands.content != original.content):
        changes.append(_gone(runtime.ORIGINAL_FILE, original, secret=True))
    changes += [_gone(path, seen.files[path], marker=marker) for path in proxy.PATHS[1:]]
    changes += _listed(
        "mirrors of registries",
        seen["mirrors"].lines,
        "for d in {names}; do rm -f -- $d/hosts.toml $d/mirror-ca.pem && {{ rmdir $d 2>/dev/null || true; }} || exit 1; done",
    )
    crictl = seen.files[runtime.CRICTL_FILE]
    if crictl and crictl.content == runtime.CRICTL:
        changes.append(_gone(runtime.CRICTL_FILE, crictl))
    yield from changes
    if any(changes) or "containerd" in seen["restarts"].lines:
        restart = (
            "systemctl daemon-reload; ! systemctl cat containerd >/dev/null 2>&1 || systemctl try-restart containerd"
        )
        script = clearing_marker("containerd", restart)
        yield action(
            "unit containerd",
            "has read its files",
            script,
            deadline=RELOAD_SECONDS,
            explanation=unit_says("containerd"),
        )


def _is_written(stands: FileSeen | None) -> bool:
    return stands is not None and stands.content.startswith(f"# {WRITTEN}")


def _gone(path: str, stands: FileSeen | None, *, secret: bool = False, marker: str = "") -> LinuxChange | None:
    """A file goes; one that only root could read may hold a login. Who has read it is marked first, as deploy.py does it."""
    if stands is None:
        return None
    first = (Execute(path, f"touch -- {marker}"),) if marker else ()
    is_secret = secret or stands.mode == "600"
    return LinuxChange(path, stands.content, None, secret=is_secret, steps=(*first, Remove(path)))


def _listed(what: str, found: list[str], script: str) -> list[LinuxChange]:
    if not found:
        return []
    step = Execute(what, script.format(names=" ".join(map(shlex.quote, found))))
    return [LinuxChange(what, "\n".join(found), None, steps=(step,))]


def _back(path: str, ending: str) -> LinuxChange:
    """A file of the owner's that was set aside has its name again."""
    name = path.removesuffix(ending)
    script = f"[ -e {shlex.quote(name)} ] || mv -T -- {shlex.quote(path)} {shlex.quote(name)}"
    return action(name, "its owner's again", script, before=f"set aside as {path}")
