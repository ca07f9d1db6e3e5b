"""Which restore is gone on with, which files are put back and made anew, and what the scripts do, run by a shell."""

import os
import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from kubepeer.intent import Intent
from tasks.backup.archive import Content
from tasks.linux.observe import Answer, FileSeen
from tasks.linux.state import Execute, LinuxChange, Remove, Write
from tasks.restore import data, files, progress, steps
from tasks.restore.look import Plan
from tasks.restore.progress import Progress
from tests.unit.backup.contents import MASTERS, document, node_files, parts
from tests.unit.certificates.authority import NOW, pem

ETC = "/etc/kubernetes"
CONFIGURATION = "what kubeadm reads"


def come(every: Mapping[str, Mapping[str, Any]]) -> dict[str, Progress]:
    return {name: Progress(**{**one, "aside": tuple(one.get("aside", ()))}) for name, one in every.items()}


@pytest.mark.cases("begun")
def test_what_was_begun_is_gone_on_with_while_it_can_be_one_restore(case: dict[str, Any]) -> None:
    every = come(case["every"])
    over_living = case.get("over_living", False)
    token = progress.begun(every, "s", api_ready=case["api_ready"], over_living=over_living)
    assert token == case["token"]
    if "settled" in case:
        settled = progress.settled(every, token, api_ready=case["api_ready"])
        assert settled == come(case["settled"])


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("", Progress()),
        ("member\nruns\n", Progress(member=True, runs=True)),
        ("t s\ndata\nstarted\nruns\nmember\n", Progress("t", "s", data=True, started=True, runs=True, member=True)),
        ("t s 12\n", Progress("t", "s", bump=12)),
        (
            "t s 12 spare\nmember\nbefore-restore-v\nbefore-restore-u\n",
            Progress("t", "s", bump=12, spare=True, member=True, aside=("before-restore-u", "before-restore-v")),
        ),
    ],
)
def test_what_lies_on_a_machine_is_read(text: str, found: Progress) -> None:
    assert progress.read(Answer(0, text)) == found


@pytest.mark.parametrize("spare", [False, True])
def test_the_file_of_the_token_says_what_all_members_and_a_later_run_hold_to(spare: Any) -> None:
    text = progress.written("t", "s", 1_500_000_000, spare=spare)
    assert progress.read(Answer(0, text)) == Progress("t", "s", bump=1_500_000_000, spare=spare)


YEAR_2026 = 1_795_000_000.0


@pytest.mark.parametrize(
    ("snapshot", "highest", "now", "bump"),
    [
        (100, 250, YEAR_2026, 1_000_000_150),
        (100, 50, YEAR_2026, 1_000_000_000),  # another history
        (100, 1_000_000_500, YEAR_2026, 2_000_000_400),  # the same snapshot once more
        (100, None, YEAR_2026, 179_500_000_000_000_000 - 100),
        (200_000_000_000_000_000, None, YEAR_2026, 1_000_000_000),  # a clock that goes wrong
    ],
)
def test_revisions_go_on_above_all_that_anybody_may_know(
    snapshot: int, highest: int | None, now: float, bump: int
) -> None:
    assert data.bump(snapshot, highest, now) == bump


def test_one_restore_after_the_other_never_goes_back_whoever_can_be_asked() -> None:
    snapshot, knows, now = 4_000_000, 5_000_000, YEAR_2026
    for asked in (True, True, False, True, True, False, False, True):
        bump = data.bump(snapshot, knows if asked else None, now)
        assert snapshot + bump > knows
        knows = snapshot + bump + 10_000 * 60  # what is written until it is lost again
        assert knows < 2**63
        now += 60


@pytest.mark.parametrize("api_ready", [False, True])
def test_the_data_of_an_unfinished_restore_is_known_whatever_is_left_of_its_marks(api_ready: Any) -> None:
    one = {"token": "u", "member": True, "aside": ("before-restore-u",)}
    assert Progress(**one).is_unfinished(api_ready=api_ready)
    assert Progress(**{**one, "aside": (), "data": True}).is_unfinished(api_ready=api_ready)
    assert Progress(**{**one, "aside": ("before-restore-v",), "spare": True}).is_unfinished(api_ready=api_ready)
    assert not Progress(**{**one, "aside": ("before-restore-v",)}).is_unfinished(api_ready=api_ready)
    assert not Progress(**{**one, "token": ""}).is_unfinished(api_ready=api_ready)
    for has_run in ({"started": True}, {"runs": True}):
        assert Progress(**one, data=True, **has_run).is_unfinished(api_ready=api_ready) is not api_ready


def content(nodes: Mapping[str, Mapping[str, str]] | None = None) -> Content:
    found = parts(nodes)
    return Content(document(found), found)


def planned(
    intent: Intent, backup: Content, seen: Mapping[str, FileSeen | None], name: str = MASTERS[1]
) -> list[LinuxChange]:
    stands = {path: seen.get(path) for path in files.paths(backup, name, NOW)}
    return list(files.plan(intent, intent.node(name), backup, stands, CONFIGURATION, NOW))


def written(changes: list[LinuxChange]) -> set[str]:
    return {step.path for change in changes for step in change.steps if isinstance(step, Write)}


def removed(changes: list[LinuxChange]) -> set[str]:
    return {step.path for change in changes for step in change.steps if isinstance(step, Remove)}


def phases(changes: list[LinuxChange]) -> list[str]:
    return [step.title for change in changes for step in change.steps if isinstance(step, Execute)]


def test_on_a_bare_machine_all_is_put_back_but_the_kubelets_identity_and_the_endpoint(
    intent_of: Callable[..., Intent],
) -> None:
    changes = planned(intent_of(), content(), {})
    assert written(changes) == set(node_files()) - {f"{ETC}/kubelet.conf", "/etc/keepalived/keepalived.conf"}
    assert all(change.secret for change in changes if change.what in written(changes))
    assert "kubeadm init phase kubeconfig kubelet" in phases(changes)
    assert "kubeadm init phase kubeconfig admin" not in phases(changes)
    assert "kubeadm init phase etcd local" not in phases(changes)


def test_what_stands_as_it_was_is_left_alone(intent_of: Callable[..., Intent]) -> None:
    seen = {path: FileSeen("600", "root:root", text) for path, text in node_files().items()}
    backup = content({name: dict(node_files()) for name in MASTERS})
    stands = {path: FileSeen("600", "root:root", backup.files[f"nodes/{MASTERS[1]}{path}"].decode()) for path in seen}
    changes = planned(intent_of(), backup, stands)
    assert written(changes) == removed(changes) == set()
    assert "kubeadm init phase kubeconfig kubelet" not in phases(changes)


def test_a_kubelet_that_has_a_configuration_keeps_the_newer_one(intent_of: Callable[..., Intent]) -> None:
    stands = {"/var/lib/kubelet/config.yaml": FileSeen("644", "root:root", "newer\n")}
    assert "/var/lib/kubelet/config.yaml" not in written(planned(intent_of(), content(), stands))


def test_what_has_expired_is_made_anew_with_its_key(intent_of: Callable[..., Intent]) -> None:
    old = node_files(days=0.5)
    backup = content(dict.fromkeys(MASTERS, old))
    stands = {path: FileSeen("600", "root:root", text) for path, text in old.items()}
    changes = planned(intent_of(), backup, stands)
    expired = {f"{ETC}/pki/apiserver.crt", f"{ETC}/pki/apiserver.key", f"{ETC}/admin.conf"}
    assert removed(changes) == expired
    assert not expired & written(changes)
    assert {"kubeadm init phase certs all", "kubeadm init phase kubeconfig admin"} <= set(phases(changes))


def test_the_identity_of_another_cluster_goes(intent_of: Callable[..., Intent]) -> None:
    stands = {
        f"{ETC}/pki/ca.crt": FileSeen("644", "root:root", pem("another", 300, issuer="another", authority=True)),
        f"{ETC}/kubelet.conf": FileSeen("600", "root:root", "of another kubelet\n"),
    }
    changes = planned(intent_of(), content(), stands)
    assert removed(changes) == {f"{ETC}/kubelet.conf"}
    assert "kubeadm init phase kubeconfig kubelet" in phases(changes)


def test_of_a_control_plane_that_is_not_in_the_backup_what_all_share_is_put_back_and_the_rest_made(
    intent_of: Callable[..., Intent],
) -> None:
    changes = planned(intent_of(), content({MASTERS[0]: node_files()}), {})
    assert written(changes) == {
        f"{ETC}/pki/ca.crt",
        f"{ETC}/pki/ca.key",
        f"{ETC}/pki/sa.key",
        f"{ETC}/kubepeer/apiserver/encryption.yaml",
    }
    made = {
        f"kubeadm init phase {one}" for one in ("certs all", "control-plane all", "etcd local", "kubeconfig scheduler")
    }
    assert made <= set(phases(changes))


def test_a_ca_that_has_expired_is_found() -> None:
    assert files.authority_ends(content(), NOW) == ""
    gone = {**node_files(), f"{ETC}/pki/ca.crt": pem("kubernetes", -1, authority=True)}
    assert files.authority_ends(content({MASTERS[2]: gone}), NOW) == f"{ETC}/pki/ca.crt"


def test_etcds_image_is_that_of_its_manifest() -> None:
    assert files.etcd_image(content()) == "registry.k8s.io/etcd:3.6.8-0"
    assert files.etcd_image(content({})) == ""


class Machine:
    """Scripts run here, with stand-ins for the programs of a node, and all of its places below a folder."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.log = folder, folder / "log"
        (programs := folder / "bin").mkdir()
        for name, text in self.programs().items():
            (programs / name).write_text(f"#!/bin/sh\n{text}\n", encoding="utf-8")
            (programs / name).chmod(0o755)
        (folder / "etcd").mkdir()
        (folder / "restore").mkdir()
        (folder / "restore" / "snapshot.db").write_text("snapshot", encoding="utf-8")
        (folder / "image" / "usr" / "local" / "bin").mkdir(parents=True)

    def programs(self) -> dict[str, str]:
        mount = f'cp -r {self.folder}/image/. "$last"'
        return {
            "ctr": 'for last; do :; done; case "$*" in *"images ls"*) echo there;; *"images mount"*) '
            + mount
            + ";; *unmount*) "
            + 'rm -rf "$last"/*;; esac',
            "crictl": "true",
            "systemctl": f'echo "systemctl $*" >>{self.log}',
        }

    def has(self, program: str, *, bumps: bool) -> None:
        """The image has a program that restores."""
        path = self.folder / "image" / "usr" / "local" / "bin" / program
        help_text = "--bump-revision" if bumps else "--name"
        text = f"""#!/bin/sh
case "$*" in *--help*) echo "{help_text}"; exit;; esac
echo "{program} $*" >>{self.log}
[ ! -e {self.folder}/broken ] || {{ echo "Error: expected sha256 [1 2], got [3 4]" >&2; exit 1; }}
while [ $# -gt 0 ]; do [ "$1" != --data-dir ] || d=$2; shift; done
mkdir -p "$d/member/snap"; echo new >"$d/member/snap/db"
"""
        path.write_text(text, encoding="utf-8")
        path.chmod(0o755)

    def run(self, change: LinuxChange) -> subprocess.CompletedProcess[str]:
        """Run a change's script with its places moved into the folder."""
        (step,) = change.steps
        assert isinstance(step, Execute)
        script = step.script.replace("pids() {", "pids() { return;")  # no process of this machine is meant
        moved = {
            "/run/kubepeer": f"{self.folder}/run-",
            "/var/lib/etcd": f"{self.folder}/etcd",
            progress.FOLDER: f"{self.folder}/restore",
            "/etc/kubernetes/manifests": f"{self.folder}/manifests",
        }
        for old, new in moved.items():
            script = script.replace(old, new)
        environment = {**os.environ, "PATH": f"{self.folder / 'bin'}:{os.environ['PATH']}"}
        return subprocess.run(
            ["/bin/sh", "-s"], input=script, env=environment, capture_output=True, text=True, check=False
        )

    def said(self) -> str:
        return self.log.read_text(encoding="utf-8")


@pytest.fixture
def machine(folder: Path) -> Machine:
    return Machine(folder)


def restoring(intent: Intent, **come: Any) -> LinuxChange:
    planes, image = intent.control_planes, "registry.k8s.io/etcd:3.6.8-0"
    return data.restoring(planes[1], planes, "t1", image, revision=100, bump=1_500_000_000, come=Progress(**come))


def test_data_is_restored_as_a_member_of_all_and_revisions_go_on_above(
    machine: Machine, intent_of: Callable[..., Intent]
) -> None:
    machine.has("etcdutl", bumps=True)
    machine.has("etcdctl", bumps=False)
    done = machine.run(restoring(intent_of()))
    assert done.returncode == 0, done.stderr
    assert (machine.folder / "etcd" / "member" / "snap" / "db").read_text(encoding="utf-8") == "new\n"
    assert (machine.folder / "restore" / "data").exists()
    assert not list(machine.folder.glob("run-*etcd*"))
    (line,) = machine.said().splitlines()
    assert line.startswith("etcdutl snapshot restore ")
    names = [f"{name}.tinychen.io=https://10.31.90.{number}:2380" for number, name in enumerate(MASTERS, start=1)]
    assert f"--name {MASTERS[1]}.tinychen.io --initial-cluster {','.join(names)} --initial-cluster-token t1" in line
    assert "--initial-advertise-peer-urls https://10.31.90.2:2380 --bump-revision 1500000000 --mark-compacted" in line


def test_an_older_etcd_restores_with_what_it_has(machine: Machine, intent_of: Callable[..., Intent]) -> None:
    machine.has("etcdctl", bumps=False)
    assert machine.run(restoring(intent_of())).returncode == 0
    assert machine.said().startswith("etcdctl snapshot restore ")
    assert "--bump-revision" not in machine.said()


def test_what_etcd_had_before_stays_beside_it_and_that_of_an_earlier_restore_goes(
    machine: Machine, intent_of: Callable[..., Intent]
) -> None:
    machine.has("etcdutl", bumps=True)
    etcd = machine.folder / "etcd"
    (etcd / "member").mkdir()
    (etcd / "member" / "mine").touch()
    (etcd / "before-restore-t0").mkdir()
    assert machine.run(restoring(intent_of(), member=True)).returncode == 0
    assert sorted(path.name for path in etcd.iterdir()) == ["before-restore-t1", "member"]
    assert (etcd / "before-restore-t1" / "mine").exists()
    # cut off before its mark was there: it is done once more, and what was there in the beginning is still there
    assert machine.run(restoring(intent_of(), member=True)).returncode == 0
    assert (etcd / "before-restore-t1" / "mine").exists()
    assert (etcd / "member" / "snap" / "db").exists()


@pytest.mark.parametrize(
    ("come", "says"),
    [
        ({}, None),
        ({"member": True}, "of the etcd that was: it is kept beside it"),
        (
            {"member": True, "aside": ("before-restore-t0",)},
            "of the etcd that was: it is kept beside it, and before-restore-t0 is deleted",
        ),
        (
            {"member": True, "aside": ("before-restore-t0",), "spare": True},
            "of a restore that was not finished: it is deleted, and before-restore-t0 is kept",
        ),
        (
            {"member": True, "aside": ("before-restore-t1",)},
            "of a restore that was not finished: it is deleted, and before-restore-t1 is kept",
        ),
    ],
)
def test_a_change_names_what_is_deleted(
    come: dict[str, Any], says: str | None, intent_of: Callable[..., Intent]
) -> None:
    assert restoring(intent_of(), **come).before == says


def test_what_a_restore_made_that_was_not_finished_takes_nobodys_place(
    machine: Machine, intent_of: Callable[..., Intent]
) -> None:
    machine.has("etcdutl", bumps=True)
    etcd = machine.folder / "etcd"
    for name in ("member", "before-restore-t0"):
        (etcd / name).mkdir()
        (etcd / name / name).touch()
    for _ in range(2):  # the second time as after a kill before the mark
        change = restoring(intent_of(), member=True, spare=True, aside=("before-restore-t0",))
        assert machine.run(change).returncode == 0
        assert sorted(path.name for path in etcd.iterdir()) == ["before-restore-t0", "member"]
        assert (etcd / "before-restore-t0" / "before-restore-t0").exists()
        assert not (etcd / "member" / "member").exists()


def test_the_marks_of_another_restore_go_but_its_token_only_with_the_next(machine: Machine) -> None:
    restore = machine.folder / "restore"
    for name in ("token", "data", "started"):
        (restore / name).touch()
    plan = Plan("t1", 1, goes_on=False, every={})
    for come, left in ((Progress("t1"), ["data", "snapshot.db", "started", "token"]), (Progress("t0"), ["token"])):
        step = steps._emptied(come, plan)
        assert machine.run(LinuxChange("folder", steps=(step,))).returncode == 0
        assert sorted(path.name for path in restore.iterdir()) == left


def test_what_lies_on_a_machine_is_asked_by_a_shell(machine: Machine) -> None:
    (machine.folder / "restore" / "token").write_text(progress.written("t1", "s", 7, spare=True), encoding="utf-8")
    for name in ("member", "before-restore-t0"):
        (machine.folder / "etcd" / name).mkdir()
    (machine.folder / "bin" / "pgrep").write_text("#!/bin/sh\nexit 1\n", encoding="utf-8")
    (machine.folder / "bin" / "pgrep").chmod(0o755)
    said = machine.run(LinuxChange("question", steps=(Execute("question", progress.QUESTION),)))
    found = progress.read(Answer(said.returncode, said.stdout))
    assert found == Progress("t1", "s", bump=7, spare=True, member=True, aside=("before-restore-t0",))


def test_a_snapshot_that_etcdutl_refuses_leaves_what_was_there(
    machine: Machine, intent_of: Callable[..., Intent]
) -> None:
    machine.has("etcdutl", bumps=True)
    (machine.folder / "broken").touch()
    (machine.folder / "etcd" / "member").mkdir()
    done = machine.run(restoring(intent_of(), member=True))
    assert done.returncode == 1
    assert "Error: expected sha256" in done.stderr
    assert (machine.folder / "etcd" / "member").exists()
    assert not (machine.folder / "restore" / "data").exists()


def test_an_image_without_either_program_is_told(machine: Machine, intent_of: Callable[..., Intent]) -> None:
    done = machine.run(restoring(intent_of()))
    assert done.returncode == 1
    assert "registry.k8s.io/etcd:3.6.8-0 has neither etcdutl nor etcdctl" in done.stderr


def test_a_control_plane_is_stopped_by_its_kubelet_and_manifests(machine: Machine) -> None:
    (manifests := machine.folder / "manifests").mkdir()
    for name in (*data.COMPONENTS, "keepalived"):
        (manifests / f"{name}.yaml").touch()
    done = machine.run(data.stopping(member=True))
    assert done.returncode == 0, done.stderr
    assert [path.name for path in manifests.iterdir()] == ["keepalived.yaml"]
    assert machine.said() == "systemctl stop kubelet\n"
