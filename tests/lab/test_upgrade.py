"""Kubernetes is upgraded under load, in PART=upgrade: to a patch release (a stand-in: the same source once more), and to the next minor.

A client opens 200 connections a second to a service, another asks the API through its virtual IP; the run is killed on its way, and the
next one goes on. It comes last of those that share the cluster: what it leaves behind is newer than the shipped inventory says.
"""

import math
import os
import re
import signal
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from lab.build.programs import KUBERNETES, NEXT_MINOR, NEXT_PATCH
from tests.conftest import CHECKOUT
from tests.lab.api_client import ApiClient, Requests
from tests.lab.conftest import HEALED_SECONDS, Measure
from tests.lab.devices import LOAD_BALANCERS, Kubectl, expected_routes, routes_of_kernel
from tests.lab.laboratory import MASTERS, NODES, ROUTERS, WORKERS, Laboratory, wait_for
from tests.lab.load import Load, Verdict
from tests.lab.runbooks import Answer, Project, Runbooks
from tests.lab.test_certificates import credentials
from tests.lab.test_drain import DRAINED, MANIFEST, MOVED, RATE, address, address_of  # noqa: F401  the fixture is the module's own, too

pytestmark = pytest.mark.lab
EVERYWHERE = MANIFEST.with_name("everywhere.yaml")
GIVEN = ("--delete-emptydir-data",)  # of Calico's own pods and CoreDNS'
UPGRADE_SECONDS = 3000
KILL_SECONDS = 1500  # until a run has come to where it is to die
LOAD_SECONDS = 6000  # it ends by itself, whatever becomes of the test
BUILD_SECONDS = 7200
GAP_SECONDS = 5
TURN = "Preflight of drain"  # the first phase of a node's turn
Order = list[tuple[str, frozenset[str]]]


def full(name: str) -> str:
    return f"{name}.tinychen.io"


def edited(project: Project, version: str) -> Runbooks:
    """The inventory's version raised, and the package repository's minor with it: nothing else."""
    text = (CHECKOUT / "lab" / "defaults.yaml").read_text(encoding="utf-8")
    minor, newer = (".".join(one.split(".")[:2]) for one in (KUBERNETES.version, version))
    text = text.replace(f"kubernetes: {KUBERNETES.version}", f"kubernetes: {version}").replace(
        f"v{minor}/", f"v{newer}/"
    )
    assert f"kubernetes: {version}" in text
    return project.edited(defaults=text)


def kubelets(cluster: Kubectl) -> dict[str, str]:
    """What each node says of its kubelet."""
    return {
        node["metadata"]["name"].partition(".")[0]: node["status"]["nodeInfo"]["kubeletVersion"]
        for node in cluster.get("nodes")
    }


def order_of(answer: Answer) -> Order:
    """Every phase of a run that was for somebody, with its hosts."""
    return [(phase["title"], frozenset(phase["hosts"])) for phase in answer.json["phases"] if phase["skipped"] is None]


def turns(order: Order) -> Order:
    """From the first turn of a node on that is drained."""
    first = next((number for number, (title, _) in enumerate(order) if title == TURN), len(order))
    return order[first:]


# When a run is killed: what stands on the machine, or on the Node, when it is in the middle of its work.
def at_work(name: str) -> Callable[[Laboratory, Kubectl], bool]:
    """kubeadm is upgrading a control plane."""
    sign = "test -e /etc/kubernetes/kubepeer/upgrading && pgrep -x kubeadm"
    return lambda lab, _: lab.try_inside(name, sign).returncode == 0


def taken_out(names: Sequence[str]) -> Callable[[Laboratory, Kubectl], bool]:
    """One of these nodes is drained by the upgrade, and cordoned."""

    def seen(_: Laboratory, cluster: Kubectl) -> bool:
        nodes = [node for node in cluster.get("nodes") if node["metadata"]["name"].partition(".")[0] in names]
        return any(
            "upgrade.py" in (node["metadata"].get("annotations") or {}).get(DRAINED, "")
            and node["spec"].get("unschedulable")
            for node in nodes
        )

    return seen


@pytest.fixture(scope="module")
def busy(lab: Laboratory, cluster: Kubectl, address: str) -> str:  # noqa: F811
    """The address of the workload; the one of policy Local has a pod on every worker."""
    cluster("apply", "-f", str(EVERYWHERE), deadline=120)
    local = address_of(cluster, "web-local")
    wait_for(
        "every worker announces it", lambda: len(routes_of_kernel(lab, ROUTERS[0]).get(local, ())) == len(WORKERS), 120
    )
    return address


@dataclass
class Upgraded:
    """What was seen of an upgrade under load.

    Attributes:
        killed: what each run that was killed had said by then.

    """

    version: str
    deploy: Answer | None = None
    dry_run: Answer | None = None
    before: dict[str, str] = field(default_factory=dict)
    untouched: dict[str, str] = field(default_factory=dict)
    killed: list[str] = field(default_factory=list)
    upgrade: Answer | None = None
    verdict: Verdict | None = None
    requests: Requests | None = None
    again: Answer | None = None
    settled: Answer | None = None


def upgraded(
    lab: Laboratory,
    cluster: Kubectl,
    runbooks: Runbooks,
    version: str,
    where: str,
    folder: Path,
    kills: Sequence[Callable[[Laboratory, Kubectl], bool]],
    *batch: str,
) -> Upgraded:
    """deploy.py refuses; a dry run; runs that are killed; the last one; all of it under load."""
    found = Upgraded(version)
    found.before = kubelets(cluster)
    found.deploy = runbooks.deploy("--output", "json")
    client = folder / "client"
    client.mkdir()
    with (
        Load(lab, folder, where, LOAD_BALANCERS, rate=RATE, seconds=LOAD_SECONDS) as load,
        ApiClient(lab, client, credentials(lab)) as asking,
    ):
        found.dry_run = runbooks.upgrade(*GIVEN, *batch, "--dry-run", "--output", "json")
        found.untouched = kubelets(cluster)
        for number, sign in enumerate(kills):
            found.killed.append(killed_when(lab, cluster, runbooks, sign, folder / f"killed-{number}", *GIVEN, *batch))
        found.upgrade = runbooks.upgrade(*GIVEN, *batch, "--output", "json", deadline=UPGRADE_SECONDS)
        found.requests = asking.stop()
        found.verdict = load.stop()
    found.again = runbooks.upgrade(*GIVEN, *batch, "--output", "json")
    found.settled = runbooks.deploy("--output", "json")
    return found


def killed_when(
    lab: Laboratory,
    cluster: Kubectl,
    runbooks: Runbooks,
    sign: Callable[[Laboratory, Kubectl], bool],
    log: Path,
    *arguments: str,
) -> str:
    """Start an upgrade, and kill it as soon as the sign is seen; what it had said."""
    process = runbooks.start(*arguments, log=log, runbook="upgrade")
    try:
        wait_for(
            "the run has come to where it is to die",
            lambda: process.poll() is not None or sign(lab, cluster),
            KILL_SECONDS,
            pause=0.3,
        )
        ended = process.poll()
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait(timeout=60)
    said = log.read_text(encoding="utf-8", errors="replace")
    assert ended is None, said
    return said


class Checks:
    """What is so of every upgrade, whichever versions it is between.

    Attributes:
        version: to which.
        kills: when a run is killed, one run after the other.
        batch: arguments about the workers.

    """

    version: str
    kills: tuple[Callable[[Laboratory, Kubectl], bool], ...]
    batch: tuple[str, ...] = ()

    @pytest.fixture(scope="class")
    def found(
        self,
        lab: Laboratory,
        cluster: Kubectl,
        newer: Runbooks,
        busy: str,
        tmp_path_factory: pytest.TempPathFactory,
        measure: Measure,
    ) -> Upgraded:
        folder = tmp_path_factory.mktemp("upgrade")
        found = upgraded(lab, cluster, newer, self.version, busy, folder, self.kills, *self.batch)
        tell(found, measure)
        return found

    def test_deploy_names_the_runbook_and_changes_nothing(self, found: Upgraded) -> None:
        assert found.deploy
        answer = found.deploy.ended(1)
        assert answer.changes == {}
        (said,) = set(answer.errors.values())
        assert f"the inventory says {found.version}: deploy.py does not upgrade" in said
        assert "Cure: python runbooks/upgrade.py" in said

    def test_a_dry_run_changes_nothing(self, found: Upgraded) -> None:
        assert found.dry_run
        assert found.dry_run.ended(0).changes
        assert found.untouched == found.before
        assert f"v{found.version}" not in found.before.values()

    def test_all_nodes_have_the_version_and_none_is_left_out(self, found: Upgraded, cluster: Kubectl) -> None:
        assert found.upgrade
        found.upgrade.ended(0)
        assert kubelets(cluster) == dict.fromkeys(NODES, f"v{found.version}")
        for node in cluster.get("nodes"):
            assert DRAINED not in node["metadata"].get("annotations", {})
            assert "unschedulable" not in node["spec"]
        images = {
            container["image"]
            for pod in cluster.get("pods", "-n", "kube-system", "-l", "tier=control-plane")
            for container in pod["spec"]["containers"]
            if "/kube-" in container["image"]
        }
        assert {image.rpartition(":")[2] for image in images} == {f"v{found.version}"}

    def test_the_dry_run_showed_the_very_same_order(self, found: Upgraded) -> None:
        """Of runs that were killed the lines are compared; of the last one every phase with its hosts, from its first turn on."""
        assert found.dry_run
        assert found.upgrade
        shown, done = order_of(found.dry_run), order_of(found.upgrade)
        rest = turns(done)
        assert rest
        assert rest == shown[-len(rest) :]
        titles = [title for title, _ in shown]
        for said in found.killed:
            lines = [line for line in said.splitlines() if re.match(r" \S.* \d+\.\d s", line)]
            heads = [
                next((title for title in sorted(titles, key=len, reverse=True) if line.startswith(f" {title} ")), line)
                for line in lines
            ]
            left = iter(titles)
            assert all(head in left for head in heads), heads

    def test_every_step_was_verified_on_both_routers(self, found: Upgraded) -> None:
        assert found.upgrade
        phases = [phase for phase in found.upgrade.json["phases"] if phase["skipped"] is None]
        verified = [phase for phase in phases if phase["title"] == "Verify"]
        begun = [phase for phase in phases if phase["title"] in (TURN, "Control plane")]
        assert len(verified) == len(begun) > 0
        assert all(set(phase["hosts"]) == set(ROUTERS) for phase in verified)
        assert not any(told["failed"] for phase in phases for told in phase["hosts"].values())

    def test_routes_are_those_of_before(
        self, found: Upgraded, lab: Laboratory, cluster: Kubectl, newer: Runbooks
    ) -> None:
        assert found.upgrade
        newer.verify("--wait", str(HEALED_SECONDS), deadline=HEALED_SECONDS + 120).ended(0)
        for router in ROUTERS:
            assert expected_routes(cluster.blocks()).items() <= routes_of_kernel(lab, router).items()

    def test_no_attempt_was_refused_or_unanswered(self, found: Upgraded) -> None:
        verdict = found.verdict
        assert verdict
        assert verdict.attempts > RATE * 60, str(verdict)
        assert verdict.lost == (), f"{verdict}: {verdict.lost[:5]}"
        assert verdict.broken == (), f"{verdict}: {verdict.broken[:5]}"

    def test_few_of_the_open_connections_broke_when_next_hops_changed(self, found: Upgraded) -> None:
        verdict = found.verdict
        assert verdict
        allowed = max(MOVED, math.ceil(2 * verdict.open_on_average))
        assert all(len(one) <= allowed for one in verdict.moved), f"{verdict}, {allowed} are allowed"

    @pytest.mark.long("upgrade")  # how long it is away depends on what else the host does
    def test_the_api_answered_through_its_virtual_ip_all_the_time(self, found: Upgraded) -> None:
        requests = found.requests
        assert requests
        assert requests.gap <= GAP_SECONDS, f"{requests}: {requests.failures[:5]}"

    def test_a_snapshot_of_before_lies_where_root_alone_reads(self, found: Upgraded, lab: Laboratory) -> None:
        said = lab.inside(MASTERS[0], "stat -c '%a %U %n' /var/lib/kubepeer/etcd /var/lib/kubepeer/etcd/*.db")
        assert f"600 root /var/lib/kubepeer/etcd/before-{found.version}.db" in said
        assert "700 root /var/lib/kubepeer/etcd\n" in said

    def test_nothing_is_left_to_do_neither_for_upgrade_nor_for_deploy(self, found: Upgraded) -> None:
        assert found.again
        assert found.settled
        assert found.again.ended(0).changes == {}
        assert found.settled.ended(0).changes == {}


class TestToAPatchRelease(Checks):
    """The stand-in for an upgrade, killed once while a worker is out."""

    version = NEXT_PATCH.version
    kills = (taken_out(WORKERS),)
    batch = ("--batch", "2")

    @pytest.fixture(scope="class")
    def newer(self, project: Project) -> Runbooks:
        return edited(project, self.version)

    @pytest.mark.parametrize(
        ("version", "says"),
        [
            ("1.36.99", "have no kubelet, kubeadm, kubectl 1.36.99, but 1.36.4, 1.36.3"),
            ("1.36.2", "Kubernetes 1.36.3 runs on"),
        ],
        ids=["not_in_the_mirror", "a_downgrade"],
    )
    def test_a_version_that_cannot_be_is_one_line(
        self, cluster: Kubectl, project: Project, version: str, says: str
    ) -> None:
        before = kubelets(cluster)
        if set(before.values()) != {f"v{KUBERNETES.version}"}:
            says = says.replace(KUBERNETES.version, NEXT_PATCH.version) if "runs on" in says else says
        answer = edited(project, version).upgrade(*GIVEN).ended(1)
        (line,) = [line for line in answer.lines if says in line]
        assert "Nothing was changed on any host" in line
        assert kubelets(cluster) == before


@pytest.mark.long("upgrade")
class TestToTheNextMinor(Checks):
    """Another etcd, another configuration API of kubeadm; killed in kubeadm's work, while a control plane is out, and while a worker is."""

    version = NEXT_MINOR.version
    kills = (at_work(MASTERS[0]), taken_out(MASTERS[1:2]), taken_out(WORKERS))

    @pytest.fixture(scope="class")
    def newer(self, lab: Laboratory, project: Project) -> Runbooks:
        lab.must("package", NEXT_MINOR.name, deadline=BUILD_SECONDS)
        return edited(project, self.version)


def tell(found: Upgraded, measure: Measure) -> None:
    assert found.upgrade
    assert found.requests
    measure(f"upgrade.py to {found.version} under load, the last run", found.upgrade.seconds)
    measure(f"the longest gap between two answers of the API meanwhile ({found.requests})", found.requests.gap)
    measure(f"the load meanwhile: {found.verdict}", 0.0)
