"""A backup of the standing cluster, and what a restore of it would do: always. Three wiped control planes are put back: PART=kills."""

import os
import shutil
import signal
import stat
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest

from lab import disks
from lab.topology import machine
from tasks.backup import archive, encryption
from tests.conftest import unavailable
from tests.lab.conftest import HEALED_SECONDS, Measure
from tests.lab.devices import FOREIGN_PEER, Kubectl, etcd_members, expected_routes, routes_of_kernel
from tests.lab.laboratory import ADDRESSES, MASTERS, NODES, ROUTERS, WORKERS, Laboratory, wait_for
from tests.lab.runbooks import Answer, Runbooks

pytestmark = pytest.mark.lab
CLUSTER = "k8s-calico"
BEFORE, AFTER = "made-before-the-backup", "made-after-the-backup"
NAMESPACE, CONFIGMAP = f"namespaces/{AFTER}", f"configmaps/{BEFORE}/changed"
RESTORE_SECONDS = 1800
STEP_SECONDS = 900
KUBELET = "stat -c '%Y %i' /var/lib/kubelet/config.yaml /etc/kubernetes/kubelet.conf && pgrep -xo kubelet"


@dataclass
class BackedUp:
    """A backup in clear, one that gpg has encrypted, and what was said of them."""

    folder: Path
    clear: Answer
    path: Path
    sealed: Answer
    sealed_path: Path
    metrics: str


@pytest.fixture(scope="module")
def gpg(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A key of gpg's in a home of its own; its fingerprint."""
    if shutil.which("gpg") is None:
        unavailable("there is no gpg on this machine")
    home = Path("/tmp") / f"kubepeer-gpg-{os.getpid()}"  # noqa: S108  a socket's path is short
    home.mkdir(mode=0o700)
    before = os.environ.get("GNUPGHOME")
    os.environ["GNUPGHOME"] = str(home)
    words = [
        "gpg",
        "--batch",
        "--passphrase",
        "",
        "--quick-generate-key",
        "backup@example.org",
        "default",
        "default",
        "never",
    ]
    subprocess.run(words, capture_output=True, check=True)
    listed = subprocess.run(
        ["gpg", "--batch", "--with-colons", "--list-keys"], capture_output=True, text=True, check=True
    )
    yield next(line.split(":")[9] for line in listed.stdout.splitlines() if line.startswith("fpr:"))
    subprocess.run(["gpgconf", "--kill", "gpg-agent"], check=False)
    os.environ.pop("GNUPGHOME") if before is None else os.environ.update(GNUPGHOME=before)
    shutil.rmtree(home, ignore_errors=True)


@pytest.fixture(scope="module")
def backed_up(
    cluster: Kubectl, runbooks: Runbooks, gpg: str, tmp_path_factory: pytest.TempPathFactory, measure: Measure
) -> Iterator[BackedUp]:
    """Objects, two backups, and more objects."""
    place = tmp_path_factory.mktemp("backups")
    metrics = place / "backup.prom"
    cluster("create", "namespace", BEFORE)
    try:
        cluster("create", "-n", BEFORE, "configmap", "changed", "--from-literal=value=then")
        cluster("create", "-n", BEFORE, "secret", "generic", "deleted", "--from-literal=value=then")
        clear = runbooks.backup("--to", str(place / "clear"), "--output", "json")
        measure("backup.py", clear.seconds)
        path = Path(clear.ended(0).json["backup"]["path"])
        sealed = runbooks.backup(
            "--to", str(place / "sealed"), "--recipient", gpg, "--keep", "1", "--metrics", str(metrics)
        )
        (sealed_path,) = (place / "sealed").iterdir()
        cluster("create", "namespace", AFTER)
        cluster("patch", "-n", BEFORE, "configmap", "changed", "-p", '{"data":{"value":"now"}}')
        cluster("delete", "-n", BEFORE, "secret", "deleted")
        yield BackedUp(place, clear, path, sealed, sealed_path, metrics.read_text(encoding="utf-8"))
    finally:
        for name in (BEFORE, AFTER):
            cluster("delete", "namespace", name, "--ignore-not-found", deadline=180)


def test_it_holds_the_cluster_as_it_stands(backed_up: BackedUp, lab: Laboratory, cluster: Kubectl) -> None:
    with encryption.opened(backed_up.path) as source:
        content = archive.read(source)
    document = content.document
    assert document.cluster == CLUSTER
    assert document.missing == ()
    assert document.snapshot.member in MASTERS
    for name in MASTERS:
        for path in (
            "pki/ca.key",
            "pki/sa.key",
            "pki/etcd/ca.key",
            "admin.conf",
            "manifests/etcd.yaml",
            "manifests/kube-apiserver.yaml",
        ):
            stands = lab.inside(name, f"cat /etc/kubernetes/{path}")
            assert content.files[f"nodes/{name}/etc/kubernetes/{path}"].decode() == stands, (name, path)
    assert b"controlPlaneEndpoint" in content.files["cluster/kubeadm-config.yaml"]
    for router in ROUTERS:
        running = content.files[f"routers/{router}/running"].decode()
        assert all(address in running for address in (*ADDRESSES.values(), FOREIGN_PEER)), router
    listed = content.files["etcd/keys"].decode()
    assert f" configmaps/{BEFORE}/changed\n" in listed
    assert AFTER not in listed
    assert cluster.ready() == set(NODES)


def test_its_file_is_its_owners_alone_and_says_that_it_is_in_clear(backed_up: BackedUp) -> None:
    assert stat.S_IMODE(backed_up.path.stat().st_mode) == 0o600
    assert stat.S_IMODE(backed_up.path.parent.stat().st_mode) == 0o700
    assert "holds the cluster's keys in clear" in " ".join(backed_up.clear.json["warnings"])
    assert [path.name for path in backed_up.path.parent.iterdir()] == [backed_up.path.name]


def test_nothing_of_it_is_left_on_a_control_plane(backed_up: BackedUp, lab: Laboratory) -> None:
    assert backed_up.clear.code == 0
    for name in MASTERS:
        assert lab.inside(name, "ls -d /var/lib/etcd/kubepeer-backup-* 2>/dev/null; true") == ""


def test_one_that_is_encrypted_is_read_by_its_recipient_alone(backed_up: BackedUp) -> None:
    backed_up.sealed.ended(0)
    assert "in clear" not in backed_up.sealed.text
    assert backed_up.sealed_path.suffix == ".gpg"
    assert b"PRIVATE KEY" not in backed_up.sealed_path.read_bytes()
    with encryption.opened(backed_up.sealed_path) as source:
        assert archive.read(source).document.cluster == CLUSTER


def test_an_alert_can_be_set_on_the_age_of_the_newest(backed_up: BackedUp) -> None:
    line = next(
        line for line in backed_up.metrics.splitlines() if line.startswith("kubepeer_backup_taken_timestamp_seconds{")
    )
    assert line.startswith(f'kubepeer_backup_taken_timestamp_seconds{{cluster="{CLUSTER}"}} ')
    assert abs(float(line.split()[1]) - datetime.now(UTC).timestamp()) < 3600


def test_a_cluster_that_lives_is_not_set_back_by_accident(backed_up: BackedUp, runbooks: Runbooks) -> None:
    unsaid = runbooks.restore(str(backed_up.sealed_path)).ended(2)
    assert f"say --cluster {CLUSTER}: what it has in etcd now may be lost. Nothing was contacted" in unsaid.text
    refused = runbooks.restore(str(backed_up.sealed_path), "--cluster", CLUSTER).ended(1)
    assert "its apiserver is ready: the cluster lives, and would be set back to the backup" in refused.text
    assert f"namespaces/{AFTER}" in refused.text


def test_the_look_of_a_restore_tells_what_is_lost_and_the_whole_order(
    backed_up: BackedUp, runbooks: Runbooks, lab: Laboratory
) -> None:
    look = runbooks.restore(str(backed_up.sealed_path), "--over-living", "--dry-run", "--output", "json").ended(0)
    told = look.json["restore"]["lost"]
    assert NAMESPACE in told["created"]
    assert CONFIGMAP in told["changed"]
    assert f"secrets/{BEFORE}/deleted" in told["deleted"]
    planned = {what for host, what in look.changes if host in MASTERS}
    assert {"/var/lib/kubepeer-restore/snapshot.db", "control plane", "/var/lib/etcd/member", "unit kubelet"} <= planned
    assert not [host for host, _ in look.changes if host not in MASTERS]
    for name in MASTERS:
        lab.inside(name, "! ls -d /var/lib/kubepeer-restore 2>/dev/null && pgrep -x etcd >/dev/null")


def test_a_backup_that_was_damaged_is_refused_before_anything_is_contacted(
    backed_up: BackedUp, runbooks: Runbooks
) -> None:
    content = backed_up.path.read_bytes()
    damaged = backed_up.folder / "damaged.tar.gz"
    damaged.write_bytes(content[: len(content) // 2])
    assert (
        f"{damaged}: it is no backup of Kubepeer's, or not whole"
        in runbooks.restore(str(damaged), "--dry-run").ended(2).text
    )


def wipe(lab: Laboratory) -> None:
    """All three control planes' machines are lost, and bare ones of their names stand there."""
    for name in MASTERS:
        lab.must("cut", name)
    for name in MASTERS:
        found = machine(name)
        assert found is not None
        disks.throw_away(lab.instance, found)
    lab.must("up", *MASTERS)


def workers(lab: Laboratory) -> dict[str, str]:
    """Of each worker's kubelet: its files, and its process."""
    return {name: lab.inside(name, KUBELET) for name in WORKERS}


def assert_restored(lab: Laboratory, folder: Path) -> Kubectl:
    """The cluster answers with the objects of the backup, its workers are back, and every route is there."""
    cluster = Kubectl.of(lab, folder)
    assert cluster.ready() == set(NODES)
    assert {member["name"].partition(".")[0] for member in etcd_members(cluster).values()} == set(MASTERS)
    namespaces = {one["metadata"]["name"] for one in cluster.get("namespaces")}
    assert BEFORE in namespaces
    assert AFTER not in namespaces
    (found,) = cluster.get("-n", BEFORE, "configmap", "changed")
    assert found["data"]["value"] == "then"
    cluster("get", "-n", BEFORE, "secret", "deleted")
    for router in ROUTERS:
        wait_for(
            f"the routes of {router}",
            lambda router=router: routes_of_kernel(lab, router) == expected_routes(cluster.blocks()),
            HEALED_SECONDS,
        )
    return cluster


@pytest.mark.long("kills")
class TestAllControlPlanesAreLost:
    """What a backup is for."""

    def test_the_cluster_comes_back_with_what_the_backup_has(
        self, backed_up: BackedUp, lab: Laboratory, runbooks: Runbooks, tmp_path: Path, measure: Measure
    ) -> None:
        before = workers(lab)
        wipe(lab)
        answer = runbooks.restore(
            str(backed_up.sealed_path), "--cluster", CLUSTER, "--output", "json", deadline=RESTORE_SECONDS
        )
        measure("restore.py of three wiped control planes, to verified routes", answer.seconds)
        answer.ended(0)
        assert answer.json["restore"]["lost"] is None
        assert workers(lab) == before
        assert {host for host, _ in answer.changes} <= set(MASTERS)
        cluster = assert_restored(lab, tmp_path)
        cluster("create", "namespace", AFTER)
        for name in MASTERS:
            assert lab.inside(name, "ls -d /var/lib/kubepeer-restore 2>/dev/null; true") == ""
        runbooks.deploy("--dry-run", "--detailed-exitcode").ended(0)
        runbooks.drift().ended(0)

    def test_a_run_that_is_killed_again_and_again_is_made_up_for(
        self, backed_up: BackedUp, lab: Laboratory, runbooks: Runbooks, tmp_path: Path, measure: Measure
    ) -> None:
        wipe(lab)
        first = MASTERS[0]
        signs = (
            "test -e /var/lib/kubepeer-restore/snapshot.db",
            "test -e /var/lib/etcd/member/snap/db",
            "test -e /etc/kubernetes/pki/ca.key",
            "pgrep -x etcd",
        )
        for number, sign in enumerate(signs):
            log = tmp_path / f"log-{number}"
            assert lab.try_inside(first, sign).returncode != 0, f"{sign}: before the run that is killed at it"
            process = runbooks.start(str(backed_up.sealed_path), "--cluster", CLUSTER, log=log, runbook="restore")
            try:
                wait_for(sign, lambda sign=sign: lab.try_inside(first, sign).returncode == 0, STEP_SECONDS, pause=0.1)
            finally:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait(60)
            assert process.returncode == -signal.SIGKILL, log.read_text(encoding="utf-8")
        began = time.monotonic()
        answer = runbooks.restore(
            str(backed_up.sealed_path), "--cluster", CLUSTER, "--output", "json", deadline=RESTORE_SECONDS
        )
        measure("restore.py after four kills", time.monotonic() - began)
        answer.ended(0)
        told = answer.json["restore"]
        assert told["restored"] is True
        assert set(told["data_replaced_on"]) == set(MASTERS)
        assert told["lost"] is None
        for name in MASTERS:
            assert lab.inside(name, "ls -d /var/lib/kubepeer-restore 2>/dev/null; true") == ""
        assert_restored(lab, tmp_path)

    def test_a_cluster_that_lives_is_set_back_when_that_is_said(
        self, backed_up: BackedUp, lab: Laboratory, runbooks: Runbooks, tmp_path: Path, measure: Measure
    ) -> None:
        cluster = Kubectl.of(lab, tmp_path)
        cluster("create", "namespace", AFTER)
        words = (str(backed_up.path), "--cluster", CLUSTER, "--over-living", "--output", "json")
        answer = runbooks.restore(*words, deadline=RESTORE_SECONDS)
        measure("restore.py over a cluster that lives", answer.seconds)
        answer.ended(0)
        assert NAMESPACE in answer.json["restore"]["lost"]["created"]
        assert_restored(lab, tmp_path)
        for name in MASTERS:
            kept = lab.inside(name, "ls /var/lib/etcd").split()
            assert len(kept) == 2
            assert any(one.startswith("before-restore-") for one in kept)
            lab.inside(name, "rm -rf /var/lib/etcd/before-restore-*")
