"""MetalLB in the place of PureLB, the real one: as allocator with Calico announcing, and as speaker beside a Calico without BGP.

Each begins with bare machines: a cluster that lives is not moved from one to the other by the way, and preflight says so.
"""

import json
from typing import Any

import pytest

from lab.build.metallb import MANIFEST
from lab.build.programs import METALLB
from tests.lab.conftest import FIRST_RUN_SECONDS, HEALED_SECONDS, Measure
from tests.lab.devices import Kubectl, expected_routes, routes_of_kernel
from tests.lab.laboratory import ADDRESSES, NODES, ROUTERS, WORKERS, Laboratory, wait_for
from tests.lab.runbooks import Answer, Project, Runbooks

pytestmark = [pytest.mark.lab, pytest.mark.long("layouts")]
BUILD_SECONDS = 1800  # of its compiler, where nobody has built it yet
GONE_SECONDS = 60
AFFINITY = "/spec/template/spec/affinity"
ASKED_FOR = "10.33.192.80"  # by the workload's first service
ADVERTISEMENT = ("bgpadvertisements.metallb.io", "kubepeer", "--namespace", "metallb-system")


def inventory(**load_balancer: str) -> dict[str, Any]:
    """What an owner writes who has MetalLB in the place of PureLB."""
    return {
        "data": {
            "software": {"metallb": METALLB.version, "purelb": None},
            "manifests": {"metallb": f"http://10.31.0.2/metallb-{METALLB.version}/{MANIFEST}", "purelb": None},
            "load_balancer": {"provider": "metallb", **load_balancer},
        }
    }


def deployed(lab: Laboratory, runbooks: Runbooks, measure: Measure, what: str) -> Runbooks:
    """Bare machines become that cluster."""
    built = lab.lab("package", "metallb", deadline=BUILD_SECONDS)
    assert built.returncode == 0, built.stdout + built.stderr
    lab.must("reset")
    answer = runbooks.deploy(deadline=FIRST_RUN_SECONDS).ended(0)
    measure(f"first deploy.py with MetalLB as {what}", answer.seconds)
    return runbooks


def given(cluster: Kubectl) -> set[str]:
    """The addresses that the workload's services have."""
    services = cluster.get("services", "--namespace", "nginx-quic")
    return {one["ip"] for service in services for one in service["status"]["loadBalancer"].get("ingress", ())}


def answers(lab: Laboratory, address: str) -> bool:
    """Whether the client, who is behind a router, gets a page from an address."""
    done = lab.try_inside(
        "client", f"curl --silent --show-error --fail --max-time 5 --output /dev/null http://{address}/"
    )
    return done.returncode == 0


def reasons(answer: Answer) -> dict[tuple[str, str, str], str]:
    return {(check["host"], check["layer"], check["subject"]): check["reason"] for check in answer.failures()}


def elsewhere(node: str) -> dict[str, Any]:
    """A DaemonSet that leaves a node out."""
    term = {"matchExpressions": [{"key": "kubernetes.io/hostname", "operator": "NotIn", "values": [node]}]}
    required = {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": [term]}}
    return {"spec": {"template": {"spec": {"affinity": {"nodeAffinity": required}}}}}


class TestAllocator:
    """Its controller gives addresses, its speakers stay out, and Calico announces the network as ever."""

    @pytest.fixture(scope="class")
    def allocator(self, lab: Laboratory, measure: Measure, tmp_path_factory: pytest.TempPathFactory) -> Runbooks:
        project = Project.of(tmp_path_factory.mktemp("allocator"), lab.instance)
        return deployed(lab, project.edited(defaults=inventory()), measure, "allocator")

    @pytest.fixture(scope="class")
    def cluster(self, lab: Laboratory, allocator: Runbooks, tmp_path_factory: pytest.TempPathFactory) -> Kubectl:
        assert allocator
        return Kubectl.of(lab, tmp_path_factory.mktemp("kubectl"))

    def test_its_addresses_are_announced_by_calico_and_answer(
        self, lab: Laboratory, allocator: Runbooks, cluster: Kubectl
    ) -> None:
        addresses = given(cluster)
        assert ASKED_FOR in addresses
        assert len(addresses) == 2
        allocator.verify().ended(0)
        for router in ROUTERS:
            assert routes_of_kernel(lab, router) == expected_routes(cluster.blocks())
        for address in addresses:
            wait_for(f"{address} answers the client", lambda address=address: answers(lab, address), HEALED_SECONDS)

    def test_no_speaker_runs_and_a_second_run_changes_nothing(self, allocator: Runbooks, cluster: Kubectl) -> None:
        assert cluster.get("daemonsets", "--namespace", "metallb-system") == []
        assert allocator.deploy("--output", "json").ended(0).changes == {}

    def test_another_load_balancer_or_another_speaker_is_refused_with_what_stands(
        self, lab: Laboratory, runbooks: Runbooks, cluster: Kubectl, tmp_path_factory: pytest.TempPathFactory
    ) -> None:
        before = given(cluster)
        purelb = runbooks.deploy().ended(1)
        assert "MetalLB gives services their addresses here (Deployment metallb-system/controller)" in purelb.text
        speaks = Project.of(tmp_path_factory.mktemp("moved"), lab.instance)
        moved = speaks.edited(defaults=inventory(announced_by="metallb")).deploy().ended(1)
        assert "Calico speaks BGP here, and MetalLB is to do it in its place" in moved.text
        assert given(cluster) == before


class TestSpeaker:
    """Its speakers announce each address by itself; Calico has no BGP, and no router knows a pod."""

    @pytest.fixture(scope="class")
    def speaker(self, lab: Laboratory, measure: Measure, tmp_path_factory: pytest.TempPathFactory) -> Runbooks:
        project = Project.of(tmp_path_factory.mktemp("speaker"), lab.instance)
        return deployed(lab, project.edited(defaults=inventory(announced_by="metallb")), measure, "speaker of its own")

    @pytest.fixture(scope="class")
    def cluster(self, lab: Laboratory, speaker: Runbooks, tmp_path_factory: pytest.TempPathFactory) -> Kubectl:
        assert speaker
        return Kubectl.of(lab, tmp_path_factory.mktemp("kubectl"))

    @pytest.fixture
    def well(self, speaker: Runbooks, cluster: Kubectl) -> Any:
        """Runbooks on a cluster that is well again afterwards."""
        yield speaker
        speaker.deploy().ended(0)
        assert cluster

    def test_each_address_is_announced_by_the_workers_and_answers(
        self, lab: Laboratory, speaker: Runbooks, cluster: Kubectl
    ) -> None:
        """kubeadm excludes control planes from load balancers, and MetalLB takes the label for true whatever its value."""
        addresses, workers = given(cluster), {ADDRESSES[worker] for worker in WORKERS}
        assert ASKED_FOR in addresses
        answer = speaker.verify("--output", "json").ended(0)
        sessions = {check["subject"] for check in answer.json["checks"] if check["check"] == "session"}
        assert sessions == {ADDRESSES[node] for node in NODES}
        for router in ROUTERS:
            assert routes_of_kernel(lab, router) == dict.fromkeys(addresses, workers)
        for address in addresses:
            wait_for(f"{address} answers the client", lambda address=address: answers(lab, address), HEALED_SECONDS)

    def test_a_second_run_changes_nothing(self, speaker: Runbooks, cluster: Kubectl) -> None:
        assert cluster.get("bgppeers.crd.projectcalico.org") == []
        assert speaker.deploy("--output", "json").ended(0).changes == {}

    def test_an_advertisement_of_another_pool_is_told_and_put_right(
        self, lab: Laboratory, well: Runbooks, cluster: Kubectl
    ) -> None:
        addresses = given(cluster)
        cluster("patch", *ADVERTISEMENT, "--type=merge", "--patch", '{"spec": {"ipAddressPools": ["another"]}}')
        for router in ROUTERS:
            wait_for(
                f"{router}: no address is announced",
                lambda router=router: not routes_of_kernel(lab, router),
                GONE_SECONDS,
            )
        found = reasons(well.verify("--output", "json").ended(1))
        assert {(host, subject) for host, _, subject in found} == {
            (router, f"{address}/32") for router in ROUTERS for address in addresses
        }
        said = "no BGPAdvertisement announces MetalLB's IPAddressPool kubepeer for this service"
        assert all(reason.startswith(said) for reason in found.values())
        changes = well.deploy("--output", "json").ended(0).changes
        assert [what for _, what in changes] == ["BGPAdvertisement metallb-system/kubepeer"]
        assert all(answers(lab, address) for address in addresses)

    def test_a_node_that_is_excluded_is_expected_no_longer(
        self, lab: Laboratory, well: Runbooks, cluster: Kubectl
    ) -> None:
        node, left = WORKERS[0], {ADDRESSES[worker] for worker in WORKERS[1:]}
        label = "node.kubernetes.io/exclude-from-external-load-balancers"
        cluster("label", "node", f"{node}.tinychen.io", f"{label}=")
        try:
            well.verify("--wait", str(HEALED_SECONDS), deadline=HEALED_SECONDS + 120).ended(0)
            for router in ROUTERS:
                assert routes_of_kernel(lab, router) == dict.fromkeys(given(cluster), left)
        finally:
            cluster("label", "node", f"{node}.tinychen.io", f"{label}-")
        well.verify("--wait", str(HEALED_SECONDS), deadline=HEALED_SECONDS + 120).ended(0)

    def test_a_node_without_its_speaker_is_missing_with_its_session(
        self, lab: Laboratory, well: Runbooks, cluster: Kubectl
    ) -> None:
        node, address = WORKERS[0], ADDRESSES[WORKERS[0]]
        speaker = ("daemonset", "speaker", "--namespace", "metallb-system")
        cluster("patch", *speaker, "--patch", json.dumps(elsewhere(f"{node}.tinychen.io")))
        try:
            for router in ROUTERS:
                wait_for(
                    f"{router}: the node is no next hop",
                    lambda router=router: address not in set().union(*routes_of_kernel(lab, router).values()),
                    HEALED_SECONDS,
                )
            answer = well.verify("--output", "json").ended(1)
        finally:
            cluster("patch", *speaker, "--type=json", "--patch", json.dumps([{"op": "remove", "path": AFFINITY}]))
        failures = list(answer.failures())
        assert {check["subject"] for check in failures if check["check"] == "session"} == {address}
        assert all(check["missing"] == [address] for check in failures if check["check"] != "session")
