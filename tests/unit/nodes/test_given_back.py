"""What deploy.py writes on a node is all known to reset.py: bare, prepared, given back, and the files are the owner's to the byte."""

import re
from collections.abc import Mapping
from typing import Any

import pytest

from tasks.control_plane.endpoint import WRITTEN
from tasks.linux.observe import Answer, FileSeen, Seen
from tasks.linux.state import Execute, LinuxChange, Remove, Write, marker_of
from tasks.nodes import plan, proxy, systems
from tasks.nodes.clock import CHRONY_CONF, CHRONY_FILE
from tasks.nodes.given import Given
from tasks.nodes.managers.choice import manager_of
from tasks.nodes.runtime import CONTAINERD_FILE, ORIGINAL_FILE
from tasks.reset import files
from tests.unit.nodes.test_plan import HAVE, KEY, NODE, repository

Files = dict[str, FileSeen | None]
OWNERS = {
    "/etc/fstab": "/dev/a / ext4 defaults 0 1\n#/dev/old none swap sw 0 0\n  /dev/b none swap sw 0 0",
    "/etc/hosts": "127.0.0.1 localhost\n10.31.90.9 printer\n",
    "/etc/sysctl.conf": "net.ipv4.ip_forward=0\n#net.ipv4.ip_forward=1\n",
    "/etc/containerd/config.toml": "# the owner's\nversion = 2\n",
}
OF_THE_PACKAGE = {"/etc/default/kubelet": "KUBELET_EXTRA_ARGS=\n", "/etc/sysconfig/kubelet": "KUBELET_EXTRA_ARGS=\n"}


def after(before: Mapping[str, FileSeen | None], changes: tuple[LinuxChange, ...]) -> Files:
    """The files when all is done that writes or removes one."""
    found: Files = dict(before)
    for change in changes:
        for step in change.steps:
            match step:
                case Write(path, content, mode, owner, _):
                    found[path] = FileSeen(mode, owner, content)
                case Remove(path):
                    found[path] = None
                case Execute(_, script, _, _, _) if script.startswith(("rm -f -- ", "for d in ")):
                    for path in found:
                        if re.search(rf"{re.escape(path.rpartition('/hosts.toml')[0] or path)}(\W|$)", script):
                            found[path] = None
    return found


def asked(intent: Any, found: Files, own: set[str]) -> Seen:
    """The answers to files.questions() of a machine with these files."""
    answers = dict.fromkeys(files.questions(intent), Answer(0, ""))
    keys = [path for path in found if found[path] and re.search(r"keyrings/|RPM-GPG-KEY-kubepeer", path)]
    mirrors = [path.removesuffix("/hosts.toml") for path in found if found[path] and path.endswith("/hosts.toml")]
    answers |= {"keys": Answer(0, "\n".join(keys)), "mirrors": Answer(0, "\n".join(mirrors))}
    return Seen(answers, {path: found.get(path) for path in {*files.PATHS, *own}})


@pytest.mark.parametrize("defaults", ["today", "seed", "lab"])
@pytest.mark.parametrize("machine", ["bare", "rocky_bare"])
def test_all_that_is_written_is_given_back(intent_of: Any, seen_of: Any, defaults: str, machine: str) -> None:
    intent = intent_of(defaults)
    bare = seen_of(machine, None, dict.fromkeys(plan.paths(intent), "ABSENT") | OWNERS)
    keyrings = dict.fromkeys(manager_of(systems.read(bare["system"])).keyrings(intent), KEY)
    prepared = after(bare.files, plan.plan(intent, intent.node(NODE), bare, Given(keyrings=keyrings), repository(HAVE)))
    written = {path for path, file in prepared.items() if file != bare.files.get(path)}
    assert {"/etc/fstab", "/etc/hosts", "/etc/containerd/config.toml", "/etc/sysctl.conf"} <= written
    seen = asked(intent, prepared, written)
    back = after(prepared, files.plan(seen))
    expected = {path: bare.files.get(path) for path in back}
    for path, text in OF_THE_PACKAGE.items():
        if path in written:
            expected[path] = FileSeen("644", "root:root", text)  # and goes with the package
    if machine == "rocky_bare":
        # the package's own file has not come, and what Kubepeer has put in its place is the daemon's now
        stays = back.pop("/etc/chrony.conf")
        assert stays is not None
        assert "server " not in stays.content
        expected.pop("/etc/chrony.conf")
        # which mode SELinux had nobody has kept: docs/operations/reset.md, "What stays"
        assert back.pop("/etc/selinux/config") != expected.pop("/etc/selinux/config")
    if "/etc/dnf/plugins/versionlock.list" in written:
        expected["/etc/dnf/plugins/versionlock.list"] = FileSeen("644", "root:root", "")
    assert back == expected
    again = asked(intent, back, written)
    assert [change.what for change in files.plan(again)] == []


def test_what_was_set_aside_has_its_name_again(intent_of: Any) -> None:
    seen = asked(intent_of(), {}, set())
    aside = {
        "cni": "/etc/cni/net.d/05-own.conflist.set-aside-by-kubepeer",
        "kubeconfigs aside": "/root/.kube/config.set-aside-by-kubepeer.~1~",
    }
    changes = files.plan(Seen({**seen.answers, **{name: Answer(0, path) for name, path in aside.items()}}, seen.files))
    assert {change.what: change.before for change in changes} == {
        "/etc/cni/net.d/05-own.conflist": f"set aside as {aside['cni']}",
        "/root/.kube/config": f"set aside as {aside['kubeconfigs aside']}",
    }


def test_what_was_opened_is_closed(intent_of: Any) -> None:
    intent = intent_of()
    rules = "### tuple ### allow tcp 6443 0.0.0.0/0 any 0.0.0.0/0 in comment=6b756265706565"
    before = FileSeen("640", "root:root", "*filter\n-A own\n# BEGIN kubepeer\n-A ours\n# END kubepeer\nCOMMIT\n")
    own = asked(intent, {"/etc/ufw/before.rules": before, "/etc/firewalld/policies/kubepeer.xml": before}, set())
    changes = files.plan(Seen({**own.answers, "ufw rules": Answer(0, rules)}, own.files))
    assert [change.what for change in changes] == [
        "/etc/firewalld/policies/kubepeer.xml",
        "firewall firewalld",
        "ufw: allow proto tcp from any to any port 6443",
        "/etc/ufw/before.rules",
        "firewall ufw",
    ]
    assert changes[3].after == "*filter\n-A own\nCOMMIT\n"


BLOCK = "*filter\n# BEGIN kubepeer\n-A ours\n# END kubepeer\nCOMMIT\n"
READERS = {
    "/etc/firewalld/policies/kubepeer.xml": ("x", "firewalld", "firewall firewalld"),
    "/etc/ufw/before.rules": (BLOCK, "ufw", "firewall ufw"),
    CHRONY_FILE: ("server a\n", "chrony", "chrony"),
    CHRONY_CONF: ("pool a\n# BEGIN kubepeer\nserver a\n# END kubepeer\n", "chrony", "chrony"),
    CONTAINERD_FILE: (f"# {WRITTEN}\n", "containerd", "unit containerd"),
    proxy.PATHS[1]: ("x", "containerd", "unit containerd"),
}


@pytest.mark.parametrize("path", READERS)
def test_a_reload_is_pending_before_its_file_is_gone_and_until_it_is_done(intent_of: Any, path: str) -> None:
    text, name, reload = READERS[path]
    own = asked(intent_of(), {path: FileSeen("644", "root:root", text)}, {path})
    taken, again = files.plan(own)
    marks = [step.restart_marker if isinstance(step, Write) else step.script for step in taken.steps[:1]]  # type: ignore[union-attr]
    assert marks in ([marker_of(name)], [f"touch -- {marker_of(name)}"])
    assert (taken.what, again.what) == (path, reload)
    ours: Files = {"/etc/ufw/before.rules": FileSeen("640", "root:root", "*filter\nCOMMIT\n")}
    cut_off = asked(intent_of(), ours, set())
    assert files.plan(cut_off) == ()
    pending = Seen({**cut_off.answers, "restarts": Answer(0, f"{name}\nkubelet\n")}, cut_off.files)
    (change,) = files.plan(pending)
    assert change.what == reload
    (step,) = change.steps
    assert isinstance(step, Execute)
    assert f"rm -f -- {marker_of(name)}" in step.script


@pytest.mark.parametrize("original", [True, False])
def test_the_owners_configuration_of_containerd_is_not_shown(intent_of: Any, *, original: bool) -> None:
    login = FileSeen("644", "root:root", "password = 'hunter2'\n")
    found: Files = {CONTAINERD_FILE: FileSeen("644", "root:root", f"# {WRITTEN}\n")}
    if original:
        found[ORIGINAL_FILE] = login
    changes = files.plan(asked(intent_of(), found, set()))
    assert [change.what for change in changes if change.secret] == [
        CONTAINERD_FILE,
        *([ORIGINAL_FILE] if original else []),
    ]
    assert not any("hunter2" in change.diff for change in changes)
