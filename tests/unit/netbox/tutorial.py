"""The cluster of the tutorial as NetBox has it: answers of the shape of its API, and the table that maps them."""

import copy
import json
from pathlib import Path
from typing import Any

import yaml

from kubepeer.given import Given
from kubepeer.sources.answers import Answers
from kubepeer.sources.mapping import inventory_of
from kubepeer.sources.options import Map
from tests.conftest import CHECKOUT, DUMPER, LOADER, merged

HERE = Path(__file__).parent
LISTS = {
    "devices": "dcim/devices",
    "addresses": "ipam/ip-addresses",
    "prefixes": "ipam/prefixes",
    "as_numbers": "ipam/asns",
    "sites": "dcim/sites",
    "locations": "dcim/locations",
    "racks": "dcim/racks",
}
TABLE: dict[str, Any] = {
    "roles": {"k8s-control-plane": "control_plane", "k8s-worker": "worker", "upstream-router": "routers", "pdu": None},
    "platforms": {"frrouting": "frr", "bird": "bird"},
    "routers": {"as_number": "custom_fields.bgp_asn"},
    "networks": {
        "nodes": "k8s-nodes",
        "pods": "k8s-pods",
        "services": "k8s-services",
        "load_balancers": "k8s-load-balancers",
    },
    "as_number": "k8s-calico",
}
URL = "https://netbox.example.org"


def seed(folder: str = "seed") -> dict[str, list[dict[str, Any]]]:
    """The lists, by the names that cases have for them."""
    found: dict[str, list[dict[str, Any]]] = {name: [] for name in LISTS}
    for name, path in LISTS.items():
        file = HERE / folder / f"{path.partition('/')[2]}.json"
        if file.exists():
            found[name] = json.loads(file.read_text(encoding="utf-8"))["results"]
    return found


def edited(lists: dict[str, list[dict[str, Any]]], edit: dict[str, Any]) -> dict[str, list[dict[str, Any]]]:
    """The lists with an edit: list -> display of an object -> what is laid over it; ~ takes it away, `like` copies another."""
    found = copy.deepcopy(lists)
    for name, things in edit.items():
        for display, change in things.items():
            at = next((number for number, one in enumerate(found[name]) if one["display"] == display), None)
            if change is None:
                assert at is not None, f"{name} has no {display}"
                del found[name][at]
            elif at is None:
                like = next((one for one in found[name] if one["display"] == change.get("like")), {})
                new = merged(like, {**change, "like": None, "display": display, "display_url": None})
                found[name].append(new)
            else:
                found[name][at] = _over(found[name][at], change)
    return found


def _over(below: Any, above: Any) -> Any:
    """As in the other tables, but that ~ is a value here: NetBox has null where nothing is entered; "gone" takes a key away."""
    if not isinstance(below, dict) or not isinstance(above, dict):
        return copy.deepcopy(above)
    found = dict(below)
    for key, value in above.items():
        found[key] = _over(below.get(key), value)
    return {key: value for key, value in found.items() if value != "gone"}


def groups_file(edit: dict[str, Any] | None = None) -> dict[str, Any]:
    """The shipped groups without what is said of the cluster: that comes from NetBox."""
    document = yaml.load((CHECKOUT / "inventory/groups.yaml").read_text(encoding="utf-8"), Loader=LOADER)  # noqa: S506
    del document["fabric"]["data"]
    return merged(document, edit or {})


def mapped(
    lists: dict[str, list[dict[str, Any]]], table: dict[str, Any], groups: dict[str, Any], source: str = "NetBox"
) -> Given:
    """What the answers come to."""
    read = Map.model_validate(table)
    places = lists[f"{read.racks.of}s"] if read.racks else []
    answers = Answers(source, lists["devices"], lists["addresses"], lists["prefixes"], lists["as_numbers"], places)
    return inventory_of(answers, read, groups, URL)


def write_project(folder: Path, url: str, groups: dict[str, Any], **options: Any) -> Path:
    """A folder with config.yaml, whose inventory is in NetBox, and the two files that stay files; its config.yaml."""
    (folder / "inventory").mkdir(exist_ok=True)
    (folder / "inventory/groups.yaml").write_text(yaml.dump(groups, Dumper=DUMPER, sort_keys=False), encoding="utf-8")
    defaults = (CHECKOUT / "inventory/seed.yaml").read_text(encoding="utf-8")
    (folder / "inventory/defaults.yaml").write_text(defaults, encoding="utf-8")
    plugin = options.pop("plugin", "NetBox")
    given = {"url": url, "token": {"file": "token"}, "map": TABLE, "filter_parameters": {"tag": "k8s-calico"}} | options
    config = {"inventory": {"plugin": plugin, "options": given}}
    path = folder / "config.yaml"
    path.write_text(yaml.dump(config, Dumper=DUMPER, sort_keys=False), encoding="utf-8")
    return path
