"""docs/rbac/kubepeer-reader.yaml has a rule for every path that is asked, and no other."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import yaml

from tasks.adopt import tasks
from tasks.adopt.reading import read_cluster
from tasks.routes import cluster, metallb_cluster
from tasks.routes.cluster import SINGLE_READS
from tests.conftest import CHECKOUT
from tests.unit.adopt.served import Served

MANIFEST = CHECKOUT / "docs/rbac/kubepeer-reader.yaml"


@dataclass(frozen=True)
class Right:
    """One verb on one resource (name: of the one object, "" for all), or on a path that is none."""

    verb: str
    group: str
    resource: str
    name: str = ""


def right(path: str) -> Right:
    """What the API asks for before it answers GET of a path (apiserver: pkg/endpoints/request/requestinfo.go)."""
    parts = path.strip("/").split("/")
    if parts[:2] == ["api", "v1"]:
        group, rest = "", parts[2:]
    elif parts[0] == "apis" and len(parts) > 3:
        group, rest = parts[1], parts[3:]
    else:
        return Right("get", "", path)
    if rest[0] == "namespaces":
        rest = rest[2:]
    return Right("get" if len(rest) > 1 else "list", group, *rest)


def granted() -> Iterator[Right]:
    role = next(one for one in yaml.safe_load_all(MANIFEST.read_text(encoding="utf-8")) if one["kind"] == "ClusterRole")
    for rule in role["rules"]:
        for verb in rule["verbs"]:
            yield from (Right(verb, "", path) for path in rule.get("nonResourceURLs", ()))
            for group in rule.get("apiGroups", ()):
                for resource in rule["resources"]:
                    yield from (Right(verb, group, resource, name) for name in rule.get("resourceNames", [""]))


def allows(grant: Right, asked: Right) -> bool:
    same = (grant.verb, grant.group, grant.resource) == (asked.verb, asked.group, asked.resource)
    return same and grant.name in ("", asked.name)


def service(number: int, policy: str) -> dict[str, Any]:
    spec = {"type": "LoadBalancer", "clusterIP": f"10.96.0.{number}", "externalTrafficPolicy": policy}
    return {"metadata": {"namespace": "default", "name": f"s{number}"}, "spec": spec}


LOCAL = [service(number, "Local") for number in range(1, SINGLE_READS + 2)]
NATIVE: dict[str, Any] = {cluster.V3_SERVICE: {"spec": {"group": "projectcalico.org"}}}
SLICES: dict[str, Any] = {cluster.SLICES: {"resources": []}}
PEER = {"metadata": {"name": "edge"}, "spec": {"peerIP": "10.5.0.1", "asNumber": 64513}}
NODE = {"metadata": {"name": "a"}}
SPEAKING = {
    "/api/v1/nodes": [NODE],
    "/apis/crd.projectcalico.org/v1/bgppeers": [PEER],
    "/apis/metallb.io/v1beta2/bgppeers": [
        {"metadata": {"name": "edge"}, "spec": {"peerAddress": "10.31.254.253", "myASN": 64512, "peerASN": 64513}}
    ],
}


def everything() -> set[str]:
    """All paths that are asked in clusters of every kind: by verification, by the beginning of a run, by adopt.py."""
    asked: set[str] = {"/readyz"}
    kinds: list[Mapping[str, Any]] = [
        {},
        NATIVE,
        {"/api/v1/services": LOCAL},
        {"/api/v1/services": LOCAL[:1]},
        {"/api/v1/services": LOCAL, **SLICES},
    ]
    for kind in kinds:
        served = Served({**SPEAKING, **kind})
        cluster.read_objects(served)
        metallb_cluster.read_objects(served)
        read_cluster(served)
        for speakers in (False, True):
            tasks.read_speaking(served, speakers=speakers)
        asked |= set(served.asked)
    return asked


def test_every_path_that_is_asked_has_its_rule_and_every_rule_is_needed() -> None:
    asked = {right(path) for path in everything()}
    rules = set(granted())
    assert {one for one in asked if not any(allows(rule, one) for rule in rules)} == set()
    assert {rule for rule in rules if not any(allows(rule, one) for one in asked)} == set()


def test_the_account_is_bound_to_the_role() -> None:
    kinds = {one["kind"]: one for one in yaml.safe_load_all(MANIFEST.read_text(encoding="utf-8"))}
    account = kinds["ServiceAccount"]["metadata"]
    assert kinds["ClusterRoleBinding"]["roleRef"]["name"] == kinds["ClusterRole"]["metadata"]["name"]
    assert kinds["ClusterRoleBinding"]["subjects"] == [
        {"kind": "ServiceAccount", "name": account["name"], "namespace": account["namespace"]}
    ]


def test_no_right_but_to_read() -> None:
    assert {rule.verb for rule in granted()} <= {"get", "list"}
    assert not [rule for rule in granted() if rule.resource in ("secrets", "*") or rule.group == "*"]
