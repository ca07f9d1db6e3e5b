"""An object that stands as it was applied is known without a question; in every doubt the API is asked."""

import copy
from collections.abc import Callable
from typing import Any

import pytest

from tasks.cluster.applied import stands_as_applied

WANTED: dict[str, Any] = {
    "apiVersion": "apps/v1",
    "kind": "Deployment",
    "metadata": {"name": "web", "namespace": "shop", "labels": {"app": "web"}},
    "spec": {
        "replicas": 2,
        "template": {
            "spec": {
                "containers": [
                    {"name": "web", "image": "web:1", "ports": [{"containerPort": 80, "protocol": "TCP"}]},
                    {"name": "log", "image": "log:1", "args": ["-v"]},
                ],
                "nodeSelector": {"disk": "fast"},
            }
        },
    },
}
# As kube-apiserver writes it for the object above (Kubernetes: Server-Side Apply).
OWNED: dict[str, Any] = {
    "f:metadata": {"f:labels": {"f:app": {}}},
    "f:spec": {
        "f:replicas": {},
        "f:template": {
            "f:spec": {
                "f:containers": {
                    'k:{"name":"log"}': {".": {}, "f:args": {}, "f:image": {}, "f:name": {}},
                    'k:{"name":"web"}': {
                        ".": {},
                        "f:image": {},
                        "f:name": {},
                        "f:ports": {
                            'k:{"containerPort":80,"protocol":"TCP"}': {
                                ".": {},
                                "f:containerPort": {},
                                "f:protocol": {},
                            }
                        },
                    },
                },
                "f:nodeSelector": {},
            }
        },
    },
}


def standing() -> dict[str, Any]:
    """The object as the API has it: with defaults of its own, the status, and a field of another manager."""
    stands = copy.deepcopy(WANTED)
    stands["metadata"] |= {
        "uid": "1",
        "generation": 3,
        "annotations": {"deployment.kubernetes.io/revision": "1"},
        "managedFields": [
            {
                "manager": "kubepeer",
                "operation": "Apply",
                "apiVersion": "apps/v1",
                "fieldsType": "FieldsV1",
                "fieldsV1": copy.deepcopy(OWNED),
            },
            {"manager": "kube-controller-manager", "operation": "Update", "apiVersion": "apps/v1", "fieldsV1": {}},
        ],
    }
    stands["spec"]["revisionHistoryLimit"] = 10
    stands["spec"]["template"]["spec"]["containers"][0]["imagePullPolicy"] = "IfNotPresent"
    stands["spec"]["template"]["spec"]["containers"].append({"name": "sidecar", "image": "mesh:1"})
    stands["status"] = {"replicas": 2}
    return stands


def containers(manifest: dict[str, Any]) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = manifest["spec"]["template"]["spec"]["containers"]
    return found


def test_what_others_have_added_is_no_doubt() -> None:
    assert stands_as_applied(WANTED, standing())


DOUBTS: dict[str, Callable[[dict[str, Any], dict[str, Any]], object]] = {
    "a value was changed by hand": lambda _, stands: stands["spec"].update(replicas=3),
    "a field went": lambda _, stands: stands["spec"].pop("replicas"),
    "a label was changed": lambda _, stands: stands["metadata"]["labels"].update(app="shop"),
    "a value is new": lambda wanted, _: wanted["spec"].update(replicas=3),
    "a field is new": lambda wanted, _: wanted["spec"].update(paused=False),
    "a field is not wanted any more": lambda wanted, _: wanted["spec"].pop("replicas"),
    "no label is wanted any more": lambda wanted, _: wanted["metadata"].pop("labels"),
    "an annotation is new": lambda wanted, _: wanted["metadata"].update(annotations={"a": "b"}),
    "an item is not wanted any more": lambda wanted, _: containers(wanted).pop(),
    "an item is new": lambda wanted, _: containers(wanted).append({"name": "sidecar", "image": "mesh:1"}),
    "an item went": lambda _, stands: containers(stands).pop(1),
    "a field of an item differs": lambda _, stands: containers(stands)[1].update(image="log:0"),
    "a key of an item's own list differs": lambda _, stands: containers(stands)[0]["ports"][0].update(containerPort=81),
    "the items stand in another order": lambda _, stands: containers(stands).reverse(),
    "somebody has added to what is replaced whole": lambda _, stands: stands["spec"]["template"]["spec"][
        "nodeSelector"
    ].update(zone="a"),
    "a plain list differs": lambda _, stands: containers(stands)[1].update(args=["-v", "-v"]),
    "it was never applied by us": lambda _, stands: stands["metadata"]["managedFields"].pop(0),
    "nobody says who owns what": lambda _, stands: stands["metadata"].pop("managedFields"),
    "it was applied in another version": lambda _, stands: stands["metadata"]["managedFields"][0].update(
        apiVersion="apps/v1beta1"
    ),
    "it is of another kind": lambda _, stands: stands.update(kind="StatefulSet"),
}


@pytest.mark.parametrize("doubt", DOUBTS)
def test_in_doubt_the_api_is_asked(doubt: str) -> None:
    wanted, stands = copy.deepcopy(WANTED), standing()
    DOUBTS[doubt](wanted, stands)
    assert not stands_as_applied(wanted, stands)


def test_a_set_of_values_is_for_the_api_to_judge_once_it_differs() -> None:
    wanted = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "a", "finalizers": ["ours"]}}
    owned = {"f:metadata": {"f:finalizers": {'v:"ours"': {}}}}
    entry = {"manager": "kubepeer", "operation": "Apply", "apiVersion": "v1", "fieldsV1": owned}
    stands = {**wanted, "metadata": {"name": "a", "finalizers": ["ours"], "managedFields": [entry]}}
    assert stands_as_applied(wanted, stands)
    stands["metadata"]["finalizers"] = ["ours", "theirs"]
    assert not stands_as_applied(wanted, stands)
