"""Calico's API server: projectcalico.org/v3 over the definitions of two releases, with a store in memory in place of etcd."""

import copy
import functools
import json
from collections.abc import Iterator
from http import HTTPStatus
from pathlib import Path
from typing import Any

import pytest
import yaml
from calico_apiserver import applying, documents, kinds, ownership, refusals, rules, schemas, selectors
from calico_apiserver.authentication import FrontProxy
from calico_apiserver.exchange import Answer, Request
from calico_apiserver.refusals import RefusalError
from calico_apiserver.serving import Service
from calico_apiserver.store import Store
from cluster_api import client as client_module

from tests.conftest import LOADER
from tests.unit.standins.api_server import Plain, Reader, Server, serving

MANIFESTS = Path(__file__).parents[3] / "lab" / "standins" / "manifests"
FILES = {"3.24.5": "calico-3.24.5/tigera-operator.yaml", "3.32.1": "calico-3.32.1/operator-crds.yaml"}
NEWEST = "3.32.1"
PEERS, CONFIGURATIONS = "/apis/projectcalico.org/v3/bgppeers", "/apis/projectcalico.org/v3/bgpconfigurations"
APPLY = "application/apply-patch+yaml"


@functools.cache
def definitions(version: str) -> list[dict[str, Any]]:
    items = yaml.load_all((MANIFESTS / FILES[version]).read_text(), Loader=LOADER)
    return [item for item in items if item and item["kind"] == "CustomResourceDefinition"]


def served(version: str) -> dict[str, kinds.Kind]:
    return kinds.kinds(copy.deepcopy(definitions(version)))


class Memory:
    """Keeps objects as the definitions behind do: with their defaults, a version for each write, conflicts."""

    def __init__(self, defaults: dict[str, Any]) -> None:
        self.items: dict[str, dict[str, Any]] = {}
        self.defaults = defaults
        self.version = 0

    def find(self, kind: kinds.Kind, title: str) -> dict[str, Any] | None:
        found = self.items.get(title)
        return copy.deepcopy(kinds.shown(found, kind)) if found else None

    def list(self, kind: kinds.Kind, query: dict[str, str]) -> dict[str, Any]:  # noqa: ARG002
        return {
            "metadata": {"resourceVersion": str(self.version)},
            "items": [self.find(kind, title) for title in self.items],
        }

    def create(self, kind: kinds.Kind, item: dict[str, Any]) -> dict[str, Any]:
        title = item["metadata"]["name"]
        if title in self.items:
            raise refusals.exists(kind.resource, title)
        return self._write(kind, item)

    def replace(self, kind: kinds.Kind, item: dict[str, Any]) -> dict[str, Any]:
        title = item["metadata"]["name"]
        if item["metadata"]["resourceVersion"] != self.items[title]["metadata"]["resourceVersion"]:
            raise refusals.changed(kind.resource, title)
        return self._write(kind, item)

    def delete(self, kind: kinds.Kind, title: str) -> None:  # noqa: ARG002
        del self.items[title]

    def watch(self, kind: kinds.Kind, query: dict[str, str]) -> Iterator[dict[str, Any]]:  # noqa: ARG002
        yield from ({"type": "ADDED", "object": self.find(kind, title)} for title in self.items)

    def _write(self, kind: kinds.Kind, item: dict[str, Any]) -> dict[str, Any]:
        kept = json.loads(json.dumps(kinds.kept(item, kind)))
        kept["spec"] = self.defaults | kept.get("spec", {})
        self.version += 1
        kept["metadata"]["resourceVersion"] = str(self.version)
        self.items[item["metadata"]["name"]] = kept
        return copy.deepcopy(kinds.shown(kept, kind))


@pytest.fixture
def store() -> Memory:
    return Memory({})


@pytest.fixture
def service(store: Memory) -> Service:
    return Service(store, served(NEWEST), NEWEST)  # type: ignore[arg-type]


def peer(title: str = "frr-peer", **spec: Any) -> dict[str, Any]:
    return {"apiVersion": "projectcalico.org/v3", "kind": "BGPPeer", "metadata": {"name": title}, "spec": spec}


def ask(
    service: Service, method: str, path: str, body: Any = None, content: str = "application/json", **query: str
) -> Answer:
    return service.answer(Request(method, path, query, body, content, "application/json", "trial/1.0"))


def apply(service: Service, body: dict[str, Any], path: str = PEERS, **query: str) -> Answer:
    query = {"fieldManager": "kubepeer", "force": "true"} | query
    return ask(service, "PATCH", f"{path}/{body['metadata']['name']}", body, APPLY, **query)


@pytest.mark.cases("apply")
def test_server_side_apply(case: dict[str, Any]) -> None:
    schema = served(NEWEST)["bgpconfigurations" if "Aggregation" in str(case) else "bgppeers"].schema
    then, now = "2026-11-23T02:00:00Z", "2026-11-23T03:00:00Z"
    live = None
    if "live" in case:
        entries = [
            ownership.Owner(*title.split(" "), then, frozenset(tuple(path.split(".")) for path in paths))
            for title, paths in case.get("owners_before", {}).items()
        ]
        live = peer(**case["live"]["spec"])
        live["metadata"] |= case["live"].get("metadata", {}) | {"managedFields": ownership.written(entries)}
    wanted = peer(**case["applied"]["spec"])
    wanted["metadata"] |= case["applied"].get("metadata", {})
    before = copy.deepcopy(live)
    done = applying.apply(live, wanted, schema, "kubepeer", now, force=case.get("force", True))
    assert [str(conflict) for conflict in done.conflicts] == case.get("conflicts", [])
    assert live == before, "what was given is left as it is"
    if done.conflicts:
        return
    assert done.item["spec"] == case["result"]
    assert done.item["metadata"].get("labels", {}) == case.get("labels", {})
    held = {
        f"{one.manager} {one.operation}": sorted(".".join(path) for path in one.paths)
        for one in ownership.owners(done.item)
    }
    assert held == {title: sorted(paths) for title, paths in case["owners"].items()}
    assert (done.item == before) is case.get("unchanged", False)


@pytest.mark.cases("rules")
def test_calicos_own_rules(case: dict[str, Any]) -> None:
    assert rules.refusal(case["kind"], {"spec": case["spec"]}) == case["refusal"]


@pytest.mark.cases("selector")
def test_selectors_are_read_as_calico_node_reads_them(case: dict[str, Any]) -> None:
    if case.get("fails"):
        with pytest.raises(selectors.SelectorError):
            selectors.check(case["selector"])
    else:
        selectors.check(case["selector"])


def test_a_dry_run_checks_no_rule_and_a_write_does(service: Service, store: Memory) -> None:
    wrong = peer(node="a", nodeSelector="not a selector (")
    assert ask(service, "POST", PEERS, wrong, dryRun="All").code == HTTPStatus.CREATED
    assert apply(service, wrong, dryRun="All").code == HTTPStatus.CREATED
    assert store.items == {}
    for write in (lambda: ask(service, "POST", PEERS, wrong), lambda: apply(service, wrong)):
        with pytest.raises(RefusalError, match="Node field must be empty when NodeSelector is specified") as raised:
            write()
        assert raised.value.code == HTTPStatus.INTERNAL_SERVER_ERROR
    assert store.items == {}


def test_defaults_behind_stand_after_a_write_and_are_missing_in_a_dry_run(service: Service, store: Memory) -> None:
    store.defaults = {"logSeverityScreen": "Info", "serviceLoadBalancerAggregation": "Enabled"}
    body = {
        "apiVersion": "projectcalico.org/v3",
        "kind": "BGPConfiguration",
        "metadata": {"name": "default"},
        "spec": {"asNumber": 1},
    }
    made = ask(service, "POST", CONFIGURATIONS, body).body
    assert made["spec"] == {"asNumber": 1} | store.defaults
    again = body | {"metadata": made["metadata"]}
    assert ask(service, "PUT", f"{CONFIGURATIONS}/default", again, dryRun="All").body["spec"] == {"asNumber": 1}
    assert ask(service, "PUT", f"{CONFIGURATIONS}/default", again).body["spec"] == {"asNumber": 1} | store.defaults


@pytest.mark.parametrize("version", ["3.24.5", NEWEST])
def test_a_field_that_the_release_does_not_declare(version: str, store: Memory) -> None:
    service = Service(store, served(version), version)  # type: ignore[arg-type]
    body = peer(asNumber=64512, ttlSecurity=1, filters=["a"], tomorrow=1)
    gone = ["tomorrow"] if version == NEWEST else ["ttlSecurity", "filters", "tomorrow"]
    with pytest.raises(RefusalError, match="field not declared in schema") as raised:
        apply(service, body)
    assert raised.value.code == HTTPStatus.INTERNAL_SERVER_ERROR
    assert all(f".spec.{field}: field not declared in schema" in raised.value.message for field in gone)
    answer = ask(service, "POST", PEERS, body)
    assert answer.body["spec"].keys() == body["spec"].keys() - set(gone)
    assert answer.warnings == ([] if version == "3.24.5" else ['unknown field "spec.tomorrow"'])
    if version == NEWEST:
        with pytest.raises(RefusalError, match=r'strict decoding error: unknown field "spec.tomorrow"'):
            ask(service, "POST", PEERS, body, fieldValidation="Strict")


@pytest.mark.parametrize(("version", "longest"), [("3.24.5", None), (NEWEST, 4096)])
def test_how_long_a_selector_may_be_is_said_by_the_definition_behind(version: str, longest: int | None) -> None:
    (definition,) = (item for item in definitions(version) if item["metadata"]["name"].startswith("bgppeers.crd."))
    (one,) = definition["spec"]["versions"]
    spec_ = one["schema"]["openAPIV3Schema"]["properties"]["spec"]["properties"]
    assert spec_["nodeSelector"].get("maxLength") == longest


def test_what_the_definition_behind_refuses_is_an_error_without_a_code_of_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As a list of names that is longer than 4,096 bytes; the dry run does not ask there."""
    monkeypatch.setattr(client_module, "Connection", Plain)
    (tmp_path / "token").write_text("secret")
    with serving(Server()) as behind:
        behind.absent = {"/apis/crd.projectcalico.org/v1/bgppeers/frr-peer"}
        behind.writing = (422, "spec.nodeSelector: Too long: may not be more than 4096 bytes")
        service = Service(Store(Reader("127.0.0.1", behind.port, tmp_path)), served(NEWEST), NEWEST)
        long = peer(nodeSelector=" || ".join(f"kubernetes.io/hostname == 'node-{number}'" for number in range(200)))
        assert ask(service, "POST", PEERS, long, dryRun="All").code == HTTPStatus.CREATED
        with pytest.raises(RefusalError, match="may not be more than 4096 bytes") as raised:
            ask(service, "POST", PEERS, long)
        assert raised.value.code == HTTPStatus.INTERNAL_SERVER_ERROR


def test_an_as_number_as_a_text_is_refused(service: Service) -> None:
    with pytest.raises(RefusalError, match="cannot unmarshal string into Go struct field") as raised:
        ask(service, "POST", PEERS, peer(asNumber="64512"))
    assert raised.value.code == HTTPStatus.BAD_REQUEST
    with pytest.raises(RefusalError, match=r"\.spec\.asNumber: expected integer, got string") as raised:
        apply(service, peer(asNumber="64512"))
    assert raised.value.code == HTTPStatus.INTERNAL_SERVER_ERROR
    assert ask(service, "POST", PEERS, peer(asNumber=4200000001)).body["spec"]["asNumber"] == 4200000001


def test_applying_the_same_again_writes_nothing(service: Service, store: Memory) -> None:
    store.defaults = {"sourceAddress": "UseNodeIP"}
    apply(service, peer(asNumber=64512))
    version = store.version
    assert apply(service, peer(asNumber=64512)).body["spec"] == {"asNumber": 64512, "sourceAddress": "UseNodeIP"}
    assert store.version == version


def test_a_replacement_names_the_version_that_it_replaces(service: Service) -> None:
    made = ask(service, "POST", PEERS, peer(asNumber=64512)).body
    with pytest.raises(RefusalError, match="must be specified for an update"):
        ask(service, "PUT", f"{PEERS}/frr-peer", peer(asNumber=1))
    ask(service, "PUT", f"{PEERS}/frr-peer", made | {"spec": {"asNumber": 2}})
    with pytest.raises(RefusalError, match="the object has been modified") as raised:
        ask(service, "PUT", f"{PEERS}/frr-peer", made | {"spec": {"asNumber": 3}})
    assert (raised.value.code, raised.value.reason) == (HTTPStatus.CONFLICT, "Conflict")


def test_a_replacement_takes_away_what_it_does_not_hold(service: Service) -> None:
    """Why a PUT of the whole object takes away what the operator had set."""
    made = ask(service, "POST", PEERS, peer(asNumber=64512, maxRestartTime="120s")).body
    assert ask(service, "PUT", f"{PEERS}/frr-peer", made | {"spec": {"asNumber": 64512}}).body["spec"] == {
        "asNumber": 64512
    }


def test_a_merge_patch_and_those_that_are_not_there(service: Service) -> None:
    ask(service, "POST", PEERS, peer(asNumber=64512, maxRestartTime="120s"))
    change = {"spec": {"maxRestartTime": None, "keepOriginalNextHop": True}}
    merged = ask(service, "PATCH", f"{PEERS}/frr-peer", change, "application/merge-patch+json").body
    assert merged["spec"] == {"asNumber": 64512, "keepOriginalNextHop": True}
    for content in ("application/json-patch+json", "application/strategic-merge-patch+json"):
        with pytest.raises(RefusalError) as raised:
            ask(service, "PATCH", f"{PEERS}/frr-peer", [], content)
        assert raised.value.code == HTTPStatus.UNSUPPORTED_MEDIA_TYPE


def test_an_object_is_listed_followed_and_deleted(service: Service, store: Memory) -> None:
    made = ask(service, "POST", PEERS, peer(asNumber=64512)).body
    assert [item["metadata"]["name"] for item in ask(service, "GET", PEERS).body["items"]] == ["frr-peer"]
    events = ask(service, "GET", PEERS, watch="true").events
    assert events is not None
    assert [event["object"]["apiVersion"] for event in events] == ["projectcalico.org/v3"]
    with pytest.raises(RefusalError) as raised:
        ask(service, "DELETE", f"{PEERS}/frr-peer", {"preconditions": {"uid": "another"}})
    assert raised.value.code == HTTPStatus.CONFLICT
    ask(service, "DELETE", f"{PEERS}/frr-peer", {"preconditions": {"uid": made["metadata"]["uid"]}}, dryRun="All")
    assert list(store.items) == ["frr-peer"]
    ask(service, "DELETE", f"{PEERS}/frr-peer")
    for method in ("GET", "DELETE"):
        with pytest.raises(RefusalError, match=r'bgppeers\.projectcalico\.org "frr-peer" not found'):
            ask(service, method, f"{PEERS}/frr-peer")


def test_what_is_kept_is_what_calico_node_reads() -> None:
    kind = served(NEWEST)["bgppeers"]
    item = peer(asNumber=64512)
    item["metadata"] |= {"uid": "u", "creationTimestamp": "t", "labels": {"a": "b"}, "annotations": {"c": "d"}}
    kept = kinds.kept(item, kind)
    assert (kept["apiVersion"], kept["spec"]) == ("crd.projectcalico.org/v1", {"asNumber": 64512})
    assert json.loads(kept["metadata"]["annotations"][kinds.METADATA]) == {"uid": "u", "creationTimestamp": "t"}
    kept["metadata"] |= {"uid": "another", "resourceVersion": "7"}
    assert kinds.shown(kept, kind) == item | {"metadata": item["metadata"] | {"resourceVersion": "7"}}


@pytest.mark.parametrize("version", list(FILES))
def test_a_release_serves_what_it_defines(version: str, store: Memory) -> None:
    known = served(version)
    assert ("bgpfilters" in known) is (version == NEWEST)
    service = Service(store, known, version)  # type: ignore[arg-type]
    listed = ask(service, "GET", "/apis/projectcalico.org/v3").body["resources"]
    assert {one["name"] for one in listed} == set(known)
    document = ask(service, "GET", "/openapi/v3/apis/projectcalico.org/v3").body
    fields = document["components"]["schemas"]["com.github.projectcalico.api.pkg.apis.projectcalico.v3.BGPPeerSpec"][
        "properties"
    ]
    assert ("ttlSecurity" in fields) is (version == NEWEST)
    assert fields["asNumber"] == {"type": "integer", "format": "int64"}
    assert not {"default", "enum", "pattern", "maxLength", "x-kubernetes-validations"} & set(
        _keywords(known["bgppeers"].schema)
    )
    assert documents.openapi_2(known.values(), version)["swagger"] == "2.0"
    with pytest.raises(RefusalError) as raised:
        service.answer(
            Request("GET", "/apis", {}, accept="application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList")
        )
    assert raised.value.code == HTTPStatus.NOT_ACCEPTABLE


def _keywords(schema: dict[str, Any]) -> Iterator[str]:
    yield from schema
    for inner in (schema.get("properties") or {}).values():
        yield from _keywords(inner)


@pytest.mark.parametrize(
    ("names", "certificate", "known"),
    [
        (("front-proxy-client",), {"subject": ((("commonName", "front-proxy-client"),),)}, True),
        (("front-proxy-client",), {"subject": ((("commonName", "somebody"),),)}, False),
        ((), {"subject": ((("commonName", "somebody"),),)}, True),
        ((), None, False),
        ((), {}, False),
    ],
)
def test_only_the_front_proxy_is_listened_to(names: tuple[str, ...], certificate: object, *, known: bool) -> None:
    assert FrontProxy("", names).knows(certificate) is known


def test_a_value_that_is_missing_has_no_type_and_a_flag_is_no_number() -> None:
    schema = served(NEWEST)["bgppeers"].schema
    assert list(schemas.mistyped({"spec": {"asNumber": None}}, schema)) == []
    assert list(schemas.mistyped({"spec": {"asNumber": True}}, schema)) == [(".spec.asNumber", "integer", "bool")]


def test_metadata_alone_for_whom_asks_for_no_more(service: Service) -> None:
    """Kubernetes' garbage collector follows every kind this way."""
    ask(service, "POST", PEERS, peer(asNumber=64512))
    accept = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1"
    listed = service.answer(Request("GET", PEERS, {}, accept=accept)).body
    assert (listed["kind"], listed["apiVersion"]) == ("PartialObjectMetadataList", "meta.k8s.io/v1")
    events = service.answer(Request("GET", PEERS, {"watch": "true"}, accept=accept)).events
    assert events is not None
    for item in (*listed["items"], *(event["object"] for event in events)):
        assert item.keys() == {"apiVersion", "kind", "metadata"}
        assert (item["kind"], item["metadata"]["name"]) == ("PartialObjectMetadata", "frr-peer")
