"""Operating systems as data: what each is taken for, and that the table holds together."""

import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from kubepeer import versions
from tasks.linux.observe import Answer
from tasks.nodes import systems
from tasks.nodes.systems import System, by_family, read, refusals, remark
from tests.conftest import CHECKOUT

TABLE = yaml.safe_load(systems.DATA.read_text(encoding="utf-8"))
LISTED = [(name, release) for name, row in TABLE["systems"].items() for release in row["releases"]]
EVERY_KUBERNETES = [f"1.{minor}.0" for minor in range(26, 38)]


@pytest.mark.parametrize(
    ("text", "system", "family", "said"),
    [
        ("debian\nversion 12\n", System("debian", version="12"), "apt", ""),
        ("debian\nversion \nmanager dnf", System("debian", manager="dnf"), "apt",
         "debian without a version is not listed (11 to 13 are)"),
        ("linuxmint ubuntu debian\nversion 22", System("linuxmint", ("ubuntu", "debian"), "22"), "apt",
         "linuxmint is not listed, taken as ubuntu"),
        ("ubuntu debian\nversion 25.10", System("ubuntu", ("debian",), "25.10"), "apt", "ubuntu 25.10 is not listed (20.04 to 26.04 are)"),
        ("rocky rhel centos fedora\nversion 9.6\nmanager dnf", System("rocky", ("rhel", "centos", "fedora"), "9.6", "dnf"), "rpm", ""),
        ("rocky rhel\nversion 11.0\nmanager dnf", System("rocky", ("rhel",), "11.0", "dnf"), "rpm",
         "rocky 11.0 is not listed (8 to 10 are)"),
        ("amzn centos rhel fedora\nversion 2\nmanager yum", System("amzn", ("centos", "rhel", "fedora"), "2", "yum"), "rpm",
         "amzn is not listed, taken as centos"),
        ("ol fedora\nversion 8.9\nmanager dnf", System("ol", ("fedora",), "8.9", "dnf"), "rpm", ""),
        ("amzn fedora\nversion 2023\nmanager dnf", System("amzn", ("fedora",), "2023", "dnf"), "", ""),
        ("", System(), "", ""),
    ],
)  # fmt: skip
def test_a_system_is_what_its_os_release_says(text: str, system: System, family: str, said: str) -> None:
    found = read(Answer(0, text))
    assert (found, found.family, remark(found)) == (system, family, said)


def test_a_machine_without_an_os_release_has_no_system() -> None:
    assert read(Answer(2, "sh: 1: .: cannot open /etc/os-release: No such file")) == System()


@pytest.mark.parametrize(("name", "release"), LISTED)
def test_a_listed_release_is_served_without_a_remark(name: str, release: str) -> None:
    system = System(name, version=release, manager="dnf")
    row = TABLE["systems"][name]["releases"][release]
    assert list(refusals(system, f"{row['kernel']}.0-1", "1.26.0", member=False)) == []
    assert remark(system) == ""
    assert row["source"]


def carried(kernel: str, cgroup: int) -> list[str]:
    """The versions of Kubernetes that a release carries as it is, without a key that allows more."""
    return [
        versions.minor(version)
        for version in EVERY_KUBERNETES
        if not list(refusals(System("debian", version="12"), kernel, version, member=False))
        and (cgroup == 2 or not versions.has("kubernetes", version, "cgroup v1 refused"))
    ]


@pytest.mark.parametrize(
    ("names", "release", "carries"),
    [
        (("centos", "rhel", "ol"), "7", ["1.26", "1.27", "1.28", "1.29", "1.30", "1.31"]),
        (("centos", "rhel", "ol", "rocky", "almalinux"), "8", ["1.26", "1.27", "1.28", "1.29", "1.30", "1.31", "1.34"]),
        (("ubuntu",), "20.04", [versions.minor(version) for version in EVERY_KUBERNETES[:9]]),
        (("ubuntu",), "26.04", [versions.minor(version) for version in EVERY_KUBERNETES]),
        (("debian",), "11", [versions.minor(version) for version in EVERY_KUBERNETES]),
        (("rocky",), "9", [versions.minor(version) for version in EVERY_KUBERNETES]),
    ],
)  # fmt: skip
def test_what_a_release_carries_is_what_the_documentation_says(
    names: tuple[str, ...], release: str, carries: list[str]
) -> None:
    for name in names:
        row = TABLE["systems"][name]["releases"][release]
        assert carried(f"{row['kernel']}.0", row["cgroup"]) == carries


def test_the_documentation_names_every_kernel_that_cannot_carry_all() -> None:
    text = (CHECKOUT / "docs/inventory.md").read_text(encoding="utf-8")
    for name, release in LISTED:
        row = TABLE["systems"][name]["releases"][release]
        if len(carried(f"{row['kernel']}.0", row["cgroup"])) < len(EVERY_KUBERNETES):
            assert f"| {row['kernel']} | {row['cgroup']} |" in text


@pytest.mark.parametrize(
    ("release", "family"),
    [
        ("ID=debian\nVERSION_CODENAME=bookworm\n", "apt"),
        ('ID="rocky"\nID_LIKE="rhel centos fedora"\n', "rpm"),
        ('ID="amzn"\nID_LIKE="centos rhel fedora"\n', "rpm"),
        ("ID=ubuntu\nID_LIKE=debian\n", "apt"),
        ('ID="ol"\nID_LIKE="fedora"\n', "rpm"),
        ("ID=trochlea\nID_LIKE=polish\n", "apt"),
    ],
)  # fmt: skip
def test_the_shell_chooses_the_family_that_is_read(tmp_path: Path, release: str, family: str) -> None:
    (tmp_path / "os-release").write_text(release)
    script = by_family(apt="echo apt", rpm="echo rpm").replace("/etc/os-release", f"{tmp_path}/os-release")
    said: Any = subprocess.run(["/bin/sh", "-c", script], capture_output=True, text=True, check=True)
    assert said.stdout == f"{family}\n"
