"""Objects of the API that are not as they should be: refused in one line, or nothing is expected that they do not say."""

import dataclasses
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from kubepeer.errors import CommandError
from tasks.routes import metallb, metallb_cluster
from tasks.routes.cluster import items, read_objects
from tasks.routes.expected import Announced, ClusterObjects, announced
from tests.unit.fuzz.mangling import KINDS, changed, fuzzed, paths, read_or_refused
from tests.unit.routes import test_expected, test_metallb

CASES = {path.stem: yaml.safe_load(path.read_text(encoding="utf-8")) for path in test_expected.CASES}
FOR_METALLB = {
    path.stem: yaml.safe_load(path.read_text(encoding="utf-8"))
    for path in sorted((Path(test_metallb.__file__).parent / "metallb").glob("*.yaml"))
}
GONE = st.booleans()
values = st.sampled_from(KINDS)
LISTS = ("nodes", "block_affinities", "ip_pools", "ipam_blocks", "services", "endpoints", "bgp_peers")


def as_documents(objects: Any) -> dict[str, Any]:
    """The objects as JSON has them."""
    found: dict[str, Any] = json.loads(json.dumps(dataclasses.asdict(objects), default=sorted))
    return found


def as_objects(kind: Any, documents: dict[str, Any]) -> Any:
    """The same as the API's readers hand them on: each list is one, whatever is in it."""
    return kind(**{key: tuple(value) if isinstance(value, list) else value for key, value in documents.items()})


def made_up(found: Announced, documents: Any) -> list[str]:
    """The prefixes and next hops that stand nowhere in the objects."""
    text = json.dumps(documents)
    said = {str(hop) for route in found.routes for hop in route.next_hops} | {str(hop) for hop in found.speakers}
    return [one for one in said if one not in text]


@fuzzed
@given(name=st.sampled_from(sorted(CASES)), of=st.sampled_from(LISTS), path=paths, value=values, gone=GONE)
def test_nothing_is_expected_that_calicos_objects_do_not_say(
    name: str, of: str, path: tuple[int, ...], value: Any, gone: Any
) -> None:
    documents = as_documents(test_expected.objects(CASES[name]))
    mangled = {**documents, of: [changed(one, path, value, gone=gone) for one in documents[of]]}
    objects = as_objects(ClusterObjects, {**mangled, "bgp_filters": frozenset(mangled["bgp_filters"])})
    found = read_or_refused(lambda: announced(objects, families=CASES[name].get("families", (4,))), Announced())
    assert made_up(found, mangled) == []


@fuzzed
@given(name=st.sampled_from(sorted(CASES)), path=paths, value=values, gone=GONE)
def test_a_configuration_that_is_mangled_is_read_or_refused(
    name: str, path: tuple[int, ...], value: Any, gone: Any
) -> None:
    objects = test_expected.objects(CASES[name])
    mangled = dataclasses.replace(objects, bgp_configuration=changed(objects.bgp_configuration, path, value, gone=gone))
    found = read_or_refused(lambda: announced(mangled, families=CASES[name].get("families", (4,))), Announced())
    assert made_up(found, as_documents(objects)) == []


@fuzzed
@given(name=st.sampled_from(sorted(FOR_METALLB)), data=st.data(), path=paths, value=values, gone=GONE)
def test_nothing_is_expected_that_metallbs_objects_do_not_say(
    name: str, data: Any, path: tuple[int, ...], value: Any, gone: Any
) -> None:
    case = FOR_METALLB[name]
    documents = as_documents(test_metallb.objects(case))
    of = data.draw(st.sampled_from([key for key, one in documents.items() if isinstance(one, list) and one]))
    mangled = {**documents, of: [changed(one, path, value, gone=gone) for one in documents[of]]}
    objects = as_objects(metallb.MetalLBObjects, mangled)
    found = read_or_refused(lambda: metallb.announced(objects, test_metallb.ROUTER, test_metallb.NETWORK), Announced())
    assert made_up(found, mangled) == []


class Mangled:
    """An API of which one answer is another than it should be."""

    def __init__(self, which: int, path: tuple[int, ...], value: Any, *, gone: Any, raw: Any) -> None:
        self.which, self.change = which, (path, value, gone)
        self.raw = raw
        self.asked: list[str] = []

    def get(self, path: str, query: Any = None) -> Any:
        answer: Any = {"items": [SERVICE], "metadata": {}, "spec": {}}
        self.asked = sorted({*self.asked, path})
        if path != self.asked[self.which % len(self.asked)] or (query or {}).get("continue"):
            return {**answer, "metadata": {}}
        where, value, gone = self.change
        return value if self.raw else changed(answer, where, value, gone=gone)


SERVICE = {
    "metadata": {"namespace": "default", "name": "web", "labels": {}},
    "spec": {
        "type": "LoadBalancer",
        "clusterIP": "10.33.130.1",
        "externalTrafficPolicy": "Local",
        "cidr": "10.0.0.0/24",
    },
    "status": {"loadBalancer": {"ingress": [{"ip": "10.33.192.80"}]}},
}


@pytest.mark.parametrize("read", [read_objects, metallb_cluster.read_objects])
@fuzzed
@given(which=st.integers(0, 20), path=paths, value=values, gone=GONE, raw=GONE)
def test_an_api_that_answers_something_else_is_read_or_refused(
    read: Callable[[Any], Any], which: int, path: tuple[int, ...], value: Any, gone: Any, raw: Any
) -> None:
    api = Mangled(which, path, value, gone=gone, raw=raw)
    read_or_refused(lambda: read(api), None)
    assert api.asked


@pytest.mark.parametrize("answer", ["<html>", {}, {"kind": "Status"}, {"items": {}}, {"items": "x"}, [], 5, True])
def test_what_is_no_list_is_never_an_empty_one(answer: Any) -> None:
    """An empty list of blocks would have none of them missed."""

    class Api:
        def get(self, *_: Any) -> Any:
            return answer

    with pytest.raises(CommandError, match="GET /api/v1/nodes is no list of objects"):
        items(Api(), "/api/v1/nodes")


@pytest.mark.parametrize("answer", [{"items": None}, {"items": []}])
def test_an_empty_list_is_one(answer: Any) -> None:
    class Api:
        def get(self, *_: Any) -> Any:
            return answer

    assert items(Api(), "/api/v1/nodes") == []
