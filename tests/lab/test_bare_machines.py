"""On bare machines, before anything of ours is there: what a dry run shows, and what is refused."""

import difflib

import pytest

from lab.build.programs import KUBERNETES, NEXT_PATCH
from tests.lab.conftest import OwnersState
from tests.lab.devices import fingerprint
from tests.lab.laboratory import NODES, ROUTERS, WORKERS, Laboratory
from tests.lab.runbooks import Project, Runbooks

pytestmark = pytest.mark.lab
HOSTS = (*NODES, *ROUTERS)


def difference(before: dict[str, list[str]], after: dict[str, list[str]]) -> list[str]:
    return [
        f"{host}: {line}"
        for host in before
        for line in difflib.unified_diff(before[host], after[host], n=0, lineterm="")
    ]


@pytest.mark.usefixtures("owners_states")
def test_a_dry_run_lists_changes_on_all_eight_hosts_and_alters_no_byte_on_any(
    lab: Laboratory, runbooks: Runbooks
) -> None:
    before = {host: fingerprint(lab, host) for host in HOSTS}
    answer = runbooks.deploy("--dry-run", "--output", "json", "--detailed-exitcode").ended(4)
    after = {host: fingerprint(lab, host) for host in HOSTS}
    assert {host for host, _ in answer.changes} == set(HOSTS)
    assert all(diff for diff in answer.changes.values())
    assert difference(before, after) == []
    assert len(before[NODES[0]]) > 1000, "the fingerprint is of a whole machine"


def test_without_a_cluster_there_is_nothing_to_verify(runbooks: Runbooks) -> None:
    answer = runbooks.verify().ended(3)
    assert "no control plane that can be reached has a cluster Cure: python runbooks/deploy.py" in " ".join(
        answer.text.split()
    )


def test_a_version_that_the_repository_has_not_is_refused_with_those_that_it_has(
    lab: Laboratory, project: Project, owners_states: dict[str, OwnersState]
) -> None:
    assert owners_states
    before = {node: lab.inside(node, "find /etc -type f -exec sha256sum {} + | sort") for node in NODES}
    answer = (
        project.edited(defaults={"data": {"software": {"kubernetes": "1.36.99"}}}).deploy("--output", "json").ended(1)
    )
    assert set(answer.errors) == set(HOSTS)
    lacking = f"have no kubelet, kubeadm, kubectl 1.36.99, but {NEXT_PATCH.version}, {KUBERNETES.version}"
    assert any(lacking in error for error in answer.errors.values()), answer.errors
    assert answer.changes == {}
    assert {node: lab.inside(node, "find /etc -type f -exec sha256sum {} + | sort") for node in NODES} == before


def test_a_node_whose_disk_is_full_is_refused_before_anything_is_changed(
    lab: Laboratory, runbooks: Runbooks, owners_states: dict[str, OwnersState]
) -> None:
    node = WORKERS[2]
    lab.inside(node, "mount -t tmpfs -o size=10m tmpfs /var/lib")
    try:
        before = lab.inside(node, "find /etc /root -type f -exec sha256sum {} + | sort")
        answer = runbooks.deploy("--host", node).ended(1)
        assert lab.inside(node, "find /etc /root -type f -exec sha256sum {} + | sort") == before
    finally:
        lab.inside(node, "umount /var/lib")
    (line,) = [line for line in answer.lines if "free" in line]
    assert line.strip().startswith(f"{node}: 10 MB free on the disk of /etc or /var/lib: free 2048 MB")
    assert "Nothing was changed" in line
    assert owners_states
