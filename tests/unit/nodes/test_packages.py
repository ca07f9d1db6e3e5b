"""The installation of packages, by the real /bin/sh and programs that say what apt and dpkg say."""

import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tasks.linux.state import Execute
from tasks.nodes import plan
from tasks.nodes.given import Given
from tasks.nodes.packages import RUNNING_QUESTION
from tasks.nodes.repository import Repository

NODE = "k8s-calico-worker-10-31-90-4"
HAVE = Repository(dict.fromkeys(("kubelet", "kubeadm", "kubectl", "cri-tools"), ("1.26.0-2.1",)))
HELD = "dpkg: error: dpkg frontend lock was locked by another process with pid"
NOBODY = 99_999_999  # above the largest pid_max


@pytest.fixture
def step(intent_of: Any, seen_of: Any) -> Execute:
    """The installation on a bare node."""
    intent = intent_of()
    changes = plan.plan(intent, intent.node(NODE), seen_of("bare"), Given(), HAVE)
    (found,) = [step for change in changes if change.what == "packages" for step in change.steps]
    assert isinstance(found, Execute)
    return found


def ended(step: Execute, folder: Path, programs: dict[str, str]) -> subprocess.CompletedProcess[str]:
    """Run the installation with these programs in the place of the real ones."""
    for name, text in ({"sleep": "", "flock": "", "dpkg": ""} | programs).items():
        (folder / name).write_text(f"#!/bin/sh\n{text}\n")
        (folder / name).chmod(0o755)
    return subprocess.run(
        ["/bin/sh", "-s"], input=step.script.replace("/run/", f"{folder}/"), text=True, capture_output=True, cwd=folder,
        env={"PATH": f"{folder}:/usr/bin:/bin"}, check=False,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("dpkg", "apt", "code", "said"),
    [
        ("", "", 0, ""),
        (f'echo "{HELD} {NOBODY}"; echo "Note: no"; exit 2', "", 100,
         f"{HELD} {NOBODY} (it has ended), for 120 s\n"),
        (f'echo "{HELD} {os.getpid()}"; exit 2', "", 100,
         f"{HELD} {os.getpid()} ({Path('/proc/self/comm').read_text().strip()}), for 120 s\n"),
        (f'echo "{HELD} {NOBODY}"; [ -e was ] || {{ touch was; exit 2; }}', "", 0, ""),
        ("", 'echo "E: Could not get lock /var/lib/apt/lists/lock. It is held by process 7 (apt-get)"; exit 100', 100,
         "E: Could not get lock /var/lib/apt/lists/lock. It is held by process 7 (apt-get), for 120 s\n"),
        ("", 'echo "Err:1 http://mirror bookworm InRelease"; echo "E: Failed to fetch http://mirror"; echo "E: Some"; exit 100', 100,
         "E: Failed to fetch http://mirror\n"),
        ("", 'echo "Err:1 http://mirror bookworm InRelease"; echo "done"; exit 100', 100,
         "Err:1 http://mirror bookworm InRelease\n"),
        ("", 'echo "dpkg: error processing package chrony (--configure):"; echo " its script returned 1"; echo "E: Sub-process"; exit 100',
         100, "dpkg: error processing package chrony (--configure): its script returned 1\n"),
        ("", "echo something else; exit 7", 100, "something else\n"),
    ],
    ids=[
        "all_is_well", "a_lock_that_is_never_released", "a_lock_and_who_holds_it", "a_lock_that_is_held_for_a_moment", "apts_own_lock",
        "no_mirror", "an_error_without_a_cause", "a_package_that_cannot_be_configured", "another_fault",
    ],
)  # fmt: skip
def test_packages_wait_for_a_lock_and_for_nothing_else(
    step: Execute, tmp_path: Path, dpkg: str, apt: str, code: int, said: str
) -> None:
    done = ended(step, tmp_path, {"dpkg": dpkg, "apt-get": apt})
    assert (done.returncode, done.stderr) == (code, said)


@pytest.mark.parametrize(
    ("removed", "code", "said"),
    [
        ([], 0, ""),
        (["systemd-timesyncd"], 0, ""),
        (["containerd.io", "systemd-timesyncd", "docker-ce"], 100,
         "apt would remove containerd.io docker-ce: nothing was installed\n"),
    ],
    ids=["nothing", "the_time_daemon_that_chrony_replaces", "somebody_elses_packages"],
)  # fmt: skip
def test_no_package_is_removed_but_another_time_daemon(
    step: Execute, tmp_path: Path, removed: list[str], code: int, said: str
) -> None:
    says = "\n".join(f"echo 'Remv {name} [1.7.27-1]'" for name in removed)
    apt = f'case "$*" in *--simulate*) {says or "true"};; *install*) touch installed;; esac'
    done = ended(step, tmp_path, {"apt-get": apt})
    assert (done.returncode, done.stderr) == (code, said)
    assert (tmp_path / "installed").exists() is (code == 0)


def test_the_versions_that_were_found_are_asked_for(step: Execute, tmp_path: Path) -> None:
    ended(step, tmp_path, {"apt-get": 'echo "$*" >>asked'})
    (asked,) = [
        line for line in (tmp_path / "asked").read_text().splitlines() if " install " in line and "--sim" not in line
    ]
    pinned = [f"{name}=1.26.0-2.1" for name in ("cri-tools", "kubelet", "kubeadm", "kubectl")]
    assert asked.split()[-len(pinned) :] == pinned


def test_the_version_of_a_kubelet_whose_file_was_replaced_is_that_of_the_process(tmp_path: Path) -> None:
    """A package was upgraded by hand, and its daemon was not restarted: the old program is asked, by /proc."""
    shutil.copy(shutil.which("sleep") or "", tmp_path / "kubelet")
    running = subprocess.Popen([tmp_path / "kubelet", "30"])
    try:
        (tmp_path / "kubelet").unlink()
        (tmp_path / "systemctl").write_text(f"#!/bin/sh\necho {running.pid}\n")
        (tmp_path / "systemctl").chmod(0o755)
        question = RUNNING_QUESTION.replace("s/^Kubernetes v//p", "s/.*coreutils//p")
        said = subprocess.run(
            ["/bin/sh", "-c", question], text=True, capture_output=True, env={"PATH": f"{tmp_path}:/usr/bin:/bin"}, check=True
        )  # fmt: skip
    finally:
        running.kill()
        running.wait()
    assert said.stdout.strip()
    assert not said.stderr


@pytest.mark.parametrize(("packaged", "says"), [(True, ""), (False, "1.36.3\n")])
def test_a_kubelet_that_no_package_brought_is_asked_for_its_version(
    tmp_path: Path, says: str, *, packaged: bool
) -> None:
    programs = {"systemctl": "echo 0", "kubelet": "echo Kubernetes v1.36.3", "dpkg-query": f"exit {int(not packaged)}"}
    for name, text in programs.items():
        (tmp_path / name).write_text(f"#!/bin/sh\n{text}\n")
        (tmp_path / name).chmod(0o755)
    said = subprocess.run(
        ["/bin/sh", "-c", RUNNING_QUESTION], text=True, capture_output=True, env={"PATH": f"{tmp_path}:/usr/bin:/bin"}, check=True
    )  # fmt: skip
    assert (said.stdout, said.stderr) == (says, "")
