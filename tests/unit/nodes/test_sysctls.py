"""What sysctls a boot leaves: the question about the files of sysctl.d, and that the plan outdoes whatever they hold."""

import itertools
import random
import subprocess
from pathlib import Path
from typing import Any

import pytest

from kubepeer.intent import Intent
from tasks.linux.observe import Answer, FileSeen, Seen
from tasks.linux.state import Remove, Write
from tasks.nodes import sysctls
from tasks.nodes.sysctls import (
    FOLDERS,
    LAST_FILE,
    SYSCTL_CONF,
    SYSCTL_FILE,
    SYSCTLS,
    Assignment,
    after_boot,
    as_systemd,
)

KEYS = (
    *SYSCTLS,
    "net.ipv4.conf.all.forwarding",
    "net.ipv4.conf.eth0.forwarding",
    "net.ipv4.*forward*",
    "net.ipv4.conf.*.forwarding",
)
NAMES = ("05-early", "90-kubepeer", "91-later", "99-last")


def asked(root: Path) -> Answer:
    """What a machine answers whose files are under that folder."""
    script = sysctls.FILES_QUESTION
    for path in (*(f"{folder}/sysctl.d" for folder in FOLDERS), SYSCTL_CONF):
        script = script.replace(f" {path}", f" {root}{path}").replace(f"={path}", f"={root}{path}")
    done = subprocess.run(["/bin/sh", "-c", script], text=True, capture_output=True, check=True)
    return Answer(0, done.stdout.replace(str(root), ""))


def seen_under(root: Path) -> Seen:
    def read(path: str) -> FileSeen | None:
        file = root / path[1:]
        return FileSeen("644", "root:root", file.read_text()) if file.exists() else None

    return Seen({"sysctl files": asked(root)}, {path: read(path) for path in sysctls.PATHS})


def plan_and_apply(intent: Intent, root: Path) -> list[str]:
    """The names of the changes, made under that folder."""
    changes = [change for change in sysctls.plan_files(intent.nodes[0], seen_under(root)) if change]
    for step in (step for change in changes for step in change.steps):
        match step:
            case Write(path, content):
                (root / path[1:]).write_text(content)
            case Remove(path):
                (root / path[1:]).unlink()
    return [change.what for change in changes]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for folder in FOLDERS[:-1]:
        (tmp_path / f"{folder[1:]}/sysctl.d").mkdir(parents=True)
    return tmp_path


def written(root: Path, path: str, text: str) -> None:
    (root / path[1:]).write_text(text)


def test_a_machine_answers_in_the_form_that_is_read(root: Path) -> None:
    written(root, "/etc/sysctl.d/10-a.conf", "; net.ipv4.ip_forward = 0\n  net.ipv4.ip_forward = 0 \nvm.swappiness=1\n")
    written(root, "/usr/lib/sysctl.d/20-b c.conf", "net/ipv4/conf/*/forwarding=0\n")
    written(root, SYSCTL_CONF, "net.ipv4.ip_forward=0\n")
    (root / "etc/sysctl.d/99-sysctl.conf").symlink_to("../sysctl.conf")
    (root / "etc/sysctl.d/30-masked.conf").symlink_to("/dev/null")
    (root / "etc/sysctl.d/40-nowhere.conf").symlink_to("nowhere")
    assert asked(root).lines == [
        "file /etc/sysctl.d/10-a.conf",
        "file /etc/sysctl.d/30-masked.conf",
        "link /etc/sysctl.d/99-sysctl.conf",
        "file /usr/lib/sysctl.d/20-b c.conf",
        "/etc/sysctl.d/10-a.conf:  net.ipv4.ip_forward = 0 ",
        "/usr/lib/sysctl.d/20-b c.conf:net/ipv4/conf/*/forwarding=0",
    ]


def test_a_machine_without_any_file_says_nothing(root: Path) -> None:
    assert asked(root) == Answer(0, "")


def test_this_machine_says_what_its_kernel_has() -> None:
    done = subprocess.run(["/bin/sh", "-c", sysctls.LIVE_QUESTION], text=True, capture_output=True, check=True)
    values = sysctls.live(Seen({"sysctls": Answer(0, done.stdout)}, {}))
    assert set(values) == set(SYSCTLS)
    assert values["net.ipv4.ip_forward"] == Path("/proc/sys/net/ipv4/ip_forward").read_text().strip()
    assert done.stderr == ""


@pytest.mark.parametrize("seed", range(40))
def test_whatever_others_have_written_a_boot_leaves_ours_and_a_second_plan_is_empty(
    intent_of: Any, root: Path, seed: int
) -> None:
    intent, chance = intent_of(), random.Random(seed)  # noqa: S311  a draw, no secret
    for folder, name in itertools.product(FOLDERS[:-1], NAMES):
        if chance.random() < 0.4:
            lines = [f"{chance.choice(KEYS)} = {chance.choice('01')}\n" for _ in range(chance.randint(0, 3))]
            written(root, f"{folder}/sysctl.d/{name}.conf", "".join(lines))
    if chance.random() < 0.5:
        written(root, SYSCTL_CONF, f"{chance.choice(KEYS[:5])} = 0\n")
    plan_and_apply(intent, root)
    assert plan_and_apply(intent, root) == []
    for order in (systemd_reads(root), procps_reads(root)):
        after = after_boot(order, KEYS[:5])
        assert after == dict.fromkeys(KEYS[:5], "1")


def in_folders(root: Path) -> list[Assignment]:
    """All lines of sysctl.d, by the words of sysctl.d(5): an own reading, beside the one that is tested."""
    files: dict[str, Path] = {}
    for folder in reversed(FOLDERS[:-1]):
        files |= {file.name: file for file in (root / f"{folder[1:]}/sysctl.d").glob("*.conf")}
    pairs = [
        (file, line.split(" = "))
        for _, file in sorted(files.items())
        for line in file.read_text().splitlines()
        if line[0] != "#"
    ]
    return [Assignment(str(file), key, value) for file, (key, value) in pairs]


def systemd_reads(root: Path) -> list[Assignment]:
    return as_systemd(in_folders(root))


def procps_reads(root: Path) -> list[Assignment]:
    conf = root / SYSCTL_CONF[1:]
    lines = conf.read_text().splitlines() if conf.exists() else []
    return [*in_folders(root), *(Assignment(SYSCTL_CONF, *line.split(" = ")) for line in lines if line[0] != "#")]


def test_ours_alone_is_right_after_a_boot(intent_of: Any, root: Path) -> None:
    assert plan_and_apply(intent_of(), root) == [SYSCTL_FILE]
    assert not (root / LAST_FILE[1:]).exists()
