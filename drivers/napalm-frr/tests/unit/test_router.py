"""The scripts on a router of shell and vtysh: what is refused before anything is changed, and which way is gone."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from napalm.base.exceptions import CommitError
from napalm_unix_router.testing.local import LocalRouter
from napalm_unix_router.transport import Output

from napalm_frr import FRRDriver

BASE = (Path(__file__).parent.parent / "merge" / "base.conf").read_text(encoding="utf-8")
FRAGMENT = "router bgp 64512\n neighbor 10.31.90.2 description another\n"
PROGRAMS = "cat chmod cmp cp cut date grep ln mkdir mv readlink rm rmdir sed sha256sum sleep sort tail tr"
VTYSH = """#!{shell}
cd {site}
case "$*" in
--help) echo "--no-fork" ;;
*"show running-config"*) cat running ;;
*"configure terminal"*) cat locked 2>/dev/null ;;
-C*) ! grep -n poison "$3" ;;
*-f*)
    while [ "$1" != -f ]; do shift; done
    echo "== $2" >>applied
    cat "$2" >>applied
    [ ! -e becomes ] || cp becomes running
    ;;
esac
"""


class Router(LocalRouter):
    """A shell of this host; the folders of FRR and of the driver are elsewhere, and so are the programs."""

    def __init__(self, site: Path) -> None:
        super().__init__(str(site / "bin" / "sh"), {"PATH": f"{site}/bin"})
        self.site = site

    def run(self, script: str, timeout: float | None = None) -> Output:
        """Run a script there."""
        known = "/usr/sbin:/usr/bin:/sbin:/bin:/usr/local/sbin:/usr/local/bin"
        for ours, there in (
            ("/etc/frr/", f"{self.site}/etc/"),
            ("/var/lib/napalm-frr", f"{self.site}/kept"),
            (known, f"{self.site}/bin"),
        ):
            script = script.replace(ours, there)
        script = script.replace("/run/systemd/system", f"{self.site}/none").replace(
            "/proc/mounts", f"{self.site}/mounts"
        )
        script = script.replace("/usr/lib/frr/", f"{self.site}/lib/")
        return super().run(script, timeout)


@pytest.fixture(params=["dash", "busybox"])
def site(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """A router with the configuration of the tables, and without frr-reload.py."""
    shell = shutil.which(request.param)
    if shell is None:
        pytest.skip(f"{request.param} is not on this host (on Debian: apt-get install {request.param})")
    for name in ("bin", "etc", "lib"):
        (tmp_path / name).mkdir()
    (tmp_path / "bin" / "sh").symlink_to(shell)
    for name in PROGRAMS.split():
        program = shell if request.param == "busybox" else str(shutil.which(name))
        (tmp_path / "bin" / name).symlink_to(program)
    (tmp_path / "bin" / "vtysh").write_text(
        VTYSH.format(shell=tmp_path / "bin" / "sh", site=tmp_path), encoding="utf-8"
    )
    (tmp_path / "bin" / "vtysh").chmod(0o755)
    for name in ("running", "etc/frr.conf"):
        (tmp_path / name).write_text(BASE, encoding="utf-8")
    (tmp_path / "mounts").touch()
    return tmp_path


@pytest.fixture
def device(site: Path) -> FRRDriver:
    """A session with it."""
    opened = FRRDriver("here", "root", "", optional_args={"owner": "alice@desk"})
    opened.device = Router(site)
    return opened


def becomes(site: Path, text: str) -> None:
    """What runs once a file has been applied."""
    (site / "becomes").write_text(text, encoding="utf-8")


def applied(site: Path) -> str:
    """What vtysh was given, file by file."""
    file = site / "applied"
    return file.read_text(encoding="utf-8") if file.exists() else ""


@pytest.mark.parametrize(
    ("running", "locked", "mounts", "says"),
    [
        ("no service integrated-vtysh-config\n", "", "", "split over one file .*`service integrated-vtysh-config`"),
        ("", "% Configuration is locked by other client\n", "", "locked by another session.*: % Configuration is lo"),
        ("", "", "tmpfs {site}/etc/frr.conf tmpfs rw 0 0\n", "could not be saved .*/frr.conf is a mount of its own"),
    ],
)  # fmt: skip
def test_what_stands_in_the_way_is_one_line_and_nothing_is_changed(
    site: Path, device: FRRDriver, running: str, locked: str, mounts: str, says: str
) -> None:
    text = BASE.replace("service integrated-vtysh-config\n", running or "service integrated-vtysh-config\n")
    (site / "running").write_text(text, encoding="utf-8")
    (site / "locked").write_text(locked, encoding="utf-8")
    (site / "mounts").write_text(mounts.format(site=site), encoding="utf-8")
    device.load_merge_candidate(config=FRAGMENT)
    with pytest.raises(CommitError, match=f"here: nothing was changed: .*{says}"):
        device.commit_config()
    assert applied(site) == ""
    assert (site / "running").read_text(encoding="utf-8") == text
    assert not device.has_pending_commit()
    assert sorted(path.name for path in (site / "etc").iterdir()) == ["frr.conf"]


def test_a_replacement_goes_by_vtysh_where_there_is_no_frr_reload_and_back_the_same_way(
    site: Path, device: FRRDriver
) -> None:
    wanted = BASE.replace("neighbor NODES timers 3 9", "neighbor NODES timers 10 30")
    becomes(site, wanted)
    device.load_replace_candidate(config=wanted)
    device.commit_config(revert_in=60)
    assert applied(site).splitlines()[1:] == ["router bgp 64512", " neighbor NODES timers 10 30", "exit"]
    becomes(site, BASE)
    device.rollback()
    assert applied(site).splitlines()[5:] == ["router bgp 64512", " neighbor NODES timers 3 9", "exit"]
    assert not device.has_pending_commit()
    assert "identical" in (site / "kept" / "history").read_text(encoding="utf-8")


def test_what_came_out_otherwise_is_taken_back_from_what_it_came_to(site: Path, device: FRRDriver) -> None:
    """The way back from what should run would not lead from there."""
    becomes(site, BASE.replace("description the second", "description the second of two"))
    device.load_merge_candidate(config=FRAGMENT)
    with pytest.raises(CommitError, match=r"unexpected: .*description the second of two"):
        device.commit_config()
    assert applied(site).splitlines()[5:8] == [
        "router bgp 64512",
        " neighbor 10.31.90.2 description the second",
        "exit",
    ]


def test_a_way_that_is_not_vouched_for_is_refused_without_frr_reload(
    site: Path, device: FRRDriver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("napalm_frr.frr.way", lambda _standing, _wanted: None)
    device.load_replace_candidate(config=BASE.replace("the second", "another"))
    with pytest.raises(CommitError, match=r"nothing was changed: frr-reload.py is not there.*frr-pythontools"):
        device.commit_config()
    assert applied(site) == ""


def test_a_way_that_frrs_parser_does_not_know_is_refused_before_anything_is_changed(
    site: Path, device: FRRDriver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "napalm_frr.frr.way", lambda standing, _wanted: "poison\n" if "another" in str(standing) else ""
    )
    device.load_replace_candidate(config=BASE.replace("the second", "another"))
    with pytest.raises(CommitError, match=r"nothing was changed: frr-reload.py is not there.*: 1:poison"):
        device.commit_config()
    assert applied(site) == ""
    assert not device.has_pending_commit()


def test_where_frr_reload_and_python_are_there_it_replaces(site: Path, device: FRRDriver) -> None:
    wanted = BASE.replace("the second", "another")
    becomes(site, wanted)
    (site / "lib" / "frr-reload.py").touch()
    python = site / "bin" / "python3"
    python.write_text(f'#!{site}/bin/sh\ncd {site}\necho "$*" >>reloaded\ncp becomes running\n', encoding="utf-8")
    python.chmod(0o755)
    device.load_replace_candidate(config=wanted)
    device.commit_config()
    assert "--reload" in (site / "reloaded").read_text(encoding="utf-8")
    assert applied(site) == ""
