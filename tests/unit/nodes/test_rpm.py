"""dnf and yum by their words: versions in rpm's order, lists of versionlock, and scripts with programs that say what theirs say."""

import subprocess
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from tasks.linux.observe import Answer
from tasks.nodes import packages
from tasks.nodes.managers import rpm_scripts
from tasks.nodes.managers.evr import order
from tasks.nodes.managers.rpm import Rpm
from tasks.nodes.managers.versionlock import locked
from tasks.nodes.repository import Repository

DNF, YUM = Rpm("dnf", 9), Rpm("yum", 7)


@pytest.mark.parametrize(
    "ascending",
    [
        ["1.36.2-150500.1.1", "1.36.3-150500.1.1", "1.36.3-150500.2.1", "1.36.10-150500.1.1", "1:1.0-1"],
        ["1.0~rc1-1", "1.0~rc2-1", "1.0-1", "1.0^20260101-1", "1.0.a-1", "1.0.1-1"],
        ["1.0a-1", "1.0.1-1", "1.0.1-1.el9", "1.0.1-1.el10"],
    ],
)
def test_versions_are_in_the_order_of_rpm(ascending: list[str]) -> None:
    assert all(order(one) < order(other) for one, other in pairwise(ascending))
    assert order("0:1.0-1") == order("1.0-1") == order("1.00-1")


@pytest.mark.parametrize(
    ("manager", "before", "after"),
    [
        ("dnf", "", "kubelet-0:1.36.3-1.*\n"),
        ("dnf", "kubelet-0:1.36.3-1.*\n", "kubelet-0:1.36.3-1.*\n"),
        ("dnf", "# a\nkubelet-0:1.36.3-1.*\nkubelet-0:1.36.3-1.*\n", "# a\nkubelet-0:1.36.3-1.*\n"),
        ("dnf", "kubelet\n!kubelet-0:1.36.4-*\nkubelet-1.*\nkubelet-*\nkubelet-extra-0:1-1.*\n",
         "!kubelet-0:1.36.4-*\nkubelet-extra-0:1-1.*\nkubelet-0:1.36.3-1.*\n"),
        ("yum", "0:kubelet-1.36.2-1.*\n1:other-1-1.*\n", "1:other-1-1.*\n0:kubelet-1.36.3-1.*\n"),
    ],
    ids=["none", "as_it_should_be", "twice", "other_versions", "of_yum"],
)  # fmt: skip
def test_a_package_is_locked_once_and_at_its_version(manager: str, before: str, after: str) -> None:
    assert locked(manager, before, {"kubelet": "1.36.3-1"}) == after
    assert locked(manager, after, {"kubelet": "1.36.3-1"}) == after


def test_an_epoch_is_locked_too() -> None:
    assert locked("dnf", "", {"a": "2:1-1"}) == "a-2:1-1.*\n"
    assert locked("yum", "", {"a": "2:1-1"}) == "2:a-1-1.*\n"


def test_what_was_found_is_read_the_newest_first() -> None:
    said = "kubelet 0:1.36.2-1\nkubelet 0:1.36.10-1\nkubelet 0:1.36.10-1\nipset 2:7.17-1\nnothing\n"
    assert DNF.answered(Answer(0, said)) == Repository({"kubelet": ("1.36.10-1", "1.36.2-1"), "ipset": ("2:7.17-1",)})


def test_trouble_is_one_line() -> None:
    assert DNF.answered(Answer(100, "Error: one\n two\n")).trouble == "one two"
    assert YUM.answered(Answer(100, "")).trouble == "yum said nothing"


def run(script: str, folder: Path, programs: dict[str, str]) -> subprocess.CompletedProcess[str]:
    """Run a script with these programs in the place of the real ones."""
    for name, text in ({"sleep": "", "flock": "", "rpm": ""} | programs).items():
        (folder / name).write_text(f"#!/bin/sh\n{text}\n")
        (folder / name).chmod(0o755)
    script = script.replace("/run/", f"{folder}/").replace("/etc/yum.conf", f"{folder}/yum.conf")
    return subprocess.run(
        ["/bin/sh", "-s"], input=script, text=True, capture_output=True, cwd=folder,
        env={"PATH": f"{folder}:/usr/bin:/bin"}, check=False,
    )  # fmt: skip


# What yum 3.4.3 of CentOS 7 says: cli.py, output.py
TRANSACTION = """Loaded plugins: fastestmirror
================================================================================
 Package       Arch        Version               Repository                Size
================================================================================
Installing:
 kubelet       x86_64      1.26.0-0              kubepeer-kubernetes       20 M
{more}
Transaction Summary
================================================================================
Install  1 Package

Total download size: 20 M
"""
REMOVING = (
    "Removing for dependencies:\n docker-ce     x86_64      3:24.0.9-1.el7        @docker                   97 M\n"
)
REPLACING = "     replacing  docker.x86_64 2:1.13.1-1.el7\n"


ASSUMED = "case $* in *assumeno*) echo '{}'; echo 'Exiting on user command'; exit 1;; esac"


@pytest.mark.parametrize(
    ("yum", "code", "said"),
    [
        (ASSUMED.format(TRANSACTION.format(more="")), 0, ""),
        (ASSUMED.format(TRANSACTION.format(more=REMOVING)), 100, "yum would remove docker-ce: nothing was installed\n"),
        (ASSUMED.format(TRANSACTION.format(more=REPLACING)), 100, "yum would remove docker: nothing was installed\n"),
        ("echo 'Existing lock /var/run/yum.pid: another copy is running as pid 99999999.'; exit 200", 100,
         "Existing lock /var/run/yum.pid: another copy is running as pid 99999999. (it has ended), for 120 s\n"),
        ("echo 'Error: Nothing to do'; exit 1", 100, "Error: Nothing to do\n"),
    ],
    ids=["all_is_well", "it_would_remove", "it_would_replace", "another_yum", "an_error"],
)  # fmt: skip
def test_yum_downgrades_and_installs_and_removes_nothing(tmp_path: Path, yum: str, code: int, said: str) -> None:
    step = YUM.installation({"kubelet": "1.26.0-0", "ipset": "2:7.17-1"}, {"kubelet": "1.26.1-0"}, only_ours=True)
    done = run(step.script, tmp_path, {"yum": f'echo "$*" >>asked\n{yum}'})
    assert (done.returncode, done.stderr) == (code, said)
    words = [line.split(" --enablerepo=kubepeer-* ") for line in (tmp_path / "asked").read_text().splitlines()]
    assert all("--disablerepo=*" in options for options, _ in words)
    changing = [command for options, command in words if options.startswith("-y") and "cache" not in command]
    assert changing == ([] if code else ["downgrade kubelet-1.26.0-0", "install 2:ipset-7.17-1"])


def test_what_yum_leaves_out_without_a_word_is_an_error(tmp_path: Path) -> None:
    step = YUM.installation({"kubelet": "1.26.0-0", "nosuch": None}, {}, only_ours=False)
    done = run(step.script, tmp_path, {"yum": "true", "rpm": 'case "$*" in *nosuch) exit 1;; esac'})
    assert (done.returncode, done.stderr) == (100, "yum has not installed nosuch\n")


def test_the_list_of_yum_is_read_where_its_columns_run_over_lines(tmp_path: Path, intent_of: Any) -> None:
    (tmp_path / "yum.conf").write_text("[main]\ncachedir=/var/cache/yum\nproxy=http://10.0.0.1:3128\nplugins=1\n")
    listed = (
        "Available Packages\nkubelet.x86_64      1.26.0-0      kubepeer-kubernetes\n"
        "a-package-with-a-name-that-is-long.noarch\n                    2:7.17-1      kubepeer-kubernetes\n"
        "containerd.io.x86_64 1.6.33-3.1.el7 kubepeer-docker\ncri-tools.x86_64 1.26.0-0 kubepeer-kubernetes\n"
    )
    question = YUM.question(intent_of(), {}, ["kubelet"])
    done = run(
        question,
        tmp_path,
        {"yum": f'cat $4 >seen 2>/dev/null || cat $3 >seen\ncase "$*" in *list*) printf "%s" "{listed}";; esac'},
    )
    assert done.stderr == ""
    assert YUM.answered(Answer(done.returncode, done.stdout)).versions == {
        "kubelet": ("1.26.0-0",),
        "a-package-with-a-name-that-is-long": ("2:7.17-1",),
        "containerd.io": ("1.6.33-3.1.el7",),
        "cri-tools": ("1.26.0-0",),
    }
    settings = (tmp_path / "seen").read_text().splitlines()
    assert "proxy=http://10.0.0.1:3128" in settings
    assert "plugins=0" in settings
    assert "plugins=1" not in settings
    assert not [line for line in settings if "/var/cache" in line]
    assert sorted(path.name for path in tmp_path.iterdir() if "kubepeer" in path.name) == []


@pytest.mark.cases("rpm_causes")
def test_the_cause_is_one_line(case: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / "said").write_text(case["said"])
    done = run(f"{rpm_scripts.CAUSE}first_error said", tmp_path, {})
    assert (done.stdout, done.stderr) == (f"{case['cause']}\n", "")


def test_packages_in_two_versions_are_seen() -> None:
    assert packages.twice(
        Answer(0, "kubelet 1.26.0-1 installed\nkubelet 1.25.3-1 installed\nchrony 4.5-3 installed")
    ) == ("kubelet",)
    assert packages.twice(Answer(0, "package kubelet is not installed")) == ()
