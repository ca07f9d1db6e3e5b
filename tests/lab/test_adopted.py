"""The cluster that stands, taken for a stranger's: a service account's token and two routers are all that is known of it.

It is not a stranger's: Kubepeer has built it, and its routers have what Kubepeer has told them. So no difference at all can be asked for.
Nothing of the inventory that it was built from is used: nodes, networks and peers come from its API.
"""

import base64
import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.conftest import merged
from tests.lab.conftest import HEALED_SECONDS
from tests.lab.devices import Kubectl
from tests.lab.laboratory import CHECKOUT, NODES, ROUTERS, VIRTUAL_IP, WORKERS, Laboratory, wait_for
from tests.lab.runbooks import Answer, Runbooks

pytestmark = pytest.mark.lab
MANIFEST = CHECKOUT / "docs/rbac/kubepeer-reader.yaml"
NAME, SERVER_NAME = "k8s-calico", "k8s-calico-apiserver.tinychen.io"
TIMERS = {"keepalive_seconds": 3, "hold_seconds": 9}  # what the owner of the routers knows, and the cluster does not
RIGHTS_SECONDS = 60  # apiservers watch RBAC's objects: it takes a moment
ADDRESS = "10.31.90.4"
REMOVED = f"vtysh -c 'configure terminal' -c 'router bgp 64512' -c 'no neighbor {ADDRESS}'"


@dataclass(frozen=True)
class Adopted:
    """What adopt.py has written, completed by hand."""

    folder: Path
    said: str
    runbooks: Runbooks


def kubeconfig(folder: Path, cluster: Kubectl, token: str) -> Path:
    """A token, the cluster's CA, and its address: what a person was handed."""
    admin = yaml.safe_load((cluster.folder / "admin.conf").read_text(encoding="utf-8"))
    ca = admin["clusters"][0]["cluster"]["certificate-authority-data"]
    entry = {"server": f"https://{VIRTUAL_IP}:8443", "tls-server-name": SERVER_NAME, "certificate-authority-data": ca}
    path = folder / "kubeconfig"
    path.touch(mode=0o600)
    document = {
        "clusters": [{"name": NAME, "cluster": entry}],
        "users": [{"name": "reader", "user": {"token": token}}],
        "contexts": [{"name": "there", "context": {"cluster": NAME, "user": "reader"}}],
        "current-context": "there",
    }
    path.write_text(yaml.safe_dump(document), encoding="utf-8")
    return path


def adopt(folder: Path, file: Path, lab: Laboratory, *further: str) -> subprocess.CompletedProcess[str]:
    """python runbooks/adopt.py, as a person types it."""
    command = [sys.executable, str(CHECKOUT / "runbooks" / "adopt.py"), "--kubeconfig", str(file), "--to", str(folder)]
    routers = ("--router", "openwrt=10.31.254.253:frr", "--router", "tiny-unraid=10.31.100.100:bird")
    login = ("--username", "root", "--namespace", lab.name)
    return subprocess.run(
        [*command, *routers, *login, *further], cwd="/", capture_output=True, text=True, check=False, timeout=120
    )


def complete(folder: Path, name: str, edit: dict[str, Any]) -> None:
    path = folder / name
    document = merged(yaml.safe_load(path.read_text(encoding="utf-8")), edit)
    path.write_text(yaml.safe_dump(document, sort_keys=False), encoding="utf-8")


@pytest.fixture(scope="module")
def token(cluster: Kubectl) -> Iterator[str]:
    """Of the service account that docs/adopt.md has."""
    cluster("apply", "-f", str(MANIFEST))
    yield cluster("-n", "kube-system", "create", "token", "kubepeer-reader", "--duration=2h").strip()
    cluster("delete", "--ignore-not-found", "-f", str(MANIFEST))


@pytest.fixture(scope="module")
def adopted(lab: Laboratory, cluster: Kubectl, token: str, tmp_path_factory: pytest.TempPathFactory) -> Adopted:
    folder = tmp_path_factory.mktemp("adopted")
    file = kubeconfig(tmp_path_factory.mktemp("handed"), cluster, token)
    done = adopt(folder, file, lab)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    extras = {"use_keys": True, "key_file": str(lab.instance.cache.key), "allow_agent": False}
    complete(folder, "defaults.yaml", {"connection_options": {"netmiko": {"extras": extras}}})
    complete(folder, "groups.yaml", {"fabric": {"data": {"cluster": {"bgp": TIMERS}}}})
    return Adopted(folder, done.stdout, Runbooks(folder / "config.yaml"))


def judged(answer: Answer) -> set[tuple[str, ...]]:
    """What was expected and found, on which router, of what, in which layer."""
    return {
        (*(str(check[key]) for key in ("host", "check", "subject", "layer", "ok")), json.dumps(check["expected"]))
        for check in answer.json["checks"]
        if check["host"] in ROUTERS
    }


def test_it_says_what_it_could_not_know_and_writes_no_token(adopted: Adopted, token: str) -> None:
    assert "the routers' timers" in adopted.said
    files = [path for path in adopted.folder.iterdir() if path.is_file()]
    assert not [path for path in files if token in path.read_text(encoding="utf-8")]
    assert yaml.safe_load((adopted.folder / "hosts.yaml").read_text(encoding="utf-8")).keys() == set(ROUTERS)


def test_the_second_time_it_overwrites_nothing(adopted: Adopted, lab: Laboratory) -> None:
    before = {path.name: path.read_bytes() for path in adopted.folder.iterdir() if path.is_file()}
    done = adopt(adopted.folder, adopted.folder / "kubeconfig", lab)
    assert done.returncode == 2
    assert "is there already, and nothing is overwritten" in done.stdout
    assert {path.name: path.read_bytes() for path in adopted.folder.iterdir() if path.is_file()} == before


def test_it_is_verified_as_with_the_whole_inventory(adopted: Adopted, runbooks: Runbooks, tmp_path: Path) -> None:
    whole = runbooks.verify("--wait", str(HEALED_SECONDS), "--output", "json", deadline=HEALED_SECONDS + 120).ended(0)
    page = tmp_path / "page.html"
    found = adopted.runbooks.verify("--output", "json", "--report", str(page)).ended(0)
    assert judged(found) == judged(whole)
    assert len([one for one in judged(found) if one[1] == "session"]) == len(ROUTERS) * len(NODES)
    assert all(node in page.read_text(encoding="utf-8") for node in NODES)
    assert "known by its API alone" in adopted.runbooks.verify().ended(0).text


@pytest.mark.usefixtures("healthy")
def test_on_routers_that_are_right_nothing_would_change(adopted: Adopted) -> None:
    plan = adopted.runbooks.deploy("--group", "routers", "--dry-run", "--detailed-exitcode", "--output", "json").ended(
        0
    )
    assert plan.changes == {}
    assert set(plan.json["phases"][0]["hosts"]) == set(ROUTERS)
    assert adopted.runbooks.drift().ended(0).lines[-1].startswith(" no drift in ")


@pytest.fixture(scope="class")
def removed(healthy: Kubectl, lab: Laboratory, runbooks: Runbooks) -> Iterator[None]:
    """A neighbour of one router, by hand."""
    assert healthy.ready()
    lab.inside("openwrt", REMOVED)
    yield
    runbooks.deploy("--group", "routers").ended(0)


@pytest.mark.usefixtures("removed")
class TestANeighbourThatSomebodyTookAway:
    """On one router, by hand."""

    def test_it_is_found_planned_and_put_back(self, adopted: Adopted) -> None:
        answer = adopted.runbooks.verify("--output", "json").ended(1)
        wrong = {(check["host"], check["check"], check["subject"]) for check in answer.failures()}
        assert ("openwrt", "session", ADDRESS) in wrong
        assert not [one for one in wrong if one[0] != "openwrt"]
        assert adopted.runbooks.drift().ended(1)
        plan = adopted.runbooks.deploy("--group", "routers", "--dry-run", "--output", "json").ended(0)
        ((where, diff),) = plan.changes.items()
        assert where == ("openwrt", "FRR configuration")
        added = [line for line in diff.splitlines() if line.startswith("+") and not line.startswith("+++")]
        assert added
        assert all(ADDRESS in line for line in added)
        assert WORKERS[0] in diff
        mended = adopted.runbooks.deploy("--output", "json")  # BIRD on the node may hold the session off for a minute
        assert set(mended.changes) == {where}
        assert mended.errors == {}
        adopted.runbooks.verify("--wait", str(HEALED_SECONDS), deadline=HEALED_SECONDS + 120).ended(0)


def refused(answer: Answer) -> Answer | None:
    """An answer that is one line: while some apiservers still allow it, a run comes further, and more is said."""
    return answer if answer.code and len(answer.lines) == 1 else None


def test_a_right_that_is_missing_is_named(adopted: Adopted, cluster: Kubectl) -> None:
    cluster("delete", "clusterrolebinding", "kubepeer-reader")
    try:
        answer = wait_for("the API refuses", lambda: refused(adopted.runbooks.verify()), RIGHTS_SECONDS).ended(3)
    finally:
        cluster("apply", "-f", str(MANIFEST))
    (line,) = answer.lines
    assert 'system:serviceaccount:kube-system:kubepeer-reader lacks the rule {apiGroups: ["' in line
    assert "kubectl apply -f docs/rbac/kubepeer-reader.yaml" in line
    wait_for("it may again", lambda: adopted.runbooks.verify().code == 0, RIGHTS_SECONDS)


def test_a_token_of_another_cluster_is_one_line(
    adopted: Adopted, lab: Laboratory, cluster: Kubectl, token: str, tmp_path: Path
) -> None:
    head, claims, signature = token.split(".")
    forged = base64.urlsafe_b64encode(bytes(len(signature) * 3 // 4)).decode().rstrip("=")
    done = adopt(tmp_path / "to", kubeconfig(tmp_path, cluster, f"{head}.{claims}.{forged}"), lab)
    assert done.returncode == 3
    (line,) = done.stdout.splitlines()
    assert "(401): the token was taken back, or is another cluster's" in line
    assert not (tmp_path / "to").exists()
    assert adopted.folder.exists()
