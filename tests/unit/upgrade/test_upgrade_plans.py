"""Which version may follow which, how nodes are taken together, what a node and kubeadm say: one small file a case; scripts by a shell."""

import subprocess
from collections import defaultdict
from collections.abc import Callable
from ipaddress import ip_network
from pathlib import Path
from typing import Any

import pytest

from kubepeer.intent import Intent
from tasks.control_plane.settings import NOTHING_GIVEN
from tasks.drain.safety import Leaving
from tasks.linux.observe import Answer, Seen
from tasks.linux.state import Execute
from tasks.nodes.given import Given
from tasks.nodes.repository import Repository
from tasks.upgrade import containerd, deprecated, kubeadm, packages, seen, skew, snapshot, together
from tasks.upgrade.seen import STATIC_PODS, NodeVersions

MASTER, WORKER = "k8s-calico-master-10-31-90-1", "k8s-calico-worker-10-31-90-4"


def versions(kubelet: str, pods: str = "") -> NodeVersions:
    return NodeVersions(running=kubelet, static_pods=dict.fromkeys(STATIC_PODS, pods) if pods else {})


@pytest.mark.cases("skew")
def test_which_version_may_follow_which(case: dict[str, Any]) -> None:
    found = {name: versions(**one) for name, one in case["nodes"].items()}
    refusal = skew.refusal("c1", case["wanted"], found)
    assert (str(refusal) if refusal else None) == case["says"]


@pytest.mark.cases("readings")
def test_what_a_node_has(case: dict[str, Any], intent_of: Callable[..., Intent]) -> None:
    intent = intent_of()
    asked = seen.questions(intent.node(MASTER if case["role"] == "control_plane" else WORKER))
    assert set(asked) == set(case["answers"])
    found = seen.versions_of(Seen({name: Answer(0, text) for name, text in case["answers"].items()}, {}))
    assert (dict(found.packages), found.running, dict(found.static_pods)) == (
        case["has"],
        case["running"],
        case["pods"],
    )
    tried = ("1.36.3", "1.36.4")
    assert [version for version in tried if found.applied(version)] == [str(one) for one in case["applied"]]
    assert [version for version in tried if found.current(version)] == [str(one) for one in case["current"]]


@pytest.mark.cases("deprecated")
def test_who_asks_for_what_goes_is_told(case: dict[str, Any]) -> None:
    assert deprecated.warnings(case["lines"], case["wanted"]) == case["says"]


@pytest.mark.cases("kubeadm_plans")
def test_what_kubeadm_wants_to_be_converted_by_hand(case: dict[str, Any]) -> None:
    assert kubeadm.by_hand(case["says"]) == case["by_hand"]


def leaving(prefix: str, own: str, rest: str) -> Leaving:
    return Leaving(ip_network(prefix), frozenset(own.split()), frozenset(rest.split()), "service network")


def test_what_two_nodes_take_with_them_is_what_is_left_without_both() -> None:
    first = [leaving("10.33.192.0/18", "4", "1 5 6"), leaving("10.33.128.0/18", "4", "5")]
    second = [leaving("10.33.192.0/18", "5", "1 4 6"), leaving("10.33.128.0/18", "5", "4")]
    found = {str(one.prefix): (set(one.own), set(one.rest)) for one in together.leaving([first, second])}
    assert found == {"10.33.192.0/18": ({"4", "5"}, {"1", "6"}), "10.33.128.0/18": ({"4", "5"}, set())}


def script_of(change: Any) -> str:
    (step,) = change.steps
    assert isinstance(step, Execute)
    return step.script


def by_kubeadm(intent: Intent, name: str, *, first: bool, then: tuple[Execute, ...] = ()) -> str:
    node = intent.node(name)
    return script_of(kubeadm.apply(intent, node, NOTHING_GIVEN, first=first, before="v1.36.3", then=then))


def test_kubeadm_is_told_what_the_inventory_says(intent_of: Callable[..., Intent]) -> None:
    plain = intent_of("today")
    assert "kubeadm upgrade apply v1.36.3 -y >" in by_kubeadm(plain, MASTER, first=True)
    assert "kubeadm upgrade node >" in by_kubeadm(plain, WORKER, first=False)
    lab = intent_of("lab", hosts={MASTER: {"data": {"kubelet_configuration": {"maxPods": 50}}}})
    asked = by_kubeadm(lab, MASTER, first=True)
    assert (
        "apply v1.36.3 -y --ignore-preflight-errors=SystemVerification --patches=/etc/kubernetes/kubepeer/patches >"
        in asked
    )
    assert "kubeadm upgrade plan v1.36.3 --ignore-preflight-errors=SystemVerification >" in kubeadm.planning(lab)


class Machine:
    """A machine whose kubeadm is the test's, in a folder that stands for its root."""

    def __init__(self, folder: Path, kubeadm_says: str) -> None:
        self.folder = folder
        self.path = folder / "kubeadm"
        self.path.write_text(f"#!/bin/sh\n{kubeadm_says}\n")
        self.path.chmod(0o755)
        self.mark = folder / "kubepeer" / "upgrading"

    def run(self, script: str) -> subprocess.CompletedProcess[str]:
        here = script.replace("/etc/kubernetes/kubepeer", str(self.mark.parent)).replace("/run/", f"{self.folder}/")
        environment = {"PATH": f"{self.folder}:/usr/bin:/bin"}
        return subprocess.run(["sh", "-c", here], env=environment, capture_output=True, text=True, check=False)


def test_a_node_is_marked_while_kubeadm_is_at_work_there(folder: Path, intent_of: Callable[..., Intent]) -> None:
    machine = Machine(folder, f'cat {folder}/kubepeer/upgrading >{folder}/seen; echo "$@" >{folder}/words')
    done = machine.run(by_kubeadm(intent_of("today"), MASTER, first=True))
    assert done.returncode == 0, done.stderr
    assert (folder / "seen").read_text() == "1.36.3\n"
    assert (folder / "words").read_text() == "upgrade apply v1.36.3 -y\n"
    assert not machine.mark.exists()
    assert not list(folder.glob("kubepeer-kubeadm.*"))


def test_the_mark_stays_where_kubeadm_has_failed_and_its_error_is_told(
    folder: Path, intent_of: Callable[..., Intent]
) -> None:
    said = "echo '[upgrade] Running'; echo 'error: error execution phase preflight:' >&2; echo '\t[ERROR CreateJob]: no' >&2; exit 1"
    machine = Machine(folder, said)
    done = machine.run(by_kubeadm(intent_of("today"), WORKER, first=False))
    assert (done.returncode, done.stderr.strip()) == (1, "[ERROR CreateJob]: no")
    assert machine.mark.read_text() == "1.36.3\n"


def test_the_node_counts_as_done_when_all_that_follows_kubeadm_is(
    folder: Path, intent_of: Callable[..., Intent]
) -> None:
    machine = Machine(folder, "")
    note = Execute("record", f'set -e; while read -r line; do echo "$line"; done >{folder}/record', stdin="a $b\nc\n")
    trap = Execute(
        "its own trap", f"set -e; trap 'echo ended >{folder}/ended' EXIT; ls /etc/kubernetes/kubepeer/upgrading"
    )
    done = machine.run(by_kubeadm(intent_of("today"), MASTER, first=True, then=(note, trap)))
    assert done.returncode == 0, done.stderr
    assert ((folder / "record").read_text(), (folder / "ended").read_text()) == ("a $b\nc\n", "ended\n")
    assert not machine.mark.exists()
    assert not list(folder.glob("kubepeer-kubeadm.*"))


def test_the_mark_stays_where_what_follows_kubeadm_has_failed(folder: Path, intent_of: Callable[..., Intent]) -> None:
    machine = Machine(folder, "")
    failing = Execute("record", "set -e; echo no room >&2; (exit 3); echo went on >&2")
    done = machine.run(by_kubeadm(intent_of("today"), MASTER, first=True, then=(failing, Execute("more", "echo more"))))
    assert (done.returncode, done.stdout, done.stderr) == (3, "", "no room\n")
    assert machine.mark.read_text() == "1.36.3\n"


def test_a_snapshot_is_readable_by_root_alone_and_checked_before_it_takes_its_place() -> None:
    script = script_of(snapshot.saving("1.36.4", stands=False))
    assert subprocess.run(["sh", "-n", "-c", script], check=False).returncode == 0
    order = ("umask 077", "chmod 700 /var/lib/kubepeer/etcd", "snapshot save", "etcdutl snapshot status", "mv -fT")
    assert [script.index(word) for word in order] == sorted(script.index(word) for word in order)
    assert snapshot.path("1.36.4") == "/var/lib/kubepeer/etcd/before-1.36.4.db"


def with_runtime(version: str, package: str = "containerd") -> Seen:
    answers = {
        "system": "ID=debian\nVERSION_ID=13\n",
        "packages": f"{package} {version} installed\nkubelet 1.36.3-1.1 installed\n",
        "restarts": "",
        "units": "ActiveState=active\nUnitFileState=enabled\n",
        "other containerd": "",
        "archives": "",
    }
    return Seen({name: Answer(0, text) for name, text in answers.items()}, defaultdict(lambda: None))


def test_the_runtime_moves_with_the_form_of_its_configuration_and_its_restart(intent_of: Callable[..., Intent]) -> None:
    intent, have = (
        intent_of("lab"),
        Repository({"containerd.io": ("2.3.5-1~debian.13",), "containerd": ("1.7.24~ds1-6",)}),
    )
    changes = containerd.plan(intent, with_runtime("1.7.27-1", "containerd.io"), Given(), have)
    by_name = {change.what: change for change in changes}
    assert next(iter(by_name)) == "packages"
    assert by_name["packages"].after == "containerd.io 2.3.5-1~debian.13\n"
    mark, install = by_name["packages"].steps
    assert isinstance(mark, Execute)
    assert isinstance(install, Execute)
    assert "restart-pending.containerd" in mark.script
    assert "containerd.io=2.3.5-1~debian.13" in install.script
    assert str(by_name["/etc/containerd/config.toml"].after).splitlines()[1] == "version = 4"
    assert list(by_name)[-1] == "unit containerd restart"


def test_the_newest_runtime_stays(intent_of: Callable[..., Intent]) -> None:
    have = Repository({"containerd": ("1.7.24~ds1-6", "1.7.20-1")})
    changes = containerd.plan(intent_of("lab"), with_runtime("1.7.24~ds1-6"), Given(), have)
    assert "packages" not in {change.what for change in changes}


@pytest.mark.parametrize(
    ("runtime", "have", "behind"),
    [
        (("containerd", "1.7.24~ds1-6"), ("1.7.24~ds1-6",), False),
        (("containerd", "1.7.24~ds1-6"), ("1.7.24~ds1-6+deb13u1", "1.7.24~ds1-6"), True),
        (("containerd", "1.7.24~ds1-6"), (), False),
        (("", ""), ("1.7.24~ds1-6",), False),
    ],
    ids=["the_newest", "a_security_update", "no_repository_has_it", "from_no_package"],
)
def test_which_runtime_is_behind(
    intent_of: Callable[..., Intent], runtime: tuple[str, str], have: tuple[str, ...], *, behind: bool
) -> None:
    found = NodeVersions(runtime=runtime)
    assert containerd.is_behind(intent_of(), found, "1.7.24~ds1", Repository({"containerd": have})) is behind


def test_an_archive_of_the_inventory_decides_alone(intent_of: Callable[..., Intent]) -> None:
    named = {"version": "2.3.5", "url": "https://mirror.example.net/containerd.tgz", "sha256": "0" * 64}
    intent = intent_of(defaults_file={"data": {"software": {"runtime_archives": {"containerd": named}}}})
    assert containerd.is_behind(intent, NodeVersions(), "1.7.27", None)
    assert not containerd.is_behind(intent, NodeVersions(), "2.3.5", None)


def of_packages(stands: str, held: str = "kubeadm\nkubelet\nkubectl\ncri-tools\n") -> Seen:
    answers = {
        "system": "ID=debian\nVERSION_ID=12\n",
        "codename": "bookworm\n",
        "packages": "".join(f"{name} {stands}-1.1 installed\n" for name in ("kubeadm", "kubelet", "kubectl"))
        + "cri-tools 1.36.0-1.1 installed\n",
        "held": held,
        "running": f"{stands}\n",
    }
    return Seen({name: Answer(0, text) for name, text in answers.items()}, dict.fromkeys(PATHS))


PATHS = (
    "/etc/apt/sources.list.d/kubepeer.list",
    "/etc/apt/keyrings/kubernetes.asc",
    "/etc/yum.repos.d/kubepeer.repo",
)
HAVE = Repository(dict.fromkeys(("kubeadm", "kubelet", "kubectl"), ("1.36.3-1.1", "1.36.2-1.1")))


def test_the_package_moves_with_the_repository_of_its_minor_and_alone(intent_of: Callable[..., Intent]) -> None:
    intent = intent_of("today")
    given = Given(keyrings={"/etc/apt/keyrings/kubernetes.asc": "KEY\n"})
    changes = [
        change
        for change in packages.plan(intent, ("kubeadm",), of_packages("1.35.4"), given, HAVE)
        if change is not None
    ]
    assert [change.what for change in changes] == [
        "/etc/apt/keyrings/kubernetes.asc",
        "/etc/apt/sources.list.d/kubepeer.list",
        "packages",
    ]
    assert "v1.36/deb/" in str(changes[1].after)
    assert (changes[2].before, changes[2].after) == ("kubeadm 1.35.4-1.1\n", "kubeadm 1.36.3-1.1\n")
    assert "install -y --no-install-recommends --allow-change-held-packages" in script_of(changes[2])
    assert "kubelet=" not in script_of(changes[2])


def test_what_stands_in_the_version_is_left_alone(intent_of: Callable[..., Intent]) -> None:
    assert list(packages.plan(intent_of("today"), ("kubeadm",), of_packages("1.36.3"), Given(), HAVE)) == []


def test_what_somebody_has_released_is_held_again(intent_of: Callable[..., Intent]) -> None:
    planned = packages.plan(intent_of("today"), packages.OF_THE_KUBELET, of_packages("1.36.2", held=""), Given(), HAVE)
    *_, hold = [change for change in planned if change is not None]
    assert (hold.what, hold.after) == ("package hold", "kubelet kubeadm kubectl cri-tools")
