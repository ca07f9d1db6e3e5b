"""A control plane joins a cluster that lives: real scripts, run by a shell on a folder for each machine, against a real API server.

kubeadm, crictl and systemctl are programs of the test; each notes that it was called.
"""

import json
import os
import re
import subprocess
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from kubepeer.errors import CommandError, RefusedError, UnreachableError
from kubepeer.intent import Intent
from kubepeer.run import Run
from tasks.cluster import access
from tasks.cluster.api import KubernetesApi
from tasks.control_plane import joins, peers
from tasks.control_plane.membership import ADMIN_CONF, APISERVER, CA_CERTIFICATE, KUBELET_CONF, MEMBER, MemberSeen
from tasks.linux.shell import Completed
from tests.unit.cluster.api_server import ApiServer

FIRST, SECOND, THIRD = (f"k8s-calico-master-10-31-90-{number}" for number in (1, 2, 3))
ETCD = "/etc/kubernetes/manifests/etcd.yaml"
CUT_OFF = (ADMIN_CONF, CA_CERTIFICATE, APISERVER, ETCD, "/etc/kubernetes/bootstrap-kubelet.conf")
WHOLE = (KUBELET_CONF, ADMIN_CONF, CA_CERTIFICATE, APISERVER, ETCD)
RESTART_MARKERS = 'echo "${HOST##*-} $(basename $0) $*" >> $RESTART_MARKERS'
CRICTL = f"""case "$*" in
    *" ps "*) echo 0a1b;;
    *"member list"*) cat $FOLDER/members.json;;
    *"endpoint status"*) cat $FOLDER/status.json; exit 1;;
    *"member remove"*) set -- "$(echo "$*" | sed 's/.*member remove/member remove/')"; {RESTART_MARKERS};;
esac"""


class Machine:
    """A root shell on a machine whose folders lie in one folder of this machine."""

    def __init__(self, host: str, folder: Path) -> None:
        self.host = host
        self.folder = folder

    def run(self, script: str, *, stdin: bytes | None = None, deadline: float = 60) -> Completed:
        script = re.sub(r"(?<![\w.])/(etc|run|root|var)/", rf"{self.folder}/\1/", script)
        environment = {
            "PATH": f"{self.folder}/bin:{os.environ['PATH']}",
            "HOST": self.host,
            "FOLDER": str(self.folder.parent),
            "RESTART_MARKERS": str(self.folder.parent / "notes"),
        }
        arguments, given = (["-s"], script.encode()) if stdin is None else (["-c", script], stdin)
        ended = subprocess.run(
            ["/bin/sh", *arguments], input=given, env=environment, capture_output=True, timeout=deadline, check=False
        )
        return Completed(ended.returncode, ended.stdout.replace(str(self.folder).encode(), b""), ended.stderr)

    check = run


class Fleet:
    """The three control planes, and what they were told to do."""

    def __init__(self, folder: Path, api: KubernetesApi, server: ApiServer) -> None:
        self.folder, self.api, self.state = folder, api, server.state
        self.machines = {name: Machine(name, folder / name) for name in (FIRST, SECOND, THIRD)}
        for name in self.machines:
            self.program(name, "kubeadm", f"{RESTART_MARKERS} --")
            self.program(name, "systemctl", RESTART_MARKERS)
            self.program(name, "crictl", CRICTL)
            for folder_name in ("run", "root", "etc/kubernetes/manifests"):
                (folder / name / folder_name).mkdir(parents=True)
            self.file(name, CA_CERTIFICATE, api.ca)
            self.file(name, ADMIN_CONF, api.kubeconfig)
        self.state.raw["/version"] = (200, '{"gitVersion": "v1.26.0"}')
        self.api_knows(FIRST, SECOND, THIRD)
        self.etcd({FIRST: "running", SECOND: "running", THIRD: "running"})

    def program(self, host: str, name: str, text: str) -> None:
        path = self.folder / host / "bin" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"#!/bin/sh\n{text}\n")
        path.chmod(0o755)

    def file(self, host: str, path: str, text: str) -> None:
        (at := self.folder / host / path.removeprefix("/")).parent.mkdir(parents=True, exist_ok=True)
        at.write_text(text)

    def api_knows(self, *names: str) -> None:
        items = [{"metadata": {"name": f"{name}.tinychen.io"}} for name in names]
        self.state.raw["/api/v1/nodes"] = (200, json.dumps({"items": items}))

    def etcd(self, members: Mapping[str, str]) -> None:
        numbers = {name: 0xA0 + int(name.rpartition("-")[2]) for name in members}
        listed = [
            {
                "ID": numbers[name],
                "name": f"{name}.tinychen.io",
                "peerURLs": [f"https://10.31.90.{name.rpartition('-')[2]}:2380"],
                "isLearner": "learner" in state,
            }
            for name, state in members.items()
        ]
        status = [
            {"Status": {"header": {"member_id": numbers[n]}}} for n, state in members.items() if "running" in state
        ]
        (self.folder / "members.json").write_text(json.dumps({"members": listed}))
        (self.folder / "status.json").write_text(json.dumps(status))

    @property
    def told(self) -> list[str]:
        """Machine, program and its words; what differs from run to run is left out."""
        path = self.folder / "notes"
        lines = path.read_text().splitlines() if path.exists() else []
        return [re.sub(r" --config \S+| --cri-socket \S+| +--$", "", line).strip() for line in lines]


@pytest.fixture
def fleet(tmp_path: Path, connected: KubernetesApi, server: ApiServer, monkeypatch: pytest.MonkeyPatch) -> Fleet:
    fleet = Fleet(tmp_path, connected, server)
    for module in (joins, peers, access):
        monkeypatch.setattr(module, "open_shell", lambda _, name: fleet.machines[name])
    return fleet


Join = Callable[..., list[str]]


@pytest.fixture
def join(fleet: Fleet, run_of: Callable[..., Run]) -> Join:
    """Make a control plane a member; keywords: what it says of itself, which nodes the API knows, options. Gives the changes' names."""

    def make(
        host: str, leftovers: Sequence[str], registered: Sequence[str], *, api_ready: bool = False, **options: Any
    ) -> list[str]:
        seen = MemberSeen(tuple(leftovers), api_ready=api_ready, admin_conf="", ca=fleet.api.ca, kubeconfigs=("root",))
        known: dict[str, dict[str, Any]] = {f"{name}.tinychen.io": {"labels": {}} for name in registered}
        run = run_of(*fleet.machines, chosen=[host], **options)
        shell: Any = fleet.machines[host]
        return [change.what for change in joins.join_cluster(run, shell, fleet.api, seen, known)]

    return make


@pytest.fixture
def elsewhere(intent_of: Any, tmp_path: Path) -> Intent:
    """Of a cluster whose etcd is somebody else's."""
    files = {key: tmp_path / key for key in ("ca_file", "certificate_file", "key_file")}
    for path in files.values():
        path.write_text("PEM\n")
        path.chmod(0o600)
    external = {"endpoints": ["https://10.31.0.9:2379"], **{key: str(path) for key, path in files.items()}}
    made: Intent = intent_of(defaults_file={"data": {"kubeadm": {"external_etcd": external}}})
    return made


def test_what_a_join_left_in_etcd_goes_before_the_next(fleet: Fleet, join: Join) -> None:
    fleet.etcd({FIRST: "running", SECOND: "running", THIRD: "learner"})
    changes = join(THIRD, CUT_OFF, [FIRST, SECOND])
    assert changes == [f"etcd member {THIRD}.tinychen.io", "kubeadm join", "/root/.kube/config"]
    assert fleet.told == [
        "1 crictl member remove a3",
        "1 kubeadm init phase upload-certs --upload-certs",
        "3 kubeadm reset -f",
        "3 kubeadm join",
    ]
    assert (fleet.folder / THIRD / "etc/kubernetes/manifests/haproxy.yaml").exists()  # the reset had emptied the folder


def test_etcd_that_starts_while_kubeadm_resets_leaves_nothing_for_the_join_to_find(fleet: Fleet, join: Join) -> None:
    fleet.etcd({FIRST: "running", SECOND: "running", THIRD: "learner"})
    data = fleet.folder / THIRD / "var/lib/etcd"
    fleet.program(
        THIRD,
        "kubeadm",
        f'case $1 in reset) mkdir -p {data}/member/wal && touch {data}/x;; *) [ -z "$(ls {data})" ];; esac',
    )
    assert join(THIRD, CUT_OFF, [FIRST, SECOND])[1] == "kubeadm join"
    assert list(data.iterdir()) == []


def test_what_somebody_elses_etcd_has_on_the_same_machine_is_left_there(
    fleet: Fleet, join: Join, elsewhere: Intent
) -> None:
    fleet.file(THIRD, "/var/lib/etcd/member/snap/db", "somebody else's")
    assert "kubeadm join" in join(THIRD, CUT_OFF, [FIRST, SECOND], intent=elsewhere)
    assert "3 kubeadm reset -f" in fleet.told
    assert (fleet.folder / THIRD / "var/lib/etcd/member/snap/db").exists()


def test_a_machine_that_was_installed_anew_has_left_a_member_too(fleet: Fleet, join: Join) -> None:
    fleet.etcd({FIRST: "running", SECOND: "running", THIRD: "dead"})
    assert join(THIRD, (), [FIRST, SECOND, THIRD])[0] == f"etcd member {THIRD}.tinychen.io"
    assert "1 crictl member remove a3" in fleet.told
    assert not [line for line in fleet.told if "reset" in line]


def test_a_dry_run_of_a_replaced_control_plane_shows_that_its_member_goes(
    fleet: Fleet, run_of: Callable[..., Run]
) -> None:
    fleet.etcd({FIRST: "dead", SECOND: "running", THIRD: "running"})
    bare = MemberSeen((), api_ready=False, admin_conf="", ca="", kubeconfigs=())
    known: dict[str, dict[str, Any]] = {f"{name}.tinychen.io": {"labels": {}} for name in fleet.machines}
    shell: Any = fleet.machines[FIRST]
    run = run_of(*fleet.machines, chosen=[FIRST], dry_run=True, further={"replaced": [FIRST]})
    run.keep(MEMBER, bare, of=FIRST)
    changes = [change.what for change in joins.join_cluster(run, shell, fleet.api, bare, known)]
    assert changes[:2] == [f"etcd member {FIRST}.tinychen.io", "kubeadm join"]
    assert fleet.told == []


def test_the_node_of_a_join_that_was_cut_off_goes_before_its_machine_is_bare(fleet: Fleet, join: Join) -> None:
    """Or a run that is cut off in between would leave what looks like a machine that was installed anew."""
    fleet.etcd({FIRST: "running", SECOND: "running", THIRD: "learner"})
    fleet.program(THIRD, "kubeadm", "exit 1")
    with pytest.raises(CommandError, match="kubeadm reset"):
        join(THIRD, CUT_OFF, [FIRST, SECOND, THIRD])
    assert [one.path for one in fleet.state.requests if one.method == "DELETE"] == [
        f"/api/v1/nodes/{THIRD}.tinychen.io"
    ]


def test_a_control_plane_whose_node_was_deleted_keeps_its_data(fleet: Fleet, join: Join) -> None:
    changes = join(SECOND, WHOLE, [FIRST, THIRD], api_ready=True)
    assert changes == [f"Node {SECOND}.tinychen.io", "control plane's label and taint"]
    assert fleet.told == ["2 systemctl restart kubelet", "2 kubeadm init phase mark-control-plane"]


def test_the_only_control_plane_is_never_reset(fleet: Fleet, join: Join) -> None:
    fleet.etcd({FIRST: "running"})
    for name in (SECOND, THIRD):
        fleet.program(name, "crictl", "exit 1")
    assert join(FIRST, WHOLE, [], api_ready=True)[0] == f"Node {FIRST}.tinychen.io"
    with pytest.raises(CommandError, match=r"cannot be removed: of the 0 that would be left with a vote"):
        join(FIRST, WHOLE, [], api_ready=False)
    assert not [line for line in fleet.told if "reset" in line or "remove" in line]


def test_a_dry_run_shows_the_same_and_does_nothing(fleet: Fleet, join: Join) -> None:
    fleet.etcd({FIRST: "running", SECOND: "running", THIRD: "learner"})
    changes = join(THIRD, CUT_OFF, [FIRST, SECOND], dry_run=True)
    assert changes == [f"etcd member {THIRD}.tinychen.io", "kubeadm join", "/root/.kube/config"]
    assert join(SECOND, WHOLE, [FIRST, THIRD], api_ready=True, dry_run=True)[0] == f"Node {SECOND}.tinychen.io"
    assert fleet.told == []


def test_a_control_plane_that_is_a_member_is_left_alone_and_etcd_is_not_asked(fleet: Fleet, join: Join) -> None:
    fleet.program(FIRST, "crictl", RESTART_MARKERS)
    assert join(SECOND, WHOLE, [FIRST, SECOND], api_ready=True) == ["control plane's label and taint"]
    assert fleet.told == ["2 kubeadm init phase mark-control-plane"]


def test_where_etcd_is_somebody_elses_no_member_is_asked_for_and_none_goes(
    fleet: Fleet, join: Join, elsewhere: Intent
) -> None:
    for name in fleet.machines:
        fleet.program(name, "crictl", RESTART_MARKERS)
    changes = join(THIRD, (), [FIRST, SECOND], intent=elsewhere)
    assert changes[-2:] == ["kubeadm join", "/root/.kube/config"]
    assert not [what for what in changes if what.startswith("etcd member")]
    whole = tuple(path for path in WHOLE if path != ETCD)
    assert join(SECOND, whole, [FIRST, SECOND], api_ready=True, intent=elsewhere) == ["control plane's label and taint"]
    assert not [line for line in fleet.told if "crictl" in line or "reset" in line], fleet.told


def test_a_member_whose_vote_is_still_missing_joins_anew(fleet: Fleet, join: Join) -> None:
    fleet.etcd({FIRST: "running", SECOND: "running learner"})
    assert join(SECOND, WHOLE, [FIRST, SECOND])[:2] == [f"etcd member {SECOND}.tinychen.io", "kubeadm join"]
    assert "2 kubeadm reset -f" in fleet.told


def test_another_control_plane_helps_where_the_first_cannot(
    fleet: Fleet, join: Join, monkeypatch: pytest.MonkeyPatch
) -> None:
    def lost(_: object, name: str) -> Machine:
        if name == FIRST:
            raise UnreachableError("no route to host", host=name)
        return fleet.machines[name]

    for module in (joins, peers, access):
        monkeypatch.setattr(module, "open_shell", lost)
    fleet.etcd({FIRST: "running", SECOND: "running", THIRD: "learner"})
    join(THIRD, CUT_OFF, [FIRST, SECOND])
    assert fleet.told[:2] == ["2 crictl member remove a3", "2 kubeadm init phase upload-certs --upload-certs"]


def test_certificates_come_from_the_next_where_the_first_cannot_upload(fleet: Fleet, join: Join) -> None:
    fleet.etcd({FIRST: "running", SECOND: "running"})
    fleet.program(FIRST, "kubeadm", "exit 1")
    join(THIRD, (), [FIRST, SECOND])
    assert "2 kubeadm init phase upload-certs --upload-certs" in fleet.told


def test_where_no_etcd_can_be_asked_nothing_is_done(fleet: Fleet, join: Join) -> None:
    for name in fleet.machines:
        fleet.program(name, "crictl", 'case "$*" in *" ps "*) ;; *) exit 1;; esac')
    with pytest.raises(
        CommandError, match=f"^{THIRD}: etcd's members cannot be asked: {FIRST}: no container etcd runs"
    ):
        join(THIRD, CUT_OFF, [FIRST, SECOND])
    assert fleet.told == []


def test_an_etcd_of_another_cluster_is_not_believed(fleet: Fleet, join: Join) -> None:
    for name in (FIRST, SECOND):
        fleet.file(name, CA_CERTIFICATE, "another CA\n")
        fleet.program(name, "crictl", RESTART_MARKERS)
    fleet.etcd({THIRD: "learner running"})
    with pytest.raises(CommandError):
        join(THIRD, CUT_OFF, [FIRST, SECOND])
    assert not [line for line in fleet.told if "remove" in line]


def test_a_cluster_of_another_minor_version_takes_no_node(fleet: Fleet, join: Join) -> None:
    fleet.state.raw["/version"] = (200, '{"gitVersion": "v1.27.4"}')
    with pytest.raises(RefusedError, match=r"the cluster runs Kubernetes 1\.27\.4, the inventory says 1\.26\.0"):
        join(THIRD, (), [FIRST, SECOND])
    assert fleet.told == []


def test_a_node_that_does_not_register_says_what_its_kubelet_says(
    fleet: Fleet, join: Join, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(joins, "NODE_SECONDS", 0.01)
    fleet.api_knows(FIRST, SECOND)
    fleet.program(THIRD, "systemctl", "echo ActiveState=failed; echo SubState=failed; echo Result=exit-code")
    fleet.program(THIRD, "journalctl", "exit 1")
    fleet.file(THIRD, "/var/lib/kubelet/config.yaml", "")
    fleet.etcd({FIRST: "running", SECOND: "running"})
    with pytest.raises(
        CommandError, match=r"the API does not know \S+10-31-90-3\S+: the kubelet is failed \(failed, exit-code\)"
    ):
        join(THIRD, (), [FIRST, SECOND])
