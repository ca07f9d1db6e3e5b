"""Discovery and OpenAPI: what clients ask before they ask for an object."""

from collections.abc import Iterable
from typing import Any

from cluster_api.objects import Json

from calico_apiserver.kinds import GROUP, VERSION, Kind

_PACKAGE = "com.github.projectcalico.api.pkg.apis.projectcalico.v3"
_META = "io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta"
_VERBS = ["create", "delete", "get", "list", "patch", "update", "watch"]
_GROUP = {
    "name": GROUP,
    "versions": [{"groupVersion": f"{GROUP}/{VERSION}", "version": VERSION}],
    "preferredVersion": {"groupVersion": f"{GROUP}/{VERSION}", "version": VERSION},
}


def groups() -> Json:
    """Write /apis."""
    return {"kind": "APIGroupList", "apiVersion": "v1", "groups": [_GROUP]}


def group() -> Json:
    """Write /apis/projectcalico.org."""
    return {"kind": "APIGroup", "apiVersion": "v1", **_GROUP}


def resources(kinds: Iterable[Kind]) -> Json:
    """Write /apis/projectcalico.org/v3."""
    entries = [
        {"name": one.plural, "singularName": one.kind.lower(), "namespaced": False, "kind": one.kind, "verbs": _VERBS}
        for one in kinds
    ]
    return {"kind": "APIResourceList", "apiVersion": "v1", "groupVersion": f"{GROUP}/{VERSION}", "resources": entries}


def openapi_3_index() -> Json:
    """Write /openapi/v3."""
    path = f"apis/{GROUP}/{VERSION}"
    return {"paths": {path: {"serverRelativeURL": f"/openapi/v3/{path}"}}}


def openapi_3(kinds: Iterable[Kind], version: str) -> Json:
    """Write /openapi/v3/apis/projectcalico.org/v3."""
    known = list(kinds)
    schemas = _schemas(known, "#/components/schemas/")
    paths = {
        _place(one, "/{name}"): {
            method: {
                "operationId": f"{method}ProjectcalicoOrgV3{one.kind}",
                "parameters": [{"name": name, "in": "query", "schema": {"type": "string"}} for name in _PARAMETERS],
                "responses": {"200": {"description": "OK"}},
                "x-kubernetes-group-version-kind": _gvk(one),
                "x-kubernetes-action": action,
            }
            for method, action in (("get", "get"), ("put", "put"), ("patch", "patch"), ("delete", "delete"))
        }
        for one in known
    }
    information = {"title": "Calico API server (stand-in)", "version": version}
    return {"openapi": "3.0.0", "info": information, "paths": paths, "components": {"schemas": schemas}}


_PARAMETERS = ("dryRun", "fieldManager", "fieldValidation", "force")


def openapi_2(kinds: Iterable[Kind], version: str) -> Json:
    """Write /openapi/v2, which kube-apiserver merges into its own."""
    known = list(kinds)
    paths = {
        _place(one, "/{name}"): {
            "get": {
                "operationId": f"readProjectcalicoOrgV3{one.kind}",
                "produces": ["application/json"],
                "responses": {"200": {"description": "OK", "schema": {"$ref": f"#/definitions/{_name(one)}"}}},
                "x-kubernetes-group-version-kind": _gvk(one),
                "x-kubernetes-action": "get",
            },
            "parameters": [{"name": "name", "in": "path", "required": True, "type": "string", "uniqueItems": True}],
        }
        for one in known
    }
    information = {"title": "Calico API server (stand-in)", "version": version}
    return {"swagger": "2.0", "info": information, "paths": paths, "definitions": _schemas(known, "#/definitions/")}


def _place(kind: Kind, name: str) -> str:
    return f"/apis/{GROUP}/{VERSION}/{kind.plural}{name}"


def _name(kind: Kind, part: str = "") -> str:
    return f"{_PACKAGE}.{kind.kind}{part}"


def _gvk(kind: Kind) -> Json:
    return {"group": GROUP, "version": VERSION, "kind": kind.kind}


def _schemas(kinds: list[Kind], prefix: str) -> Json:
    schemas: Json = {
        _META: {
            "type": "object",
            "properties": {"name": {"type": "string"}},
            "x-kubernetes-preserve-unknown-fields": True,
        }
    }
    for one in kinds:
        properties: Json = one.schema["properties"]
        schemas[_name(one, "Spec")] = properties["spec"]
        schemas[_name(one)] = {
            "type": "object",
            "properties": {
                "apiVersion": {"type": "string"},
                "kind": {"type": "string"},
                "metadata": _reference(f"{prefix}{_META}"),
                "spec": _reference(f"{prefix}{_name(one, 'Spec')}"),
            },
            "x-kubernetes-group-version-kind": [_gvk(one)],
        }
    return schemas


def _reference(place: str) -> dict[str, Any]:
    if place.startswith("#/definitions/"):
        return {"$ref": place}
    return {"default": {}, "allOf": [{"$ref": place}]}
