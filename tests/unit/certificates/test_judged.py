"""Which certificates end soon, and what is to be renewed, by cases."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from kubepeer.outcome import HostOutcome, PhaseOutcome
from tasks.certificates import judge, table
from tasks.certificates.kinds import Renewer, renewer_of
from tasks.certificates.pem import Certificate
from tasks.certificates.reading import NodeCertificates
from tests.unit.certificates.authority import NOW

NAME = "k8s-calico-master-10-31-90-1"
KEYS = frozenset(f"/etc/kubernetes/pki/{name}.key" for name in ("ca", "front-proxy-ca", "etcd/ca"))


def certificate(
    path: str, days: float, *, authority: bool = False, self_signed: bool = False, mark: str = ""
) -> Certificate:
    ends = NOW + timedelta(days=days)
    renewer = renewer_of(path, self_signed=self_signed)
    return Certificate(path, authority, "subject", "issuer", NOW, ends, f"{path} {days} {mark}", renewer)


def seen_of(case: dict[str, Any]) -> NodeCertificates:
    return NodeCertificates(
        certificates=tuple(certificate(**one) for one in case["certificates"]),
        written=case.get("written", {}),
        unreadable=tuple(case.get("unreadable", ())),
        began=case.get("began", {}),
        kubelet=case.get("kubelet", {}),
        embedded=case.get("embedded", False),
    )


@pytest.mark.cases("judged")
def test_what_ends_soon_is_told_and_what_can_be_renewed_is_due(case: dict[str, Any], intent_of: Any) -> None:
    seen, within = seen_of(case), case.get("within", 30)
    found = list(judge.findings(intent_of().node(NAME), seen, within, NOW))
    told = [[one.check, one.subject, one.ok, one.reason, one.cure] for one in found if one.reason]
    assert told == case["told"]
    assert {(one.host, one.layer) for one in found} <= {(NAME, "data")}
    assert [one.subject for one in found if one.check == "certificate"] == [
        *(one.path for one in seen.certificates), *seen.unreadable
    ]  # fmt: skip
    assert [one.path for one in judge.due(seen, within, NOW)] == case["due"]
    assert list(judge.outdated(seen)) == case.get("outdated", [])
    assert judge.self_signed_is_due(seen, within, NOW) is case.get("kubelet_due", False)


@pytest.mark.cases("quorums")
def test_etcd_has_a_quorum_only_with_certificates_that_are_valid(case: dict[str, Any]) -> None:
    members = [
        None if days is None else NodeCertificates((certificate("/etc/kubernetes/pki/etcd/peer.crt", days),))
        for days in case["members"]
    ]
    assert judge.has_quorum(members, NOW) is case["quorum"]


@pytest.mark.parametrize(
    ("keys", "stacked", "missing"),
    [
        (KEYS, True, ()),
        (frozenset(), True, ("ca.key", "front-proxy-ca.key", "etcd/ca.key")),
        (KEYS - {"/etc/kubernetes/pki/ca.key"}, True, ("ca.key",)),
        (KEYS - {"/etc/kubernetes/pki/etcd/ca.key"}, True, ("etcd/ca.key",)),
        (KEYS - {"/etc/kubernetes/pki/etcd/ca.key"}, False, ()),
    ],
)
def test_a_ca_without_its_key_is_somebody_elses(intent_of: Any, keys: Any, missing: Any, *, stacked: bool) -> None:
    external = {"endpoints": ["https://10.31.90.9:2379"], "ca_file": "a", "certificate_file": "b", "key_file": "c"}
    edit = {} if stacked else {"defaults_file": {"data": {"kubeadm": {"external_etcd": external}}}}
    found = judge.external_authorities(intent_of(**edit), NodeCertificates(keys=keys))
    assert found == tuple(f"/etc/kubernetes/pki/{name}" for name in missing)


def test_what_is_still_the_old_one_after_a_renewal_is_told() -> None:
    path = "/etc/kubernetes/pki/apiserver.crt"
    old, new = certificate(path, 5), certificate(path, 365)
    copy = replace(old, path="/root/.kube/config", renewer=Renewer.COPY)  # it follows when kubeadm is done
    assert judge.wrong_after([old], NodeCertificates((new, copy)), 30, NOW) == ""
    assert judge.wrong_after([old], NodeCertificates((old,)), 30, NOW) == f"kubeadm has not renewed {path}"


def test_a_renewed_one_that_is_due_again_at_once_is_told() -> None:
    path = "/etc/kubernetes/pki/apiserver.crt"
    short = certificate(path, 20, mark="new")
    assert judge.wrong_after([certificate(path, 5)], NodeCertificates((short,)), 30, NOW).startswith(
        f"{path} expires on 2026-12-16 12:00 UTC, in 20 days, and that is within the 30 days of "
    )


def test_what_the_apiserver_serves_must_be_its_file() -> None:
    seen = NodeCertificates((certificate("/etc/kubernetes/pki/apiserver.crt", 365),))
    assert judge.served_is_the_file(seen, NOW + timedelta(days=365)) == ""
    assert judge.served_is_the_file(seen, None) == "the apiserver serves no certificate"
    assert judge.served_is_the_file(seen, NOW).startswith(
        "the apiserver serves a certificate until 2026-11-26 12:00 UTC"
    )
    assert judge.served_is_the_file(NodeCertificates(), NOW) == "/etc/kubernetes/pki/apiserver.crt is not there"


def test_the_table_has_the_soonest_first_and_a_ca_once() -> None:
    ca = certificate("/etc/kubernetes/pki/ca.crt", 3000, authority=True)
    every = {
        "m1": NodeCertificates((ca, certificate("/etc/kubernetes/pki/apiserver.crt", 200))),
        "m2": NodeCertificates((ca, certificate("/etc/kubernetes/pki/apiserver.crt", 5))),
    }
    said = [line.plain.split() for line in table.rows(every, 30, NOW)]
    assert [line[:1] for line in said] == [["left"], ["x"], ["200"], ["3000"]]
    assert " ".join(said[1]) == "x 5 days 2026-12-01 /etc/kubernetes/pki/apiserver.crt m2 subject kubeadm"
    assert " ".join(said[3]) == "3000 days 2035-02-12 /etc/kubernetes/pki/ca.crt 2 nodes CA"
    assert list(table.rows({}, 30, NOW)) == []


def test_metrics_have_the_end_of_each() -> None:
    every = {"m1": NodeCertificates((certificate("/etc/kubernetes/pki/apiserver.crt", 200),))}
    assert table.metrics(every, 1795694400.0).splitlines() == [
        "# HELP kubepeer_certificate_expires_timestamp_seconds When a certificate ends, since the epoch.",
        "# TYPE kubepeer_certificate_expires_timestamp_seconds gauge",
        'kubepeer_certificate_expires_timestamp_seconds{authority="false",host="m1",path="/etc/kubernetes/pki/apiserver.crt"} 1812974400',
        "# HELP kubepeer_certificates_read_timestamp_seconds When this was written, since the epoch.",
        "# TYPE kubepeer_certificates_read_timestamp_seconds gauge",
        "kubepeer_certificates_read_timestamp_seconds 1795694400",
    ]


def test_what_is_the_same_is_told_once(intent_of: Any) -> None:
    intent = intent_of()
    ca = certificate("/etc/kubernetes/pki/ca.crt", 10, authority=True)
    files = [
        certificate(f"/etc/kubernetes/pki/{name}.crt", 5)
        for name in ("apiserver", "front-proxy-client", "etcd/peer", "etcd/server")
    ]
    nodes = [intent.control_planes[0], intent.workers[0]]
    seen = {nodes[0].name: NodeCertificates((ca, *files)), nodes[1].name: NodeCertificates((ca,))}
    outcome = PhaseOutcome(
        "Certificates",
        0.1,
        {node.name: HostOutcome(findings=tuple(judge.findings(node, seen[node.name], 30, NOW))) for node in nodes},
    )
    said = [line.plain.partition("  ")[0] for line in table.lines([outcome])]
    assert said == [
        f" x {nodes[0].name}, {nodes[1].name}: /etc/kubernetes/pki/ca.crt",
        f" x {nodes[0].name}: {', '.join(one.path for one in files[:3])} and 1 more",
    ]
