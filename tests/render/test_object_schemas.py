"""The objects of the cluster against the description that Kubernetes, in the lab's release, gives of itself.

Calico's kinds are judged by the CRDs that the project publishes: test_published_crds.py. PureLB's are in nobody's hands here without a
network: the lab's API server judges those by the definitions of its stand-ins.
"""

from collections.abc import Iterator
from typing import Any

import pytest
import yaml

from lab.places import Cache
from tests.conftest import unavailable, untouched
from tests.render.schema import Schema
from tests.render.variants import VARIANTS, rendered

CUSTOM = {  # groups of other projects: a new one is noticed here
    "operator.tigera.io",
    "projectcalico.org",
    "crd.projectcalico.org",
    "purelb.io",
    "metallb.io",  # judged by MetalLB's own definitions: test_metallb_objects.py
}
POD = {
    "apiVersion": "v1",
    "kind": "Pod",
    "metadata": {"name": "a"},
    "spec": {"containers": [{"name": "a", "livenessProbe": {"httpGet": {"port": 8443}}}], "hostNetwork": True},
}


@pytest.fixture(scope="module")
def schema(cache: Cache) -> Schema:
    module = f"kubernetes@v{untouched('lab').software.kubernetes}"
    swagger = cache.path / "go" / "modules" / "k8s.io" / module / "api" / "openapi-spec" / "swagger.json"
    if not swagger.exists():
        unavailable(f"the lab has not built its Kubernetes ({swagger} is not there): python -m lab build")
    return Schema.of_release(swagger)


def manifests(variant: str, intent: Any) -> Iterator[dict[str, Any]]:
    for name, text in rendered(variant, intent).items():
        if name.startswith(("cluster/", "control_plane/kubernetes/manifests/")):
            yield from yaml.safe_load_all(text)


def group(manifest: dict[str, Any]) -> str:
    return str(manifest["apiVersion"]).rpartition("/")[0]


@pytest.mark.parametrize("variant", VARIANTS)
def test_every_object_is_one_that_kubernetes_describes(variant: str, schema: Schema, intent_of: Any) -> None:
    found = list(manifests(variant, intent_of(**VARIANTS[variant])))
    ours = [manifest for manifest in found if schema.serves(manifest)]
    assert {group(manifest) for manifest in found if not schema.serves(manifest)} <= CUSTOM
    assert {"Pod", "Namespace", "Deployment", "Service"} <= {manifest["kind"] for manifest in ours}
    said = {
        f"{manifest['kind']} {manifest['metadata']['name']}: {line}"
        for manifest in ours
        for line in schema.complaints(manifest)
    }
    assert said == set()


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
