"""Images before a join: which lack, and what is said of one that cannot be had; kubeadm and crictl are programs that answer so."""

import os
import re
import subprocess
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from kubepeer.errors import CommandError
from kubepeer.intent import Intent
from kubepeer.run import WAITING, Run
from tasks.linux.shell import Completed
from tasks.nodes import images, tasks
from tasks.nodes.tasks import FACTS
from tests.unit.nodes.test_preflight import good

MASTER, WORKER = "k8s-calico-master-10-31-90-1", "k8s-calico-worker-10-31-90-4"
LISTED = "\n".join(f"r.example.net/{name}" for name in ("kube-apiserver:v1.26.0", "kube-proxy:v1.26.0", "pause:3.9"))
NOT_FOUND = (
    'E1126 08:00:00.000000 12 log.go:32] "PullImage from image service failed"\\n'
    'time="2026-11-26T08:00:00Z" level=fatal msg="pulling image: rpc error: '
    'code = NotFound desc = failed to pull and unpack image: not found"'
)


def ended(script: str, folder: Path, **programs: str) -> subprocess.CompletedProcess[str]:
    for name, text in ({"flock": "", "sleep": ""} | programs).items():
        (folder / name).write_text(f"#!/bin/sh\n{text}\n")
        (folder / name).chmod(0o755)
    return subprocess.run(
        ["/bin/sh", "-s"], input=script.replace("/run/", f"{folder}/"), text=True, capture_output=True, check=False,
        env={"PATH": f"{folder}:{os.environ['PATH']}"},
    )  # fmt: skip


@pytest.mark.parametrize(
    ("name", "lacking"),
    [
        (MASTER, ["r.example.net/kube-apiserver:v1.26.0", "r.example.net/pause:3.9", "haproxy", "keepalived"]),
        (WORKER, []),
    ],
)
def test_of_what_a_node_will_run_those_are_named_that_lack(
    intent_of: Any, folder: Path, name: str, lacking: list[str]
) -> None:
    intent = intent_of(
        defaults_file={"data": {"software": {"haproxy_image": "haproxy", "keepalived_image": "keepalived"}}}
    )
    # `crictl images NAME` tells of all images on containerd, which has no filter of its own: it is not what is asked
    there = "case $* in inspecti*kube-proxy*|inspecti*aliyuncs.com/google_containers/pause*) ;; images*) echo sha256:1;; *) exit 1;; esac"
    done = ended(
        images.list_script(intent, intent.node(name)), folder, kubeadm=f"printf '%s\\n' '{LISTED}'", crictl=there
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert list(images.lacking(done.stdout)) == lacking


def test_kubeadm_is_asked_for_the_inventorys_version_and_mirror(intent_of: Any, folder: Path) -> None:
    intent = intent_of()
    ended(images.list_script(intent, intent.nodes[0]), folder, kubeadm=f'echo "$@" >{folder}/asked', crictl="")
    assert (folder / "asked").read_text().split() == [
        "config", "images", "list", "--image-repository", "registry.aliyuncs.com/google_containers", "--kubernetes-version", "v1.26.0",
    ]  # fmt: skip


def test_a_kubeadm_that_lists_nothing_is_an_error(intent_of: Any, folder: Path) -> None:
    intent = intent_of()
    done = ended(images.list_script(intent, intent.nodes[0]), folder, kubeadm="exit 1", crictl="")
    assert (done.returncode, done.stderr) == (1, "kubeadm config images list says nothing of 1.26.0\n")


def test_an_image_that_cannot_be_had_says_why_after_three_tries(folder: Path) -> None:
    (step,) = images.pull("r.example.net/a:1").steps
    crictl = f'echo "$@" >>{folder}/asked; printf "{NOT_FOUND.replace(chr(34), chr(92) + chr(34))}\\n" >&2; exit 1'
    done = ended(step.script, folder, crictl=crictl)  # type: ignore[union-attr]
    assert (folder / "asked").read_text() == 3 * "pull r.example.net/a:1\n"
    assert done.returncode == 1
    assert done.stderr.strip().strip('"') == "failed to pull and unpack image: not found"


class Node:
    """A node that lacks two images, the second of which cannot be had."""

    host = MASTER

    def __init__(self) -> None:
        self.pulled: list[str] = []

    def check(self, _script: str, *, deadline: float) -> Completed:
        assert deadline == images.LIST_SECONDS
        return Completed(0, b"r.example.net/a:1\nr.example.net/b:1\n", b"")

    def run(self, script: str, *, stdin: bytes | None = None, deadline: float = 60) -> Completed:  # noqa: ARG002
        found = re.search(r"crictl pull (\S+)", script)
        assert found is not None
        self.pulled.append(found[1])
        return Completed(1, b"", b"not found") if found[1].endswith("b:1") else Completed(0, b"", b"")


@pytest.fixture
def node(monkeypatch: pytest.MonkeyPatch) -> Node:
    made = Node()
    monkeypatch.setattr(tasks, "open_shell", lambda _nornir, _name: made)
    return made


def task() -> Any:
    return SimpleNamespace(host=SimpleNamespace(name=MASTER))


def run_with(run_of: Any, intent: Intent, *, member: bool = False, **options: Any) -> Run:
    run: Run = run_of(MASTER, intent=intent, **options)
    run.keep(FACTS, replace(good(intent, 0)[MASTER], member=member), of=MASTER)
    return run


def test_each_image_is_told_and_the_one_that_fails_is_named(run_of: Any, intent_of: Any, node: Node) -> None:
    said: list[str] = []
    token = WAITING.set(said.append)
    try:
        with pytest.raises(CommandError, match=r"image r\.example\.net/b:1: exit 1: not found"):
            tasks.pull_images(task(), run_with(run_of, intent_of()))
    finally:
        WAITING.reset(token)
    assert node.pulled == ["r.example.net/a:1", "r.example.net/b:1"]
    assert said == ["image r.example.net/a:1 (1 of 2)", "image r.example.net/b:1 (2 of 2)"]


@pytest.mark.parametrize(("member", "asked"), [(True, True), (False, False)], ids=["a_member", "not_asked_for"])
def test_nobody_is_asked_where_nothing_would_be_pulled(
    run_of: Any, intent_of: Any, node: Node, *, member: bool, asked: bool
) -> None:
    intent = intent_of(defaults_file={"data": {"software": {"pull_images": asked}}})
    assert tasks.pull_images(task(), run_with(run_of, intent, member=member)).changes == ()
    assert node.pulled == []


def test_a_dry_run_shows_what_would_be_pulled_and_asks_nobody(run_of: Any, intent_of: Any, node: Node) -> None:
    (change,) = tasks.pull_images(task(), run_with(run_of, intent_of(), dry_run=True)).changes
    assert change.diff == (
        "+ all that kubeadm lists, from registry.aliyuncs.com/google_containers; registry.aliyuncs.com/google_containers/pause:3.9, "
        "docker.io/library/haproxy:2.1.4, docker.io/osixia/keepalived:2.0.17"
    )
    assert node.pulled == []
