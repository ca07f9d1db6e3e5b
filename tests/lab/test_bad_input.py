"""Mistakes and refusals: one clear line with file or host and the cure, the exit code of the contract, nothing half-done."""

import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.lab.devices import Kubectl
from tests.lab.laboratory import ADDRESSES, MASTERS, NODES, ROUTERS, WORKERS, Laboratory
from tests.lab.runbooks import Answer, Project, Runbooks
from tests.lab.test_upgrade import edited as raised

pytestmark = [pytest.mark.lab, pytest.mark.usefixtures("cluster")]
HOSTS = (*NODES, *ROUTERS)


def cluster_with(**values: Any) -> dict[str, Any]:
    """An edit of groups.yaml."""
    return {"fabric": {"data": {"cluster": values}}}


MISTAKES: dict[str, tuple[dict[str, Any], list[str], list[str]]] = {
    "the lab is not up": (
        {"config": {"user_defined": {"namespace": "no-such-lab"}}}, [],
        ["'no-such-lab' is not there", "Nothing was contacted", "python -m lab up"],
    ),
    "config.yaml is no YAML": ({"config": "inventory: {\n"}, [], ["config.yaml: line", "Nothing was contacted"]),
    "an unknown key of config.yaml": (
        {"config": {"user_defined": {"colour": "red"}}}, [], ["config.yaml: user_defined.colour: unknown key", "Nothing was contacted"],
    ),
    "hosts.yaml is no YAML": ({"hosts": "openwrt:\n\thostname: 10.31.254.253\n"}, [], ["hosts.yaml: line 2", "Nothing was contacted"]),
    "an unknown key of a host": (
        {"hosts": {"openwrt": {"data": {"colour": "red"}}}}, [], ["hosts.yaml: openwrt", "colour", "Nothing was contacted"],
    ),
    "overlapping networks": (
        {"groups": cluster_with(networks={"services": "10.33.64.0/18"})}, [],
        ["groups.yaml", "10.33.64.0/18", "10.33.0.0/17", "Nothing was contacted"],
    ),
    "a virtual IP outside the nodes' network": (
        {"groups": cluster_with(endpoint={"address": "10.99.0.1"})}, [],
        ["groups.yaml", "10.99.0.1", "10.31.0.0/16", "Nothing was contacted"],
    ),
    "an even number of etcd members": (
        {"hosts": {MASTERS[2]: None}}, [], ["hosts.yaml: 2 control planes: etcd", "Nothing was contacted"],
    ),
    "a key file that is not there": (
        {"defaults": {"connection_options": {"netmiko": {"extras": {"key_file": "var/nobody"}}}}}, [],
        ["key_file", "var/nobody", "Nothing was contacted"],
    ),
    "an unknown group": ({}, ["--group", "router"], ["No host matches --group router", "control_plane (3)", "routers (2)"]),
    "an unknown host": ({}, ["--host", "somebody"], ["No host matches --host somebody", "tiny-unraid"]),
}  # fmt: skip


@pytest.mark.parametrize("runbook", ["deploy", "verify"])
@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_is_one_line_and_nothing_is_contacted(
    lab: Laboratory, project: Project, mistake: str, runbook: str
) -> None:
    edits, arguments, words = MISTAKES[mistake]
    runbooks = project.edited(**edits)
    before = lab.connections_opened()
    answer: Answer = getattr(runbooks, runbook)(*arguments).ended(2)
    assert lab.connections_opened() == before
    (line,) = answer.lines
    assert [word for word in words if word not in line] == [], line
    assert answer.stdout == "" or not answer.stderr


def test_a_mistake_is_json_where_json_is_wanted(project: Project) -> None:
    answer = project.edited(hosts={MASTERS[2]: None}).deploy("--output", "json").ended(2)
    assert answer.json["ok"] is False
    assert "2 control planes" in answer.json["error"]


@pytest.fixture
def strangers_key(tmp_path: Path) -> Path:
    """A key that no machine knows."""
    path = tmp_path / "id_ed25519"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(path)], check=True)
    return path


def test_a_wrong_key_is_refused_by_every_host(project: Project, strangers_key: Path) -> None:
    extras = {"connection_options": {"netmiko": {"extras": {"key_file": str(strangers_key)}}}}
    answer = project.edited(defaults=extras).deploy("--output", "json").ended(3)
    assert set(answer.errors) == set(HOSTS)
    assert all(
        "refused the login of root" in error and "Cure: check username and key_file" in error
        for error in answer.errors.values()
    )
    assert answer.changes == {}


@pytest.fixture
def another_known_key(project: Project, lab: Laboratory, strangers_key: Path) -> Iterator[Runbooks]:
    """The project's known_hosts says of one worker that it has another key than it has."""
    runbooks = project.edited()
    runbooks.deploy("--dry-run", "--host", WORKERS[0]).ended(0)  # it knows all hosts by now
    known = project.folder / "var" / "known_hosts"
    honest = known.read_text(encoding="utf-8")
    kind, key = strangers_key.with_suffix(".pub").read_text(encoding="utf-8").split()[:2]
    lines = [line for line in honest.splitlines() if not line.startswith(f"{ADDRESSES[WORKERS[0]]} ")]
    assert len(lines) == len(honest.splitlines()) - 1
    known.write_text("\n".join([*lines, f"{ADDRESSES[WORKERS[0]]} {kind} {key}"]) + "\n", encoding="utf-8")
    yield runbooks
    known.write_text(honest, encoding="utf-8")


def test_a_changed_host_key_is_refused_and_not_learned(project: Project, another_known_key: Runbooks) -> None:
    known = (project.folder / "var" / "known_hosts").read_text(encoding="utf-8")
    answer = another_known_key.deploy("--dry-run", "--output", "json").ended(3)
    (error,) = answer.errors.values()
    assert set(answer.errors) == {WORKERS[0]}
    assert f"the host key of {ADDRESSES[WORKERS[0]]}:22 is not the known one" in error
    assert (
        f"Cure: if the machine was rebuilt, remove its line from known_hosts (ssh-keygen -R {ADDRESSES[WORKERS[0]]}"
        in error
    )
    assert (project.folder / "var" / "known_hosts").read_text(encoding="utf-8") == known


def test_a_login_without_sudo_is_refused_in_one_line_a_host(project: Project) -> None:
    answer = project.edited(defaults={"username": "engineer"}).deploy("--output", "json").ended(1)
    assert set(answer.errors) == set(HOSTS)
    for host, error in answer.errors.items():
        assert error.startswith(f"{host}: sudo refused: ")
        assert error.endswith(
            "Cure: name the password's source in access.sudo_password, allow the login user sudo without one, or log in as root"
        )
    assert answer.changes == {}


FULL = """set -e
cp -a /etc/haproxy /run/haproxy.kept
mount -t tmpfs -o size=16k tmpfs /etc/haproxy
cp -a /run/haproxy.kept/. /etc/haproxy
sed -i 's/retries 3/retries 9/' /etc/haproxy/haproxy.cfg
dd if=/dev/zero of=/etc/haproxy/other bs=1k 2>/dev/null || true
"""


@pytest.fixture
def full_disk(lab: Laboratory) -> Iterator[str]:
    """A control plane where a changed haproxy.cfg must be written to a disk that is full."""
    lab.inside(MASTERS[2], FULL)
    yield MASTERS[2]
    lab.inside(MASTERS[2], "umount /etc/haproxy && rm -rf /run/haproxy.kept")


def test_a_full_disk_leaves_the_old_file_as_it_was(lab: Laboratory, runbooks: Runbooks, full_disk: str) -> None:
    look = "ls -lA --full-time /etc/haproxy; sha256sum /etc/haproxy/*"
    before = lab.inside(full_disk, look)
    answer = runbooks.deploy("--host", full_disk).ended(1)
    assert lab.inside(full_disk, look) == before
    (line,) = [line for line in answer.lines if "No space left" in line]
    assert line.strip().startswith(f"{full_disk}: /etc/haproxy/haproxy.cfg: ")
    assert "Cure: free space on that disk, then run again; what was there before still stands" in line


MANIFESTS = {
    "a page of HTML": ("<!DOCTYPE html><html><body>Not Found</body></html>\n", "HTML"),
    "a manifest that was cut off": (
        "apiVersion: apps/v1\nkind: Deployment\nmetadata:\n  name: tigera-oper",
        "tigera-operator",
    ),
}


@pytest.mark.parametrize("what", MANIFESTS)
def test_a_manifest_that_is_none_is_seen_before_anything_is_changed(
    project: Project, tmp_path: Path, what: str
) -> None:
    text, word = MANIFESTS[what]
    (tmp_path / "operator.yaml").write_text(text, encoding="utf-8")
    edits = {"data": {"manifests": {"calico": str(tmp_path / "operator.yaml")}}}
    answer = project.edited(defaults=edits).deploy("--output", "json").ended(1)
    assert answer.changes == {}
    said = [error for error in answer.errors.values() if "operator.yaml" in error]
    assert said, answer.errors
    assert all(word in error and "Nothing was changed" in error for error in said), said


@pytest.mark.parametrize("version", ["1.35.4", "1.37.2"])
def test_another_version_than_the_one_that_runs_moves_nothing(project: Project, version: str) -> None:
    told = project.edited(defaults={"data": {"software": {"kubernetes": version}}}).deploy().ended(2)
    assert "Nothing was contacted" in told.text, told.text  # the package repository is another minor's
    answer = raised(project, version).deploy("--output", "json").ended(1)
    assert answer.changes == {}
    assert set(answer.errors) == set(HOSTS)
    assert any(f"the inventory says {version}" in error and "1.36.3" in error for error in answer.errors.values()), (
        answer.errors
    )


def test_a_calico_that_somebody_else_has_installed_is_left_alone(
    cluster: Kubectl, runbooks: Runbooks, tmp_path: Path
) -> None:
    document = {
        "apiVersion": "apps/v1",
        "kind": "DaemonSet",
        "metadata": {"name": "calico-node", "namespace": "kube-system", "labels": {"k8s-app": "calico-node"}},
        "spec": {
            "selector": {"matchLabels": {"k8s-app": "calico-node"}},
            "template": {
                "metadata": {"labels": {"k8s-app": "calico-node"}},
                "spec": {
                    "nodeSelector": {"nowhere": "true"},
                    "containers": [{"name": "calico-node", "image": "calico/node"}],
                },
            },
        },
    }
    file = tmp_path / "calico.yaml"
    file.write_text(yaml.safe_dump(document), encoding="utf-8")
    cluster("apply", "-f", str(file))
    try:
        answer = runbooks.deploy("--output", "json").ended(1)
        assert answer.changes == {}
        assert any("kube-system" in error and "calico-node" in error for error in answer.errors.values()), answer.errors
    finally:
        cluster("delete", "-f", str(file))


def test_after_all_refusals_a_dry_run_shows_nothing(runbooks: Runbooks) -> None:
    runbooks.deploy("--dry-run", "--detailed-exitcode").ended(0)
