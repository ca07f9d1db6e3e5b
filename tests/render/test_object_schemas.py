"""The objects of the cluster against the description that Kubernetes 1.20.2, the lab's release, gives of itself.

Calico's and PureLB's own kinds are in nobody's hands here without a network: they are named, so that a new kind is noticed. The lab's
API server judges those by the definitions of its stand-ins.
"""

from collections.abc import Iterator
from typing import Any

import pytest
import yaml

from lab.places import Cache
from tests.conftest import unavailable
from tests.render.schema import Schema
from tests.render.variants import VARIANTS, rendered

CUSTOM = {"Installation", "APIServer", "BGPConfiguration", "BGPPeer", "ServiceGroup"}
NEWER = {  # fields that came after 1.20, each with the release that first serves it: templates/cluster/workload.yaml.j2
    "Service nginx-lb-service: .spec.internalTrafficPolicy is unknown",  # 1.21
    "Service nginx-lb2-service: .spec.internalTrafficPolicy is unknown",
}
POD = {
    "apiVersion": "v1",
    "kind": "Pod",
    "metadata": {"name": "a"},
    "spec": {"containers": [{"name": "a", "livenessProbe": {"httpGet": {"port": 8443}}}], "hostNetwork": True},
}


@pytest.fixture(scope="module")
def schema(cache: Cache) -> Schema:
    swagger = cache.kubernetes / "source" / "api" / "openapi-spec" / "swagger.json"
    if not swagger.exists():
        unavailable("the source of Kubernetes is not unpacked: python -m lab build")
    return Schema(swagger)


def manifests(variant: str, intent: Any) -> Iterator[dict[str, Any]]:
    for name, text in rendered(variant, intent).items():
        if name.startswith(("cluster/", "control_plane/kubernetes/manifests/")):
            yield from yaml.safe_load_all(text)


@pytest.mark.parametrize("variant", VARIANTS)
def test_every_object_is_one_that_kubernetes_describes(variant: str, schema: Schema, intent_of: Any) -> None:
    found = list(manifests(variant, intent_of(**VARIANTS[variant])))
    ours = [manifest for manifest in found if schema.serves(manifest)]
    assert {manifest["kind"] for manifest in found if not schema.serves(manifest)} == CUSTOM
    assert {"Pod", "Namespace", "Deployment", "Service"} <= {manifest["kind"] for manifest in ours}
    said = {
        f"{manifest['kind']} {manifest['metadata']['name']}: {line}"
        for manifest in ours
        for line in schema.complaints(manifest)
    }
    assert said == (set() if variant == "lab" else NEWER)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        pytest.param({}, [], id="as_it_is"),
        pytest.param({"hostNetworks": True}, [".spec.hostNetworks is unknown"], id="unknown_key"),
        pytest.param({"hostNetwork": "true"}, [".spec.hostNetwork: 'true' is no boolean"], id="text_for_a_boolean"),
        pytest.param({"containers": {}}, [".spec.containers: a list is expected"], id="mapping_for_a_list"),
        pytest.param({"containers": [{}]}, [".spec.containers[0].name is missing"], id="missing_key"),
        pytest.param({"nodeSelector": {"a": 1}}, [".spec.nodeSelector.a: 1 is no string"], id="number_for_a_text"),
    ],
)
def test_the_description_would_say_no(schema: Schema, change: dict[str, Any], says: list[str]) -> None:
    assert schema.complaints(POD | {"spec": POD["spec"] | change}) == says  # type: ignore[operator]
