"""Certificates that end in five days are found, renewed without a failed request through the virtual IP, and valid after that."""

import os
import re
import signal
import subprocess
from base64 import b64decode
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.lab.api_client import ApiClient, Requests
from tests.lab.conftest import HEALED_SECONDS, Measure
from tests.lab.devices import Kubectl
from tests.lab.forged import PATHS, forge, serial
from tests.lab.laboratory import MASTERS, NODES, Laboratory, wait_for
from tests.lab.runbooks import Answer, Runbooks

pytestmark = pytest.mark.lab
DAYS = 5
RENEW_SECONDS = 1200
GAP_SECONDS = 5
KEY = "/etc/kubernetes/pki/ca.key"
PORTS = {"the apiserver": 6443, "etcd": 2379}


@dataclass
class Renewed:
    """What was seen of three control planes whose certificates end in five days, and are renewed.

    Attributes:
        before, after: the serial number of each apiserver's certificate.

    """

    drift: Answer | None = None
    look: Answer | None = None
    external: Answer | None = None
    planned: Answer | None = None
    untouched: dict[str, int] = field(default_factory=dict)
    before: dict[str, int] = field(default_factory=dict)
    renewal: Answer | None = None
    requests: Requests | None = None
    after: dict[str, int] = field(default_factory=dict)
    again: Answer | None = None


def serials(lab: Laboratory) -> dict[str, int]:
    return {name: serial(lab, name) for name in MASTERS}


def credentials(lab: Laboratory) -> dict[str, str]:
    """The administrator's certificate and key, and the CA, as files."""
    document = yaml.safe_load(lab.inside(MASTERS[0], "cat /etc/kubernetes/admin.conf"))
    cluster, user = document["clusters"][0]["cluster"], document["users"][0]["user"]
    encoded = {
        "ca.crt": cluster["certificate-authority-data"],
        "client.crt": user["client-certificate-data"],
        "client.key": user["client-key-data"],
    }
    return {name: b64decode(text).decode("ascii") for name, text in encoded.items()}


@pytest.fixture(scope="module")
def renewed(
    lab: Laboratory,
    cluster: Kubectl,
    runbooks: Runbooks,
    tmp_path_factory: pytest.TempPathFactory,
    measure: Measure,
) -> Renewed:
    """Forge, look, refuse, plan, renew with a client at work, and once more."""
    assert cluster.ready() == set(NODES)
    found, folder = Renewed(), tmp_path_factory.mktemp("api-client")
    for name in MASTERS:
        forge(lab, name, DAYS)
    found.before = serials(lab)
    found.drift = runbooks.drift("--output", "json")
    found.look = runbooks.certificates("--output", "json")
    found.external = without_key(lab, runbooks)
    found.planned = runbooks.certificates("--renew", "--dry-run", "--output", "json")
    found.untouched = serials(lab)
    with ApiClient(lab, folder, credentials(lab)) as client:
        found.renewal = runbooks.certificates("--renew", "--output", "json", deadline=RENEW_SECONDS)
        found.requests = client.stop()
    measure("certificates.py --renew of three control planes", found.renewal.seconds)
    measure("the longest gap between two answers of the API through the virtual IP meanwhile", found.requests.gap)
    found.after = serials(lab)
    found.again = runbooks.certificates("--renew", "--output", "json")
    return found


def without_key(lab: Laboratory, runbooks: Runbooks) -> Answer:
    """A renewal while one control plane has not its CA's key."""
    lab.inside(MASTERS[2], f"mv {KEY} {KEY}.elsewhere")
    try:
        return runbooks.certificates("--renew")
    finally:
        lab.inside(MASTERS[2], f"mv {KEY}.elsewhere {KEY}")


def answer(found: Answer | None) -> Answer:
    assert found is not None
    return found


def failed_checks(found: Answer) -> set[tuple[str, str]]:
    return {(check["host"], check["subject"]) for check in found.failures() if check["check"] == "certificate"}


def test_every_one_of_them_is_found(renewed: Renewed) -> None:
    forged = {(name, path) for name in MASTERS for path in (*PATHS, "/root/.kube/config")}
    assert failed_checks(answer(renewed.drift).ended(1)) >= forged
    look = answer(renewed.look).ended(1)
    assert failed_checks(look) >= forged
    soonest = [one for one in look.json["certificates"] if one["path"] in PATHS]
    assert {one["days"] for one in soonest if one["due"]} == {DAYS}
    ends = [one["not_after"] for one in look.json["certificates"]]
    assert ends == sorted(ends)


def test_a_control_plane_without_its_cas_key_is_refused_and_none_is_touched(renewed: Renewed) -> None:
    told = answer(renewed.external).ended(1)
    assert any(MASTERS[2] in line and KEY in line and "external CA" in line for line in told.lines), told.text
    assert renewed.untouched == renewed.before


def test_the_dry_run_shows_what_the_run_does(renewed: Renewed) -> None:
    planned, made = answer(renewed.planned).ended(0), answer(renewed.renewal).ended(0)
    assert planned.changes.keys() == made.changes.keys()
    assert {what for host, what in made.changes if host in MASTERS} >= {
        "certificates of kubeadm",
        "static pods restart",
    }
    order = next(line for line in planned.lines if "one after the other" in line)
    assert [order.index(name) for name in MASTERS] == sorted(order.index(name) for name in MASTERS)


def test_no_request_through_the_virtual_ip_has_failed(renewed: Renewed) -> None:
    requests = renewed.requests
    assert requests is not None
    print(requests)
    assert requests.count > 50
    assert requests.failures == (), requests
    assert requests.gap < GAP_SECONDS, requests


def test_every_certificate_is_renewed_and_served(renewed: Renewed, lab: Laboratory, runbooks: Runbooks) -> None:
    for name in MASTERS:
        assert renewed.after[name] != renewed.before[name]
        for who, port in PORTS.items():
            said = lab.inside(name, f"curl -skv --max-time 5 https://127.0.0.1:{port}/ 2>&1 | grep 'expire date'; true")
            year = int(re.search(r" (\d{4}) ", said + " 0000 ")[1])  # type: ignore[index]
            issued = int(lab.inside(name, "date +%Y"))
            assert year > issued, f"{who} of {name}: {said}"
    look = runbooks.certificates("--output", "json").ended(0)
    assert not any(one["due"] for one in look.json["certificates"])
    checks = runbooks.drift("--output", "json").ended(0).json["checks"]
    assert {"leader", *(f"member {name}.tinychen.io" for name in MASTERS)} < {
        one["subject"] for one in checks if one["check"] == "etcd"
    }


def test_kubeconfigs_are_the_new_ones(renewed: Renewed, lab: Laboratory) -> None:
    assert answer(renewed.renewal).code == 0
    for name in MASTERS:
        lab.inside(name, "cmp /etc/kubernetes/admin.conf /root/.kube/config && kubectl get --raw /readyz")


def test_a_second_run_has_nothing_to_do(renewed: Renewed) -> None:
    assert answer(renewed.again).ended(0).changes == {}


def test_the_routes_have_stayed_right(renewed: Renewed, runbooks: Runbooks) -> None:
    assert answer(renewed.renewal).code == 0
    runbooks.verify("--wait", str(HEALED_SECONDS), deadline=HEALED_SECONDS + 60).ended(0)


@pytest.mark.long("settings")
class TestARenewalThatIsKilled:
    """After kubeadm has renewed a control plane, and before its programs have read that: on the first one, then on the second."""

    @pytest.fixture(scope="class")
    def killed(
        self, lab: Laboratory, cluster: Kubectl, runbooks: Runbooks, tmp_path_factory: Any
    ) -> Iterator[list[dict[str, int]]]:
        assert cluster.ready() == set(NODES)
        for name in MASTERS:
            forge(lab, name, DAYS)
        seen: list[dict[str, int]] = []
        for name in MASTERS[:2]:
            self.kill_when_renewed(lab, runbooks, name, tmp_path_factory.mktemp("killed"))
            seen.append(serials(lab))
        yield seen
        runbooks.certificates("--renew", deadline=RENEW_SECONDS).ended(0)

    def kill_when_renewed(self, lab: Laboratory, runbooks: Runbooks, name: str, folder: Path) -> None:
        before = serial(lab, name)
        process: subprocess.Popen[bytes] = runbooks.start("--renew", log=folder / "log", runbook="certificates")
        try:
            wait_for(f"{name} is renewed", lambda: serial(lab, name) != before, RENEW_SECONDS, pause=0.2)
        finally:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait(60)

    def test_the_next_run_goes_on_and_renews_none_twice(
        self, killed: list[dict[str, int]], lab: Laboratory, runbooks: Runbooks
    ) -> None:
        made = runbooks.certificates("--renew", "--output", "json", deadline=RENEW_SECONDS).ended(0)
        after = serials(lab)
        assert [after[name] for name in MASTERS[:2]] == [killed[0][MASTERS[0]], killed[1][MASTERS[1]]]
        renewed = {host for host, what in made.changes if what == "certificates of kubeadm"}
        assert renewed == {MASTERS[2]}
        assert (MASTERS[1], "static pods restart") in made.changes

    def test_everything_is_valid_after_that(self, killed: list[dict[str, int]], runbooks: Runbooks) -> None:
        assert killed
        runbooks.certificates().ended(0)
        assert runbooks.certificates("--renew", "--output", "json").ended(0).changes == {}
        runbooks.drift().ended(0)
