"""The API's one address: five files on each control plane, and what is done when one of them drifts."""

import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from kubepeer.errors import RefusedError
from kubepeer.intent import Intent, Node
from tasks.control_plane.endpoint import (
    CHECK_FILE,
    FILES,
    HAPROXY_FILE,
    HAPROXY_POD,
    KEEPALIVED_FILE,
    KEEPALIVED_POD,
    PATHS,
    configuration_of,
    plan_endpoint,
)
from tasks.linux.observe import Answer, FileSeen, Seen
from tasks.linux.state import Execute, LinuxChange, Write

PASSWORD = "vrrp-pw1"


def seen_with(files: Mapping[str, FileSeen | None], pending: str = "") -> Seen:
    return Seen({"restarts": Answer(0, pending)}, files)


def nothing() -> Seen:
    return seen_with(dict.fromkeys(PATHS))


def written_by(changes: tuple[LinuxChange, ...], seen: Seen) -> Seen:
    """What stands after the writes of these changes."""
    files = dict(seen.files)
    for change in changes:
        for step in change.steps:
            if isinstance(step, Write):
                files[step.path] = FileSeen(step.mode, step.owner, step.content)
    return seen_with(files)


def placed(intent: Intent, password: str | None = None) -> Seen:
    return written_by(plan_endpoint(intent, intent.nodes[0], nothing(), password), nothing())


def content(seen: Seen, path: str) -> str:
    file = seen.files[path]
    assert file is not None
    return file.content


def replaced(seen: Seen, path: str, file: FileSeen) -> Seen:
    return seen_with({**seen.files, path: file})


def runs(changes: tuple[LinuxChange, ...]) -> list[str]:
    return [step.title for change in changes for step in change.steps if isinstance(step, Execute)]


def test_the_first_run_places_the_five_files_and_the_pods_last(intent_of: Any) -> None:
    changes = plan_endpoint(intent_of(), intent_of().nodes[0], nothing(), None)
    assert [change.what for change in changes] == [
        HAPROXY_FILE,
        KEEPALIVED_FILE,
        CHECK_FILE,
        HAPROXY_POD,
        KEEPALIVED_POD,
    ]
    assert all(change.before is None for change in changes)
    assert runs(changes) == []
    modes = {step.path: step.mode for change in changes for step in change.steps if isinstance(step, Write)}
    assert modes == dict.fromkeys(FILES["keepalived"], "644") | {CHECK_FILE: "755"}


@pytest.mark.parametrize("password", [None, PASSWORD])
def test_the_second_run_has_nothing_to_do(intent_of: Any, password: str | None) -> None:
    intent = intent_of()
    assert plan_endpoint(intent, intent.nodes[0], placed(intent, password), password) == ()


@pytest.mark.parametrize(("path", "restarted"), [(HAPROXY_FILE, "haproxy"), (KEEPALIVED_FILE, "keepalived")])
def test_a_configuration_that_drifted_is_that_change_alone_with_a_restart(
    intent_of: Any, path: str, restarted: str
) -> None:
    intent = intent_of()
    seen = placed(intent)
    drifted = replaced(seen, path, FileSeen("644", "root:root", content(seen, path) + "# by hand\n"))
    changes = plan_endpoint(intent, intent.nodes[0], drifted, None)
    assert [(change.what, change.after) for change in changes] == [(path, content(seen, path))]
    write, restart = changes[0].steps
    marker = f"/run/kubepeer-restart-pending.{restarted}"
    assert write == Write(path, content(seen, path), restart_marker=marker)
    assert isinstance(restart, Execute)
    assert restart.title == f"restart {restarted}"
    assert f"\nstop {restarted} && " in restart.script
    assert restart.script.endswith(f" && rm -f -- {marker}")


@pytest.mark.parametrize("name", ["haproxy", "keepalived"])
def test_a_restart_that_an_earlier_run_owes_is_done(intent_of: Any, name: str) -> None:
    intent = intent_of()
    (change,) = plan_endpoint(intent, intent.nodes[0], seen_with(placed(intent).files, name), None)
    assert (change.what, change.after) == (f"container {name} restart", "restarted")
    (restart,) = change.steps
    assert isinstance(restart, Execute)
    assert restart.script.endswith(f" && rm -f -- /run/kubepeer-restart-pending.{name}")


def test_a_pod_that_drifted_is_started_by_the_kubelet_alone(intent_of: Any) -> None:
    intent = intent_of()
    seen = placed(intent)
    changes = plan_endpoint(
        intent, intent.nodes[0], replaced(seen, HAPROXY_POD, FileSeen("644", "root:root", "x: y\n")), None
    )
    assert [change.what for change in changes] == [HAPROXY_POD]
    assert runs(changes) == []


def test_another_wish_changes_configuration_and_pod_and_the_kubelet_restarts_it(intent_of: Any) -> None:
    intent = intent_of(groups={"fabric": {"data": {"cluster": {"endpoint": {"virtual_router_id": 91}}}}})
    changes = plan_endpoint(intent, intent.nodes[0], placed(intent_of()), None)
    assert [change.what for change in changes] == [KEEPALIVED_FILE, KEEPALIVED_POD]
    assert runs(changes) == []


def test_a_password_is_secret_and_readable_by_root_alone(intent_of: Any) -> None:
    intent = intent_of()
    changes = plan_endpoint(intent, intent.nodes[0], nothing(), PASSWORD)
    (keepalived,) = [change for change in changes if change.what == KEEPALIVED_FILE]
    assert f"auth_pass {PASSWORD}\n" in (keepalived.after or "")
    assert keepalived.steps == (Write(KEEPALIVED_FILE, keepalived.after or "", "600"),)
    assert [change.what for change in changes if change.secret] == [KEEPALIVED_FILE]
    assert not [change.what for change in changes if PASSWORD in change.diff]


def test_a_password_that_is_readable_by_all_is_closed_again(intent_of: Any) -> None:
    intent = intent_of()
    seen = placed(intent, PASSWORD)
    opened = replaced(seen, KEEPALIVED_FILE, FileSeen("644", "root:root", content(seen, KEEPALIVED_FILE)))
    (change,) = plan_endpoint(intent, intent.nodes[0], opened, PASSWORD)
    assert (change.before, change.after) == ("mode 644 owner root:root", "mode 600 owner root:root")


def test_all_control_planes_are_backends_and_no_worker(intent_of: Any) -> None:
    intent = intent_of()
    for node in intent.control_planes:
        (haproxy,) = [c for c in plan_endpoint(intent, node, nothing(), None) if c.what == HAPROXY_FILE]
        servers = [line.split() for line in (haproxy.after or "").splitlines() if line.startswith("  server ")]
        assert servers == [["server", f"k8s-calico-master-10-31-90-{n}", f"10.31.90.{n}:6443"] for n in (1, 2, 3)]
        assert "  bind *:8443\n" in (haproxy.after or "")


def test_keepalived_differs_between_the_control_planes_by_name_and_priority_alone(intent_of: Any) -> None:
    intent = intent_of()
    texts = []
    for node in intent.control_planes:
        (change,) = [c for c in plan_endpoint(intent, node, nothing(), None) if c.what == KEEPALIVED_FILE]
        assert f"  router_id {node.name}\n" in (change.after or "")
        assert f"  priority {node.priority}\n" in (change.after or "")
        assert "    10.31.90.0\n" in (change.after or "")
        texts.append((change.after or "").replace(node.name, "NAME").replace(f"priority {node.priority}", "priority N"))
    assert len(set(texts)) == 1


def keepalived_of(intent: Intent, node: Node) -> str:
    (change,) = [c for c in plan_endpoint(intent, node, nothing(), None) if c.what == KEEPALIVED_FILE]
    return change.after or ""


def test_the_virtual_ip_brings_a_route_to_its_network_by_a_key_alone(intent_of: Any) -> None:
    """Where racks have subnets of their own, a route to all of the nodes' network would put every rack on the link."""
    intent = intent_of(groups={"fabric": {"data": {"cluster": {"endpoint": {"prefix_length": 16}}}}})
    before, after = (keepalived_of(one, one.nodes[0]) for one in (intent_of(), intent))
    assert after == before.replace("    10.31.90.0\n", "    10.31.90.0/16\n")
    assert "10.31.90.0/16" in after


UNICAST = {"groups": {"fabric": {"data": {"cluster": {"endpoint": {"unicast": True}}}}}}


def test_control_planes_speak_to_each_other_alone_where_the_network_drops_multicast(intent_of: Any) -> None:
    intent = intent_of(**UNICAST)
    for node in intent.control_planes:
        others = [str(other.address) for other in intent.control_planes if other != node]
        text = keepalived_of(intent, node)
        assert f"  unicast_src_ip {node.address}\n" in text
        assert text.partition("  unicast_peer {\n")[2].partition("  }\n")[0].split() == others
        assert "unicast" not in keepalived_of(intent_of(), node)


def test_a_control_plane_that_is_alone_has_nobody_to_speak_to(intent_of: Any) -> None:
    names = [node.name for node in intent_of().control_planes[1:]]
    intent = intent_of(**UNICAST, hosts=dict.fromkeys(names))
    assert "unicast" not in keepalived_of(intent, intent.nodes[0])


@pytest.mark.parametrize("path", [HAPROXY_POD, KEEPALIVED_POD])
def test_the_pods_are_static_pods_of_the_hosts_network_that_name_their_configuration(intent_of: Any, path: str) -> None:
    intent = intent_of()
    text = content(placed(intent), path)
    pod = yaml.safe_load(text)
    assert (pod["kind"], pod["metadata"]["name"], pod["spec"]["hostNetwork"]) == ("Pod", Path(path).stem, True)
    assert pod["metadata"]["namespace"] == "kube-system"
    (container,) = pod["spec"]["containers"]
    assert container["image"] in {intent.software.haproxy_image, intent.software.keepalived_image}
    assert len(configuration_of(text)) == 16
    other = intent_of(
        groups={"fabric": {"data": {"cluster": {"endpoint": {"virtual_router_id": 91, "port": 9443}}}}},
    )
    assert configuration_of(content(placed(other), path)) != configuration_of(text)


CRICTL_RUNS = 'case "$*" in *" ps "*) echo one; echo two;; *) echo "$@" >> stopped;; esac'
CRICTL_HAS_NONE = 'case "$*" in *" ps "*) ;; *) echo "$@" >> stopped;; esac'
CRICTL_CANNOT_STOP = 'case "$*" in *" ps "*) echo one;; *) exit 3;; esac'
STOPPED = "--runtime-endpoint unix:///run/containerd/containerd.sock stop"
# an ended container named two is still listed; one ends when it is told to
CTR_RUNS = """case "$*" in
    *"containers ls"*) echo one; echo two;;
    *"tasks ls"*) echo "TASK PID STATUS"; echo "two 9 STOPPED"; [ -e stopped ] || echo "one 8 RUNNING";;
    *"tasks kill"*) echo "$@" >> stopped;;
esac"""
CTR_KILLED = "--address /run/containerd/containerd.sock --namespace k8s.io tasks kill one\n"


@pytest.mark.parametrize(
    ("programs", "code", "stopped"),
    [
        ({}, 127, None),
        ({"crictl": "exit 1"}, 1, None),
        ({"crictl": CRICTL_HAS_NONE}, 0, None),
        ({"crictl": CRICTL_RUNS}, 0, f"{STOPPED} one\n{STOPPED} two\n"),
        ({"crictl": CRICTL_CANNOT_STOP}, 3, None),
        ({"ctr": "exit 1"}, 1, None),
        ({"ctr": CTR_RUNS}, 0, CTR_KILLED),
        ({"ctr": CTR_RUNS, "crictl": CRICTL_HAS_NONE}, 0, None),
    ],
    ids=[
        "nothing_to_ask",
        "no_answer",
        "does_not_run",
        "runs",
        "does_not_stop",
        "no_crictl_and_no_answer",
        "no_crictl_and_runs",
        "crictl_goes_first",
    ],
)
def test_a_restart_is_pending_until_the_container_has_been_stopped(
    intent_of: Any, tmp_path: Path, programs: Mapping[str, str], code: int, stopped: str | None
) -> None:
    intent = intent_of()
    (change,) = plan_endpoint(intent, intent.nodes[0], seen_with(placed(intent).files, "haproxy"), None)
    (restart,) = change.steps
    assert isinstance(restart, Execute)
    (marker := tmp_path / "pending.haproxy").touch()
    for name in ("rm", "grep", "sleep"):
        (tmp_path / name).write_text(f'#!/bin/sh\nexec {shutil.which(name)} "$@"\n')
        (tmp_path / name).chmod(0o755)
    for name, text in programs.items():
        (tmp_path / name).write_text(f"#!/bin/sh\n{text}\n")
        (tmp_path / name).chmod(0o755)
    script = restart.script.replace("/run/kubepeer-restart-pending.", f"{tmp_path}/pending.")
    ended = subprocess.run(["/bin/sh"], input=script, text=True, cwd=tmp_path, env={"PATH": str(tmp_path)}, check=False)
    assert ended.returncode == code
    assert marker.exists() is bool(code)
    assert ((tmp_path / "stopped").read_text() if (tmp_path / "stopped").exists() else None) == stopped


def test_a_container_is_looked_for_in_kube_system_alone(intent_of: Any) -> None:
    """A pod of somebody's own may be an haproxy, too."""
    intent = intent_of()
    (change,) = plan_endpoint(intent, intent.nodes[0], seen_with(placed(intent).files, "haproxy"), None)
    (restart,) = change.steps
    assert isinstance(restart, Execute)
    assert "--label io.kubernetes.pod.namespace=kube-system" in restart.script
    assert '"io.kubernetes.pod.namespace\\"==kube-system' in restart.script


def test_what_a_shell_runs_is_valid_shell(intent_of: Any) -> None:
    intent = intent_of()
    seen = placed(intent)
    drifted = replaced(seen, HAPROXY_FILE, FileSeen("644", "root:root", ""))
    (change,) = plan_endpoint(intent, intent.nodes[0], drifted, None)
    restart = change.steps[-1]
    assert isinstance(restart, Execute)
    for script in (restart.script, content(seen, CHECK_FILE)):
        checked = subprocess.run(["/bin/sh", "-n"], input=script, text=True, capture_output=True, check=False)
        assert (checked.returncode, checked.stderr) == (0, "")


@pytest.mark.parametrize("password", ["ninesigns", "a b", "a#b", "a!b", 'a"b', "a{b", "a\\b", "~x", "", "päss"])
def test_a_password_that_keepalived_would_read_otherwise_is_refused(intent_of: Any, password: str) -> None:
    """Keepalived 2.2.7 cuts, splits or refuses these; with a comment sign it says nothing at all."""
    with pytest.raises(RefusedError, match=r"^k8s-calico-master-10-31-90-1: the VRRP password is not one .* Cure: "):
        plan_endpoint(intent_of(), intent_of().nodes[0], nothing(), password)


@pytest.mark.parametrize("password", ["a", "eightsgn", "A.z_9+=:", "@/-"])
def test_a_password_that_keepalived_takes_whole_stands_in_its_configuration(intent_of: Any, password: str) -> None:
    assert f"    auth_pass {password}\n" in content(placed(intent_of(), password), KEEPALIVED_FILE)
