"""What the lab's router without comforts is made of, and what it stands on (lab/build/busybox.py)."""

from collections.abc import Iterable
from pathlib import Path

import pytest

from lab.build.busybox import APPLETS, _is_wanted, _link_applets
from lab.disks import layers
from lab.places import FILES, Cache, Instance
from lab.topology import BIRD_BOX, FRR8, MACHINES, OPENWRT, TINY_UNRAID, Machine


@pytest.mark.parametrize(
    ("package", "wanted"),
    [
        ("frr", True), ("busybox", True), ("dropbear-bin", True), ("libc6", True), ("libyang2", True), ("zlib1g", True),
        ("libc-bin", False), ("libcap2-bin", False), ("iproute2", False), ("perl-base", False), ("libperl5.36", False),
        ("libpam-runtime", False), ("libpam-modules", True), ("frr-pythontools", False),
    ],
)  # fmt: skip
def test_of_what_a_package_depends_on_the_libraries_come_along(package: str, *, wanted: bool) -> None:
    assert _is_wanted(package, ("busybox", "dropbear-bin", "frr")) == wanted


def test_no_applet_is_a_comfort_and_each_is_busybox(tmp_path: Path) -> None:
    for folder in ("usr/bin", "usr/sbin"):
        (tmp_path / folder).mkdir(parents=True)
    _link_applets(tmp_path)
    made = {path.name: path for path in tmp_path.rglob("*") if path.is_symlink()}
    assert set(made) == set(APPLETS)
    assert {str(path.readlink()) for path in made.values()} == {"../bin/busybox"}
    assert not set(made) & {"base64", "setsid", "nohup", "stat", "od", "sudo", "bash", "python3", "systemctl"}


def test_it_stands_on_its_own_root_and_the_others_on_a_base(tmp_path: Path) -> None:
    instance = Instance("kp-unit", Cache(tmp_path))
    assert list(layers(instance, OPENWRT)) == [tmp_path / "layers/busybox-router"]
    for router in (FRR8, TINY_UNRAID):
        assert list(layers(instance, router))[-1] == tmp_path / "base"
    assert [machine.name for machine in MACHINES if not machine.has_systemd] == ["openwrt", "bird-box"]


@pytest.mark.parametrize(("router", "daemon"), [(OPENWRT, "frr"), (BIRD_BOX, "bird")])
def test_its_init_starts_what_lies_in_its_files(router: Machine, daemon: str) -> None:
    folders = (FILES / "busybox", FILES / router.role.value)
    words = (folders[0] / "etc/inittab").read_text().replace(":", " ").split()
    scripts = {word for word in words if word.startswith("/etc/init.d/")}
    assert scripts == {"/etc/init.d/rcS", "/etc/init.d/rcK"}
    found = {
        script: _only(folder / script.lstrip("/") for folder in folders)
        for script in (*scripts, f"/etc/init.d/{daemon}")
    }
    for file in found.values():
        assert file.read_text().startswith("#!/bin/sh\n"), "there is no bash"
        assert file.stat().st_mode & 0o111
    for script in scripts:
        assert daemon in found[script].read_text()


def _only(paths: Iterable[Path]) -> Path:
    (found,) = (path for path in paths if path.exists())
    return found
