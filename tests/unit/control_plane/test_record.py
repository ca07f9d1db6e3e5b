"""What a look can tell of the manifests without kubeadm, by the real scripts on a folder."""

import hashlib
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tasks.control_plane import record
from tasks.control_plane.record import FILES, MANIFESTS, QUESTIONS, RECORD_FILE, SettingsSeen
from tasks.control_plane.settings import PATCHES_FOLDER
from tasks.linux.observe import ask
from tasks.linux.shell import Completed

MADE_FROM = {"etcd": "", "kube-apiserver": "0123456789abcdef", "names": "fedcba9876543210"}


class Folder:
    """A root shell whose files lie in a folder of this machine."""

    host = "here"

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def run(self, script: str, *, stdin: bytes | None = None, deadline: float = 60) -> Completed:
        for name in ("/etc/", "/run/", "/var/"):
            script = script.replace(f" {name}", f" {self.folder}{name}")
            script = script.replace(f"<{name}", f"<{self.folder}{name}").replace(f"={name}", f"={self.folder}{name}")
        ended = subprocess.run(
            ["/bin/sh", "-c", script], input=stdin, capture_output=True, timeout=deadline, check=False
        )
        return Completed(ended.returncode, ended.stdout.replace(str(self.folder).encode(), b""), ended.stderr)

    check = run

    def file(self, path: str, text: str) -> None:
        (at := self.folder / path.removeprefix("/")).parent.mkdir(parents=True, exist_ok=True)
        at.write_text(text)

    def seen(self) -> SettingsSeen:
        return record.settings_seen(ask(self, QUESTIONS, FILES))

    def recorded(self, made_from: dict[str, str]) -> None:
        step = record.recording(made_from)
        ended = self.run(step.script, stdin=(step.stdin or "").encode())
        assert ended.code == 0, ended.stderr


@pytest.fixture
def here(tmp_path: Path) -> Folder:
    folder = Folder(tmp_path)
    for name in ("etcd", "kube-apiserver", "kube-scheduler"):
        folder.file(f"{MANIFESTS}/{name}.yaml", f"kind: Pod # {name}\n")
    folder.file(record.CERTIFICATE, "a certificate\n")
    return folder


def sha(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def test_a_node_without_anything_has_nothing(tmp_path: Path) -> None:
    seen = Folder(tmp_path).seen()
    assert (dict(seen.record), dict(seen.sums), dict(seen.patches), seen.restarts) == ({}, {}, {}, frozenset())
    assert set(seen.files.values()) == {None}


def test_what_was_recorded_is_read_again(here: Folder) -> None:
    here.recorded(MADE_FROM)
    seen = here.seen()
    assert {name: one.made_from for name, one in seen.record.items()} == MADE_FROM | {"etcd": "-"}
    assert seen.record["kube-apiserver"].sha256 == seen.sums["kube-apiserver"] == sha("kind: Pod # kube-apiserver\n")
    assert seen.record["names"].sha256 == sha("a certificate\n")
    assert (here.folder / RECORD_FILE.removeprefix("/")).stat().st_mode & 0o777 == 0o644


def test_what_is_not_named_stays_recorded_and_what_is_not_there_is_not(here: Folder) -> None:
    here.recorded({"etcd": "one", "kube-scheduler": "two"})
    here.recorded({"etcd": "three", "kube-controller-manager": "four"})
    found = {name: one.made_from for name, one in here.seen().record.items()}
    assert found == {"etcd": "three", "kube-scheduler": "two"}


def test_patches_are_read_with_their_names(here: Folder) -> None:
    here.file(f"{PATCHES_FOLDER}/etcd00+json.json", "[\n  {}\n]\n")
    here.file(f"{PATCHES_FOLDER}/kube-apiserver99+merge.json", "{}\n")
    assert here.seen().patches == {"etcd00+json.json": "[\n  {}\n]\n", "kube-apiserver99+merge.json": "{}\n"}


@pytest.mark.parametrize(
    ("made_from", "edited", "asked"),
    [
        ({"etcd": "", "kube-apiserver": "a"}, "", []),
        ({"etcd": "", "kube-apiserver": "b"}, "", ["kube-apiserver"]),
        ({"etcd": "", "kube-apiserver": ""}, "", ["kube-apiserver"]),
        ({"etcd": "", "kube-apiserver": "a"}, "etcd", ["etcd"]),
        ({"etcd": "", "kube-apiserver": "a", "kube-scheduler": "c"}, "", ["kube-scheduler"]),
        ({"etcd": "", "kube-apiserver": "a", "kube-scheduler": ""}, "kube-scheduler", []),
    ],
    ids=[
        "nothing has changed",
        "the inventory has changed",
        "it adds nothing any more",
        "somebody has edited a manifest",
        "it adds to one that was not recorded",
        "one that was not recorded is its owners",
    ],
)
def test_kubeadm_is_asked_for_these(here: Folder, made_from: dict[str, str], edited: str, asked: list[str]) -> None:
    here.recorded({"etcd": "", "kube-apiserver": "a"})
    if edited:
        here.file(f"{MANIFESTS}/{edited}.yaml", "kind: Pod # by hand\n")
    assert record.differing(here.seen(), made_from) == asked


def test_all_that_is_asked_only_reads(here: Folder) -> None:
    def standing() -> dict[str, Any]:
        return {str(path): path.stat().st_mtime_ns for path in here.folder.rglob("*")}

    before = standing()
    here.seen()
    assert standing() == before
