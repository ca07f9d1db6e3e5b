"""What a package repository has: by the real apt, from repositories made in a folder, and by its words alone."""

import hashlib
import shutil
import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from kubepeer.intent import Intent
from tasks.linux.observe import Answer
from tasks.nodes import repository
from tasks.nodes.managers.apt import Apt
from tasks.nodes.repository import Repository
from tests.unit.answering import asked_here

NAMES = ("kubelet", "kubeadm", "kubectl", "cri-tools", "containerd")
HAVE = {"kubelet": ("1.36.2-1.1", "1.36.10-1.1", "1.36.3-1.1", "1.36.3-2.1"), "cri-tools": ("1.36.0-1.1",)}
KEY = "/etc/apt/keyrings/kubernetes.asc"  # on a bare node it is not there


@pytest.fixture
def apt(leave_out: Callable[[str], Any]) -> None:
    if not shutil.which("apt-get"):
        leave_out("no apt-get here")


def make_repository(folder: Path, packages: Mapping[str, tuple[str, ...]]) -> Path:
    """A flat repository of package descriptions; nothing is ever downloaded from it."""
    folder.mkdir()
    index = "".join(
        f"Package: {name}\nVersion: {version}\nArchitecture: all\nMaintainer: nobody\nFilename: ./x.deb\nSize: 1\n"
        f"SHA256: {'0' * 64}\nDescription: a description\n\n"
        for name, versions in packages.items()
        for version in versions
    )
    (folder / "Packages").write_text(index)
    digest = hashlib.sha256(index.encode()).hexdigest()
    (folder / "Release").write_text(
        f"Date: Thu, 01 Jan 2026 00:00:00 UTC\nSHA256:\n {digest} {len(index.encode())} Packages\n"
    )
    return folder


def sign(folder: Path, home: Path) -> str:
    """Sign the repository's Release; the public key, as a Release.key holds it."""
    home.mkdir(mode=0o700)
    gpg = ["gpg", "--homedir", str(home), "--batch", "--passphrase", "", "--pinentry-mode", "loopback"]
    subprocess.run([*gpg, "--quick-gen-key", "nobody", "ed25519", "sign"], check=True, capture_output=True)
    subprocess.run(
        [*gpg, "--clearsign", "-o", str(folder / "InRelease"), str(folder / "Release")], check=True, capture_output=True
    )
    public = subprocess.run([*gpg, "--armor", "--export"], check=True, capture_output=True, text=True).stdout
    subprocess.run(["gpgconf", "--homedir", str(home), "--kill", "all"], check=False, capture_output=True)
    return public


def intent_with(intent: Intent, *lines: str, only: bool = True) -> Intent:
    packages = intent.packages.model_copy(update={"repositories": lines, "only_these_repositories": only})
    return intent.model_copy(update={"own_packages": packages})


def asked(question: str, run: Path) -> Repository:
    """The answer of this machine, with a folder in the place of /run."""
    seen = asked_here({"repository": question.replace("/run/", f"{run}/")})
    assert not list(run.iterdir())  # nothing is left behind
    return Apt().answered(seen["repository"])


@pytest.mark.usefixtures("apt")
def test_the_codename_in_a_line_is_that_of_the_machine(intent_of: Any, tmp_path: Path, folder: Path) -> None:
    release = dict(line.split("=", 1) for line in Path("/etc/os-release").read_text().splitlines() if "=" in line).get(
        "VERSION_CODENAME", ""
    )
    make_repository(tmp_path / f"of-{release}", HAVE)
    intent = intent_with(intent_of(), f"deb [trusted=yes] file:{tmp_path}/of-{{codename}} ./")
    assert asked(Apt().question(intent, {}, NAMES), folder).newest("kubelet", "1.36.3") == "1.36.3-2.1"


@pytest.mark.usefixtures("apt")
def test_the_versions_are_listed_the_newest_first(intent_of: Any, tmp_path: Path, folder: Path) -> None:
    intent = intent_with(intent_of(), f"deb [trusted=yes] file:{make_repository(tmp_path / 'repository', HAVE)} ./")
    found = asked(Apt().question(intent, {}, NAMES), folder)
    assert found.trouble == ""
    assert found.versions == {
        "kubelet": ("1.36.10-1.1", "1.36.3-2.1", "1.36.3-1.1", "1.36.2-1.1"),
        "cri-tools": ("1.36.0-1.1",),
    }
    assert found.newest("kubelet", "1.36.3") == "1.36.3-2.1"


@pytest.mark.usefixtures("apt")
def test_a_signed_repository_is_read_with_a_key_that_is_not_there_yet(
    intent_of: Any, tmp_path: Path, folder: Path, leave_out: Callable[[str], Any]
) -> None:
    if not (shutil.which("gpg") and shutil.which("gpgv")):
        leave_out("no gpg here")
    place = make_repository(tmp_path / "repository", HAVE)
    key, other = sign(place, tmp_path / "home"), sign(make_repository(tmp_path / "other", {}), tmp_path / "stranger")
    intent = intent_with(intent_of(), f"deb [signed-by={KEY}] file:{place} ./")
    assert not Path(KEY).exists()
    assert asked(Apt().question(intent, {KEY: key}, NAMES), folder).newest("kubelet", "1.36.3") == "1.36.3-2.1"
    assert "is not signed" in asked(Apt().question(intent, {KEY: other}, NAMES), folder).trouble


@pytest.mark.usefixtures("apt")
def test_a_repository_that_is_not_there_is_named_with_apts_cause(intent_of: Any, folder: Path) -> None:
    intent = intent_with(intent_of(), "deb [trusted=yes] http://127.0.0.1:9/deb/ /")
    trouble = asked(Apt().question(intent, {}, NAMES), folder).trouble
    assert trouble.startswith("Failed to fetch http://127.0.0.1:9/deb/")
    assert "onnection refused" in trouble


@pytest.mark.usefixtures("apt")
def test_a_line_that_apt_cannot_read_is_named(intent_of: Any, folder: Path) -> None:
    trouble = asked(Apt().question(intent_with(intent_of(), "dep http://127.0.0.1:9/ ./"), {}, NAMES), folder).trouble
    assert "Type 'dep' is not known" in trouble


@pytest.mark.usefixtures("apt")
def test_the_machines_own_sources_are_looked_at_where_the_inventorys_have_no_kubernetes(
    intent_of: Any, tmp_path: Path, folder: Path
) -> None:
    ours = make_repository(tmp_path / "ours", {"haproxy": ("2.6-1",)})
    own = make_repository(tmp_path / "own", HAVE)
    (tmp_path / "own.list").write_text(f"deb [trusted=yes] file:{own} ./\n")
    settings = f'Dir::Etc::SourceList "{tmp_path}/own.list";\nDir::Etc::SourceParts "-";\n'
    question = Apt().question(intent_with(intent_of(), f"deb [trusted=yes] file:{ours} ./", only=False), {}, NAMES)
    found = asked(question.replace('Dir::State::lists "', f'{settings}Dir::State::lists "'), folder)
    assert found.newest("kubelet", "1.36.10") == "1.36.10-1.1"


@pytest.mark.usefixtures("apt")
def test_what_the_machine_runs_after_its_own_updates_is_not_run(intent_of: Any, tmp_path: Path, folder: Path) -> None:
    settings = tmp_path / "hooks.conf"
    settings.write_text(f'APT::Update::Post-Invoke-Success {{ "touch {tmp_path}/ran"; }};\n')
    intent = intent_with(intent_of(), f"deb [trusted=yes] file:{make_repository(tmp_path / 'repository', HAVE)} ./")
    question = f"export APT_CONFIG={settings}\n{Apt().question(intent, {}, NAMES)}"
    assert asked(question, folder).versions
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize(
    ("text", "versions"),
    [
        ("", {}),
        (" kubelet | 1.36.3-1.1 | https://pkgs.k8s.io/core:/stable:/v1.36/deb  Packages", {"kubelet": ("1.36.3-1.1",)}),
        ("a | 2 | x\na | 2 | y\na | 1 | x\nN: Unable to locate package b", {"a": ("2", "1")}),
    ],
)
def test_madison_is_read(text: str, versions: dict[str, tuple[str, ...]]) -> None:
    assert Apt().answered(Answer(0, text)) == Repository(versions)


def test_trouble_is_one_line() -> None:
    assert Apt().answered(Answer(100, "E: one\n two\n")).trouble == "one two"
    assert Apt().answered(Answer(100, "")).trouble == "apt said nothing"


@pytest.mark.parametrize(
    ("version", "upstream", "minor"),
    [
        ("1.26.0-2.1", "1.26.0", (1, 26)),
        ("1.26.0-00", "1.26.0", (1, 26)),
        ("1:1.4.7-1+b2", "1.4.7", (1, 4)),
        ("1.6.20~ds1-1+deb12u3", "1.6.20~ds1", (1, 6)),
        ("2.2.9", "2.2.9", (2, 2)),
        ("", "", None),
        ("unknown", "unknown", None),
    ],
)
def test_a_packages_version_has_the_programs_in_it(version: str, upstream: str, minor: tuple[int, int] | None) -> None:
    assert (repository.upstream(version), repository.minor_of(version)) == (upstream, minor)


@pytest.mark.parametrize(
    ("wanted", "newest"),
    [("1.36.3", "1.36.1-1.1"), ("1.37.2", "1.37.0-1.1"), ("1.35.4", "1.37.0-1.1")],
    ids=["the_same_minor", "the_newest_of_its_minor", "none_of_its_minor"],
)
def test_crictl_has_versions_of_its_own(wanted: str, newest: str) -> None:
    have = Repository({"cri-tools": ("1.37.0-1.1", "1.36.1-1.1", "1.36.0-1.1")})
    assert have.newest_of_minor("cri-tools", wanted) == newest
    assert Repository().newest_of_minor("cri-tools", wanted) is None
