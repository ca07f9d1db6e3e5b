"""Who gets the administrator's kubeconfig, and what becomes of a file that is there: the scripts, run on homes in a folder."""

import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from kubepeer.intent import Intent
from tasks.control_plane import kubeconfigs
from tasks.linux.state import Execute

OURS = """clusters:
- cluster:
    certificate-authority-data: Q0E=
    server: https://10.31.90.0:8443
users:
- user:
    client-certificate-data: %s
"""
ADMIN = OURS % "bmV3"
THEIRS = ADMIN.replace("Q0E=", "b3RoZXI=")
MERGED = "- cluster:\n    certificate-authority-data: b3RoZXI=\n    server: https://192.0.2.1\n"


@pytest.fixture
def intent(intent_of: Any) -> Intent:
    made: Intent = intent_of(defaults_file={"data": {"software": {"kubeconfig_users": ["ops"]}}})
    return made


@pytest.fixture
def machine(tmp_path: Path) -> Any:
    """Runs a script where /etc/kubernetes and all homes are folders of this test; all users are who runs it."""
    programs = {
        "getent": f'echo "$2:x:0:0::{tmp_path}/home/$2:/bin/sh"',
        "runuser": 'shift 3; exec "$@"',
        "stat": 'echo "${OWNER:-$u}"',
    }
    for name, text in programs.items():
        (tmp_path / name).write_text(f"#!/bin/sh\n{text}\n")
        (tmp_path / name).chmod(0o755)
    for user in ("root", "ops"):
        (tmp_path / "home" / user).mkdir(parents=True)
    (tmp_path / "admin.conf").write_text(ADMIN)

    def run(script: str, **environment: str) -> str:
        script = script.replace(kubeconfigs.ADMIN_CONF, str(tmp_path / "admin.conf")).replace(
            "for u in", "export u; for u in"
        )
        done = subprocess.run(
            ["/bin/sh", "-s"], input=script, text=True, capture_output=True, check=False,
            env={"PATH": f"{tmp_path}:{os.environ['PATH']}"} | environment,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        return done.stdout

    return run


def script_of(intent: Intent, user: str) -> str:
    (change,) = [one for one in kubeconfigs.plan(intent, ()) if f"{user}/" in one.what]
    (step,) = change.steps
    assert isinstance(step, Execute)
    return step.script


def test_root_and_the_inventorys_users_get_it_and_it_is_never_shown(intent: Intent) -> None:
    changes = list(kubeconfigs.plan(intent, ()))
    assert [change.diff for change in changes] == [
        "~ /root/.kube/config (secret: not shown)",
        "~ ~ops/.kube/config (secret: not shown)",
    ]
    assert [change.what for change in kubeconfigs.plan(intent, ("root",))] == ["~ops/.kube/config"]
    assert list(kubeconfigs.plan(intent, ("root", "ops"))) == []


@pytest.mark.parametrize(
    ("stands", "right"),
    [(None, False), (ADMIN, True), (OURS % "b2xk", False), (THEIRS, False), (MERGED + ADMIN, True), ("", False)],
    ids=["none", "the_administrators", "an_old_certificate", "another_cluster", "both_clusters", "empty"],
)
def test_a_file_is_right_that_knows_the_cluster_and_the_administrator(
    intent: Intent, machine: Any, tmp_path: Path, stands: str | None, *, right: bool
) -> None:
    file = tmp_path / "home/ops/.kube/config"
    file.parent.mkdir()
    if stands is not None:
        file.write_text(stands)
    assert machine(kubeconfigs.question(intent)).split() == (["ops"] if right else [])
    machine(script_of(intent, "ops"))
    assert machine(kubeconfigs.question(intent)).split() == ["ops"]


def test_a_file_that_belongs_to_somebody_else_is_not_right(intent: Intent, machine: Any, tmp_path: Path) -> None:
    (tmp_path / "home/ops/.kube").mkdir()
    (tmp_path / "home/ops/.kube/config").write_text(ADMIN)
    assert machine(kubeconfigs.question(intent), OWNER="somebody").split() == []


def test_a_machine_that_is_no_control_plane_has_none(intent: Intent, machine: Any, tmp_path: Path) -> None:
    (tmp_path / "admin.conf").unlink()
    assert machine(kubeconfigs.question(intent)) == ""


@pytest.mark.parametrize(
    ("stands", "aside"),
    [(OURS % "b2xk", False), (THEIRS, True), (MERGED + OURS % "b2xk", True)],
    ids=["an_older_one_of_ours", "another_clusters", "of_both"],
)
def test_another_clusters_file_is_kept_under_another_name(
    intent: Intent, machine: Any, tmp_path: Path, stands: str, *, aside: bool
) -> None:
    folder = tmp_path / "home/ops/.kube"
    folder.mkdir()
    (folder / "config").write_text(stands)
    machine(script_of(intent, "ops"))
    assert (folder / "config").read_text() == ADMIN
    assert (folder / "config").stat().st_mode & 0o777 == 0o600
    kept = folder / f"config.{kubeconfigs.ASIDE}"
    assert kept.exists() is aside
    if aside:
        assert kept.read_text() == stands
        (folder / "config").write_text(THEIRS)
        machine(script_of(intent, "ops"))
        assert {file.name for file in folder.iterdir()} == {"config", kept.name, f"{kept.name}.~1~"}
