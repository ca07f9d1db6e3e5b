"""kubeadm's ClusterConfiguration as the cluster keeps it (ConfigMap kubeadm-config): who joins or is upgraded gets it from there. Pure.

Ours are the names in the certificate, the arguments and volumes of the components, and an external etcd; all else stays as it stands. So it
is written by the API rather than by `kubeadm init phase upload-config`, which writes it whole.
"""

import copy
from collections.abc import Mapping
from typing import Any

import yaml

from kubepeer import safe_yaml
from kubepeer.intent import Intent
from tasks.control_plane.kubeadm import names_of_endpoint
from tasks.control_plane.settings import Given, cluster_fields, in_form

CONFIG_MAP, KEY = "/api/v1/namespaces/kube-system/configmaps/kubeadm-config", "ClusterConfiguration"
FORM_OF_LISTS = "v1beta3"  # the last API of kubeadm whose arguments are a mapping
OWNED: Mapping[str, tuple[str, ...]] = {
    "apiServer": ("extraArgs", "extraVolumes"),
    "controllerManager": ("extraArgs",),
    "scheduler": ("extraArgs",),
}
Fields = dict[str, Any]


def planned(intent: Intent, given: Given, text: str) -> tuple[str, str] | None:
    """What stands and what should stand, in one form; None where nothing of ours is otherwise.

    Args:
        intent: what is wanted.
        given: what the inventory points to.
        text: as the cluster keeps it.

    """
    stands: Fields = safe_yaml.load(text) or {}
    after = copy.deepcopy(stands)
    added = cluster_fields(intent, given)
    server = after.setdefault("apiServer", {})
    names = [*dict.fromkeys([*names_of_endpoint(intent.cluster), *intent.kubeadm.cert_sans])]
    if server.get("certSANs") != names:
        server["certSANs"] = names
    lists = not str(stands.get("apiVersion", "")).endswith(FORM_OF_LISTS)
    for section, fields in OWNED.items():
        _put(after.setdefault(section, {}), {name: added.get(section, {}).get(name) for name in fields}, lists=lists)
    etcd = after.setdefault("etcd", {})
    external = added.get("etcd", {}).get("external")
    if external is not None:
        etcd["external"] = external
    elif "local" in etcd:
        arguments = added.get("etcd", {}).get("local", {}).get("extraArgs")
        _put(etcd["local"], {"extraArgs": arguments}, lists=lists)
    for section in ("controllerManager", "scheduler", "etcd"):  # what stands empty, or not at all, says the same
        if not after[section] and section not in stands:
            del after[section]
    return None if after == stands else (_as_text(stands), _as_text(after))


def _put(section: Fields, wanted: Mapping[str, Any], *, lists: bool) -> None:
    """Each field as it is wanted, or not at all; one that says the same already stays in its form."""
    for name, value in wanted.items():
        if _plain(section.get(name)) == _plain(value):
            continue
        if value is None:
            section.pop(name, None)
        else:
            section[name] = in_form(_pairs(value), v1beta4=lists) if name == "extraArgs" else value


def _pairs(arguments: Any) -> list[tuple[str, str]]:
    if isinstance(arguments, dict):
        return sorted(arguments.items())
    return [(one["name"], one["value"]) for one in arguments]


def _plain(value: Any) -> Any:
    """Arguments of either form, and volumes, so that they compare."""
    if not value:
        return None
    if isinstance(value, dict) or "value" in value[0]:
        return sorted(_pairs(value))
    return sorted(value, key=lambda volume: str(volume.get("name")))


def _as_text(document: Fields) -> str:
    return yaml.safe_dump(document, sort_keys=True, default_flow_style=False)
