"""A setting is changed on three control planes that live: real scripts, run by a shell on a folder for each, and a real API server.

kubeadm, and the kubelet that answers a manifest with a pod, are of the test.
"""

import hashlib
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from kubepeer.change import Change
from kubepeer.errors import CommandError
from kubepeer.intent import Intent
from kubepeer.run import Run
from tasks.cluster import waits
from tasks.cluster.api import KubernetesApi
from tasks.control_plane import given, settling, static_pods
from tasks.control_plane.record import FILES, MANIFESTS, QUESTIONS, RECORD_FILE
from tasks.control_plane.settings import AUDIT_FILE, ENCRYPTION_FILE
from tasks.linux.observe import ask
from tasks.linux.shell import Completed
from tests.unit.cluster.api_server import ApiServer
from tests.unit.control_plane.test_joins import Machine

CONTROL_PLANES = [f"k8s-calico-master-10-31-90-{number}" for number in (1, 2, 3)]
PODS = "/api/v1/namespaces/kube-system/pods"
CONFIG_MAP = "/api/v1/namespaces/kube-system/configmaps/kubeadm-config"
STANDS = {
    "apiVersion": "kubeadm.k8s.io/v1beta4",
    "apiServer": {"certSANs": ["10.31.90.0", "k8s-calico-apiserver.tinychen.io", "k8s-calico-apiserver"]},
}
# In the place of unshare, mount and kubeadm: the arguments of a component are the manifest.
UNSHARE = r"""#!/bin/sh
echo "${HOST##*-} kubeadm" >>$RESTART_MARKERS
for c in etcd kube-apiserver kube-controller-manager kube-scheduler; do
    { echo "kind: Pod # $c"; cat "$d"/patches/$c* 2>/dev/null | tr -d '\n'; } >"$d/made/$c.yaml"
done
sed -n 's/^ *extraArgs: /args: /p' "$d/init.yaml" >>"$d/made/kube-apiserver.yaml"
"""
# Each apiserver answers for itself, by its own manifest and that of its etcd.
CURL = r"""#!/bin/sh
for url; do :; done
case $url in *127.0.0.1*) at=$HOST;; *) at=k8s-calico-master-$(echo "$url" | sed 's#https://\([0-9.]*\):.*#\1#; y#.#-#');; esac
grep -q bogus $FOLDER/$at/etc/kubernetes/manifests/*.yaml || printf ok
"""


class ControlPlane(Machine):
    """One whose kubelet makes a pod of a manifest at once, and can tell nobody while the apiserver of its machine is down."""

    def __init__(self, host: str, folder: Path, server: ApiServer) -> None:
        super().__init__(host, folder)
        self.server = server

    def run(self, script: str, *, stdin: bytes | None = None, deadline: float = 60) -> Completed:
        ended = super().run(script, stdin=stdin, deadline=deadline)
        self.kubelet()
        return ended

    check = run

    def manifest(self, component: str) -> Path:
        return self.folder / f"{MANIFESTS}/{component}.yaml".removeprefix("/")

    def kubelet(self) -> None:
        for path in (self.folder / MANIFESTS.removeprefix("/")).glob("*.yaml"):
            text = path.read_text()
            name = f"{path.stem}-{self.host}.tinychen.io"
            if any("bogus" in one.read_text() for one in path.parent.glob("*.yaml")):
                return
            annotations = {static_pods.HASH: hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()}
            self.server.state.objects[f"{PODS}/{name}"] = {
                "metadata": {"name": name, "annotations": annotations, "labels": {"tier": "control-plane"}},
                "status": {"conditions": [{"type": "Ready", "status": "True"}]},
            }
        pods = [one for path, one in self.server.state.objects.items() if path.startswith(f"{PODS}/")]
        self.server.state.objects[PODS] = {"items": pods}


class Fleet:
    """Three of them."""

    def __init__(self, folder: Path, server: ApiServer) -> None:
        self.folder, self.state = folder, server.state
        self.machines = {name: ControlPlane(name, folder / name, server) for name in CONTROL_PLANES}
        for machine in self.machines.values():
            for name in ("bin", "run", MANIFESTS):
                (machine.folder / name.removeprefix("/")).mkdir(parents=True)
            for name, program in (("unshare", UNSHARE), ("curl", CURL)):
                (machine.folder / "bin" / name).write_text(program)
                (machine.folder / "bin" / name).chmod(0o755)
            for component in ("etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler"):
                machine.manifest(component).write_text(f"kind: Pod # {component}\n")
            machine.kubelet()
        nodes = [{"metadata": {"name": f"{name}.tinychen.io"}} for name in CONTROL_PLANES]
        self.state.objects["/api/v1/nodes"] = {"items": nodes}
        text = yaml.safe_dump(STANDS)
        self.state.objects[CONFIG_MAP] = {
            "metadata": {"name": "kubeadm-config"},
            "data": {"ClusterConfiguration": text},
        }

    @property
    def told(self) -> list[str]:
        notes = self.folder / "notes"
        return notes.read_text().splitlines() if notes.exists() else []

    def texts(self, component: str) -> list[str]:
        return [machine.manifest(component).read_text() for machine in self.machines.values()]


@pytest.fixture
def fleet(tmp_path: Path, connected: KubernetesApi, server: ApiServer, monkeypatch: pytest.MonkeyPatch) -> Fleet:
    fleet = Fleet(tmp_path / "fleet", server)
    for module in (settling, given):
        monkeypatch.setattr(module, "open_shell", lambda _, name: fleet.machines[name])
    monkeypatch.setattr(settling, "api_that_answered", lambda _: connected)
    monkeypatch.setattr(static_pods, "explain", lambda *_: "")
    monkeypatch.setattr(static_pods, "POD_SECONDS", 1)
    monkeypatch.setattr(static_pods, "SAME_SECONDS", 0.1)
    monkeypatch.setattr(waits, "ASK_SECONDS", 0.01)
    return fleet


Settle = Callable[..., dict[str, list[Change] | str]]


@pytest.fixture
def settle(fleet: Fleet, run_of: Callable[..., Run], intent_of: Callable[..., Intent]) -> Settle:
    """A run over the three: changes, or the error, of each. Keywords: the inventory's section kubeadm, options of the run."""

    def make(kubeadm: dict[str, Any], *, again: bool = False, **options: Any) -> dict[str, list[Change] | str]:
        versions = {"software": {"kubernetes": "1.36.3"}, "kubeadm": kubeadm}
        run = run_of(*CONTROL_PLANES, intent=intent_of("today", defaults_file={"data": versions}), **options)
        found: dict[str, list[Change] | str] = {}
        for task in (settling.settle, settling.settle_again) if again else (settling.settle,):
            for name, machine in fleet.machines.items():
                if task is settling.settle:
                    settling.keep_settings(run, name, ask(machine, QUESTIONS, FILES))
                of_host: Any = type("Task", (), {"host": run.nornir.inventory.hosts[name]})
                try:
                    result: Any = task(of_host, run)
                    before = found.get(name, [])
                    found[name] = [*before, *result.changes] if isinstance(before, list) else before
                    if result.changes and not run.options.dry_run:
                        run.changed.add(name)
                except CommandError as error:
                    found[name] = str(error)
        return found

    return make


def names(changes: list[Change] | str) -> list[str]:
    assert isinstance(changes, list), changes
    return [change.what for change in changes]


APISERVER = f"{MANIFESTS}/kube-apiserver.yaml"


def test_where_nothing_is_added_nothing_is_asked_of_kubeadm(fleet: Fleet, settle: Settle) -> None:
    assert settle({}) == {name: [] for name in CONTROL_PLANES}
    assert fleet.told == []
    assert fleet.state.written() == []


def test_an_argument_comes_to_the_cluster_once_and_to_one_after_the_other(fleet: Fleet, settle: Settle) -> None:
    added = {"api_server": {"extra_args": {"v": 4}}}
    found = settle(added)
    assert [names(found[name]) for name in CONTROL_PLANES] == [
        ["ConfigMap kube-system/kubeadm-config", APISERVER],
        [APISERVER],
        [APISERVER],
    ]
    assert all('"value": "4"' in text for text in fleet.texts("kube-apiserver"))
    assert all(text == "kind: Pod # etcd\n" for text in fleet.texts("etcd"))
    assert fleet.state.written() == [CONFIG_MAP]
    assert fleet.told == ["1 kubeadm", "2 kubeadm", "3 kubeadm"]
    assert settle(added) == {name: [] for name in CONTROL_PLANES}
    assert fleet.told == ["1 kubeadm", "2 kubeadm", "3 kubeadm"]
    settle({})
    assert all(text == "kind: Pod # kube-apiserver\n" for text in fleet.texts("kube-apiserver"))
    assert yaml.safe_load(fleet.state.objects[CONFIG_MAP]["data"]["ClusterConfiguration"]) == STANDS
    assert settle({}) == {name: [] for name in CONTROL_PLANES}


def test_a_dry_run_shows_the_same_and_writes_nothing(fleet: Fleet, settle: Settle) -> None:
    added = {"api_server": {"extra_args": {"v": 4}}, "audit": {"policy": {"rules": [{"level": "None"}]}}}
    before = {str(path): path.read_bytes() for path in fleet.folder.rglob("*.yaml")}
    planned = settle(added, dry_run=True)
    assert {str(path): path.read_bytes() for path in fleet.folder.rglob("*.yaml")} == before
    assert fleet.state.written() == []
    made = settle(added)
    assert [[change.diff for change in planned[name]] for name in CONTROL_PLANES] == [
        [change.diff for change in made[name]] for name in CONTROL_PLANES
    ]
    assert any('"value": "4"' in change.diff for change in made[CONTROL_PLANES[0]] if change.what == APISERVER)


def test_one_that_does_not_come_back_gets_its_old_manifest_and_no_other_is_touched(
    fleet: Fleet, settle: Settle
) -> None:
    policy = {"policy": {"rules": [{"level": "None"}]}}
    settle({"audit": policy})
    stood, read = fleet.texts("kube-apiserver"), (fleet.machines[CONTROL_PLANES[0]].folder / AUDIT_FILE[1:]).read_text()
    other = {"policy": {"rules": [{"level": "Metadata"}]}}
    found = settle({"api_server": {"extra_args": {"bogus": 1}}, "audit": other})
    assert found[CONTROL_PLANES[0]] == (
        f"{CONTROL_PLANES[0]}: kube-apiserver does not come back with the new settings: after 1 s: the "
        f"apiserver of {CONTROL_PLANES[0]} is not ready. The old manifest was put back, and it runs again "
        "Cure: correct what the inventory adds to it (section kubeadm); no further control plane was touched"
    )
    for name in CONTROL_PLANES[1:]:
        assert found[name] == f"{name}: not touched: the same settings went wrong on {CONTROL_PLANES[0]}"
    assert fleet.texts("kube-apiserver") == stood
    assert (fleet.machines[CONTROL_PLANES[0]].folder / AUDIT_FILE[1:]).read_text() == read
    assert [APISERVER in names(changes) for changes in settle({"audit": other}).values()] == [True] * 3


def test_none_is_touched_while_another_is_not_well(fleet: Fleet, settle: Settle) -> None:
    fleet.machines[CONTROL_PLANES[2]].manifest("etcd").write_text("bogus\n")
    fleet.machines[CONTROL_PLANES[2]].kubelet()
    found = settle({"api_server": {"extra_args": {"v": 4}}})
    for name in CONTROL_PLANES[:2]:
        assert f"not touched: after 1 s: the apiserver of {CONTROL_PLANES[2]} is not ready" in str(found[name])
    assert fleet.texts("kube-apiserver")[:2] == ["kind: Pod # kube-apiserver\n"] * 2


def test_those_that_are_down_are_mended_one_after_the_other(fleet: Fleet, settle: Settle) -> None:
    settle({"api_server": {"extra_args": {"v": 4}}})
    for name in CONTROL_PLANES[:2]:
        path = fleet.machines[name].manifest("kube-apiserver")
        path.write_text(path.read_text() + "# bogus\n")
    found = settle({"api_server": {"extra_args": {"v": 4}}})
    assert [names(found[name]) for name in CONTROL_PLANES] == [[APISERVER], [APISERVER], []]
    assert not [text for text in fleet.texts("kube-apiserver") if "bogus" in text]


def test_what_somebody_has_written_into_a_manifest_is_seen_and_goes(fleet: Fleet, settle: Settle) -> None:
    added = {"api_server": {"extra_args": {"v": 4}}}
    settle(added)
    path = fleet.machines[CONTROL_PLANES[1]].manifest("kube-scheduler")
    path.write_text(path.read_text() + "# by hand\n")
    found = settle(added)
    assert [names(found[name]) for name in CONTROL_PLANES] == [[], [f"{MANIFESTS}/kube-scheduler.yaml"], []]
    assert "-# by hand" in [line for change in found[CONTROL_PLANES[1]] for line in change.diff.splitlines()]
    assert "by hand" not in path.read_text()


def test_a_lost_record_is_made_again_and_nothing_is_restarted(fleet: Fleet, settle: Settle) -> None:
    added = {"api_server": {"extra_args": {"v": 4}}}
    settle(added)
    (fleet.machines[CONTROL_PLANES[0]].folder / RECORD_FILE[1:]).unlink()
    assert [names(changes) for changes in settle(added).values()] == [[RECORD_FILE], [], []]
    assert settle(added) == {name: [] for name in CONTROL_PLANES}


def test_a_key_is_read_by_all_before_one_writes_with_it(
    fleet: Fleet, settle: Settle, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KEY", "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=")
    found = settle({"encryption": {"secret": {"env": "KEY"}}}, again=True)
    # the last finds it at all others, and begins to write with it at once
    assert [names(found[name]).count(ENCRYPTION_FILE) for name in CONTROL_PLANES] == [2, 2, 1]
    for machine in fleet.machines.values():
        path = machine.folder / ENCRYPTION_FILE[1:]
        (entry,) = yaml.safe_load(path.read_text())["resources"]
        assert [next(iter(one)) for one in entry["providers"]] == ["secretbox", "identity"]
        assert path.stat().st_mode & 0o777 == 0o600
    for changes in found.values():
        assert os.environ["KEY"] not in "".join(change.diff for change in changes if isinstance(change, Change))
    assert settle({"encryption": {"secret": {"env": "KEY"}}}, again=True) == {name: [] for name in CONTROL_PLANES}


def test_a_dry_run_shows_what_the_keys_come_to(fleet: Fleet, settle: Settle, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KEY", "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=")
    found = settle({"encryption": {"secret": {"env": "KEY"}}}, again=True, dry_run=True)
    assert [names(found[name]).count(ENCRYPTION_FILE) for name in CONTROL_PLANES] == [1, 1, 1]
    assert fleet.state.written() == []


@pytest.mark.parametrize(
    ("attempts", "vain"),
    [
        ([0, 2, 3], [False, False, True]),
        ([7, 7, 8], [False, False, False]),
        ([7, 2, 3], [False, False, True]),
        ([7, 0, 0], [False, False, False]),
    ],
    ids=["a good one before", "still the bad one before", "a bad one after a bad one", "a good one after a bad one"],
)
def test_only_the_containers_of_the_new_manifest_make_waiting_vain(
    monkeypatch: pytest.MonkeyPatch, attempts: list[int], vain: list[bool]
) -> None:
    said = iter(
        [f"kube-apiserver exited, code 1, Error, attempt {number}: no" if number else "" for number in attempts]
    )
    monkeypatch.setattr(static_pods, "explain", lambda *_: next(said))
    shell: Any = None
    crashing = static_pods.Crashing(shell, "kube-apiserver")
    assert [bool(crashing()) for _ in attempts] == vain
