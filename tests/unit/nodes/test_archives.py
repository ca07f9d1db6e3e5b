"""Programs from archives: the real script with real archives, in a folder that stands for the node."""

import hashlib
import io
import tarfile
from pathlib import Path
from typing import Any

import pytest

from tasks.linux.observe import Answer, FileSeen, Seen
from tasks.linux.state import Execute
from tasks.linux.templates import render
from tasks.nodes import archives
from tasks.nodes.given import Given
from tasks.nodes.packages import lacking
from tasks.nodes.systems import System
from tests.unit.nodes.conftest import Run

DEBIAN = System("debian", version="12")
UNIT = FileSeen("644", "root:root", render("nodes/containerd.service.j2"))


def archive(**files: str) -> bytes:
    """A .tar.gz of programs, name with _ for / -> text."""
    with io.BytesIO() as made:
        with tarfile.open(fileobj=made, mode="w:gz") as tar:
            for name, text in files.items():
                entry = tarfile.TarInfo(name.replace("__", "/"))
                entry.size, entry.mode = len(text), 0o755
                tar.addfile(entry, io.BytesIO(text.encode()))
        return made.getvalue()


def intent_with(intent_of: Any, name: str, data: bytes, sha256: str = "") -> Any:
    named = {"version": "2.3.5", "url": f"https://mirror.example.net/{name}.tgz", "sha256": sha256 or digest(data)}
    return intent_of(defaults_file={"data": {"software": {"runtime_archives": {name: named}}}})


def digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def planned(intent: Any, said: str) -> list[Any]:
    seen = Seen({"archives": Answer(0, said)}, {archives.UNIT_FILE: UNIT})
    return [change for change in archives.plan(intent, seen, Given()) if change]


def script_of(intent: Any, said: str = "") -> str:
    (change,) = planned(intent, said)
    (step,) = change.steps
    assert isinstance(step, Execute)
    return step.script


@pytest.mark.parametrize(
    ("name", "data", "place"),
    [
        ("containerd", archive(bin__containerd="c", bin__ctr="t"), "usr/local/bin/containerd"),
        ("runc", b"a program and no archive", "usr/local/sbin/runc"),
        ("cni_plugins", archive(loopback="l", bridge="b", LICENSE="words"), "opt/cni/bin/loopback"),
        ("crictl", archive(crictl="i"), "usr/local/bin/crictl"),
    ],
    ids=["containerd", "runc", "cni_plugins", "crictl"],  # the archives themselves say when they were made
)
def test_a_program_takes_its_place_and_is_no_difference_any_more(
    intent_of: Any, node: Run, tmp_path: Path, name: str, data: bytes, place: str
) -> None:
    intent = intent_with(intent_of, name, data)
    (tmp_path / "served" / f"{name}.tgz").write_bytes(data)
    assert node(archives.question(intent)).stdout == ""
    done = node(script_of(intent))
    assert (done.returncode, done.stderr) == (0, "")
    assert (tmp_path / place).stat().st_mode & 0o777 == 0o755
    assert not list(tmp_path.rglob("LICENSE"))
    assert not list(tmp_path.rglob(".kubepeer.*"))
    assert list((tmp_path / "var/tmp").iterdir()) == []
    said = node(archives.question(intent)).stdout
    assert said == f"{name} {digest(data)}\n"
    assert planned(intent, said) == []
    marker = tmp_path / "run/kubepeer-restart-pending.containerd"
    assert marker.exists() is (name == "containerd")
    (tmp_path / place).unlink()  # a program that has gone is a difference
    assert node(archives.question(intent)).stdout == ""


def test_another_checksum_is_an_upgrade(intent_of: Any) -> None:
    intent = intent_with(intent_of, "runc", b"new")
    (change,) = planned(intent, f"runc {'0' * 64}")
    assert change.before == f"sha256 {'0' * 64}"
    assert change.after == f"2.3.5, sha256 {digest(b'new')}"


@pytest.mark.parametrize(
    ("served", "says"),
    [
        (
            b"something else",
            f"https://mirror.example.net/crictl.tgz: its SHA-256 is {digest(b'something else')}, not the inventory's\n",
        ),
        (None, "https://mirror.example.net/crictl.tgz: curl: (22) 404\n"),
        (archive(other="o"), "https://mirror.example.net/crictl.tgz holds no crictl\n"),
    ],
    ids=["another_file", "nothing", "no_such_program"],
)
def test_what_is_not_right_is_one_line_and_nothing_is_noted(
    intent_of: Any, node: Run, tmp_path: Path, served: bytes | None, says: str
) -> None:
    named = digest(served) if served and served[:2] == b"\x1f\x8b" else digest(b"right")
    intent = intent_with(intent_of, "crictl", b"", named)
    if served is not None:
        (tmp_path / "served/crictl.tgz").write_bytes(served)
    done = node(script_of(intent))
    script_says = done.stderr.replace(str(tmp_path), "")
    assert (done.returncode, script_says) == (1, says)
    assert node(archives.question(intent)).stdout == ""


def test_no_package_is_asked_for_where_an_archive_is(intent_of: Any) -> None:
    wanted = lacking(intent_of(), DEBIAN, {}, [])
    assert {"containerd", "cri-tools"} <= set(wanted)
    one = {"version": "1.36.0", "url": "https://mirror.example.net/a.tgz", "sha256": "0" * 64}
    intent = intent_of(defaults_file={"data": {"software": {"runtime_archives": {"containerd": one, "crictl": one}}}})
    assert set(wanted) - set(lacking(intent, DEBIAN, {}, [])) == {"containerd", "cri-tools"}


def test_containerd_from_an_archive_has_a_unit(intent_of: Any) -> None:
    data = archive(bin__containerd="c")
    intent = intent_with(intent_of, "containerd", data)
    assert archives.paths(intent) == [archives.UNIT_FILE]
    seen = Seen({"archives": Answer(0, f"containerd {digest(data)}")}, {archives.UNIT_FILE: None})
    (unit,) = [change for change in archives.plan(intent, seen, Given()) if change]
    assert unit.what == archives.UNIT_FILE
    assert archives.paths(intent_of()) == []
