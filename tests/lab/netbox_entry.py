"""The cluster of the checkout's inventory, entered into a NetBox by its own REST API as an owner would enter it, and a few things besides.

Run as a program in the controller's network: `enter URL FOLDER` or `ask URL FOLDER PATH`. FOLDER holds certificate.pem and the
administrator's token; enter leaves there the tokens of others, who may view. ask prints the status and the body of what is asked.
"""

import argparse
import json
import secrets
import ssl
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import urllib3
import yaml

CHECKOUT = Path(__file__).resolve().parents[2]
TIMEOUT_SECONDS = 180  # of one request: the first one of a process loads all of NetBox
LIVE_SECONDS = 300  # until a new custom field is one: a worker puts it into the objects that there are
CREATED, OK = 201, 200
CLUSTER = "k8s-calico"
ADMINISTRATOR, VIEWER, NARROW, SOME = "token", "viewer", "narrow", "some"  # files with tokens
VIEWED = ("dcim.device", "ipam.ipaddress", "ipam.prefix", "ipam.asn", "dcim.site", "dcim.location", "dcim.rack")
ROLES = {
    "control_plane": "k8s-control-plane",
    "worker": "k8s-worker",
    "frr": "upstream-router",
    "bird": "upstream-router",
}
PLATFORMS = {"control_plane": "debian-13", "worker": "debian-13", "frr": "frrouting", "bird": "bird"}
NETWORKS = {
    "nodes": "k8s-nodes",
    "pods": "k8s-pods",
    "services": "k8s-services",
    "load_balancers": "k8s-load-balancers",
}
Body = Mapping[str, Any]


class Api:
    """One NetBox, and who asks it."""

    def __init__(self, url: str, folder: Path, token: Path | None) -> None:
        context = ssl.create_default_context(cafile=str(folder / "certificate.pem"))
        self._pool = urllib3.PoolManager(ssl_context=context, timeout=TIMEOUT_SECONDS, retries=False)
        self._url = url
        self._headers = {"Accept": "application/json"}
        if token is not None:
            self._headers["Authorization"] = f"Bearer {token.read_text(encoding='utf-8').strip()}"

    def ask(self, method: str, path: str, body: Any = None) -> tuple[int, Any]:
        """The status, and the body: JSON, or as it is."""
        answer = self._pool.request(method, f"{self._url}/api/{path}", headers=self._headers, json=body)
        try:
            return answer.status, json.loads(answer.data)
        except ValueError:
            return answer.status, answer.data.decode("utf-8", "replace")

    def new(self, path: str, **body: Any) -> int:
        """Make an object; its id."""
        status, said = self.ask("POST", f"{path}/", body)
        assert status == CREATED, f"{path}: HTTP {status}: {said}: {body}"
        return int(said["id"])

    def change(self, path: str, number: int, **body: Any) -> None:
        """Change an object."""
        status, said = self.ask("PATCH", f"{path}/{number}/", body)
        assert status == OK, f"{path}/{number}: HTTP {status}: {said}: {body}"

    def named(self, path: str, name: str, **body: Any) -> int:
        """Make an object that has a name and a slug."""
        return self.new(path, name=name, slug=name.lower().replace(" ", "-"), **body)


def enter(api: Api, hosts: Mapping[str, Body], groups: Mapping[str, Any]) -> None:
    """Enter what a host file and a group file say."""
    cluster = groups["fabric"]["data"]["cluster"]
    tag = api.named("extras/tags", CLUSTER)
    api.named("extras/tags", "bgp-peering")
    site, room, cabinet = _place(api)
    numbers = _as_numbers(api, hosts, cluster, tag, site)
    kind = _kinds(api)
    _custom_fields(api)
    for name, entry in hosts.items():
        _device(api, name, entry, kind, numbers, (site, room, cabinet))
    _besides(api, kind, site)
    _prefixes(api, cluster["networks"], tag, site, room)
    _contexts(api, cluster)


def _place(api: Api) -> tuple[int, int, int]:
    site = api.named("dcim/sites", "Homelab", status="active")
    room = api.named("dcim/locations", "Room 1", site=site)
    return site, room, api.new("dcim/racks", name="Cabinet 1", site=site, location=room)


def _as_numbers(api: Api, hosts: Mapping[str, Body], cluster: Body, tag: int, site: int) -> dict[int, int]:
    """The AS numbers of the routers, of the cluster and of the site: number -> id."""
    rir = api.named("ipam/rirs", "RFC 6996", is_private=True)
    numbers = {}
    for name, entry in hosts.items():
        if number := (entry.get("data") or {}).get("as_number"):
            numbers[number] = api.new("ipam/asns", asn=number, rir=rir, description=name)
    own = cluster["bgp"]["as_number"]
    numbers[own] = api.new("ipam/asns", asn=own, rir=rir, description=CLUSTER, tags=[tag])
    of_site = api.new("ipam/asns", asn=64520, rir=rir, description="homelab")
    api.change("dcim/sites", site, asns=[of_site])
    return numbers


def _kinds(api: Api) -> int:
    for name in ("K8s control plane", "K8s worker", "Upstream router", "PDU", "Office"):
        api.named("dcim/device-roles", name, color="9e9e9e")
    for name in ("Debian 13", "FRRouting", "BIRD"):
        api.named("dcim/platforms", name)
    for name in ("K8s nodes", "K8s pods", "K8s services", "K8s load balancers", "Rack link", "Room link"):
        api.named("ipam/roles", name)
    manufacturer = api.named("dcim/manufacturers", "Generic")
    return api.new("dcim/device-types", model="Server", slug="server", manufacturer=manufacturer)


def _custom_fields(api: Api) -> None:
    """Of each type that a table may name; they are used when they are live."""
    choices = api.new(
        "extras/custom-field-choice-sets", name="Tiers", extra_choices=[["gold", "Gold"], ["silver", "Silver"]]
    )
    to_asn = {"type": "object", "related_object_type": "ipam.asn"}
    to_device = {"type": "multiobject", "related_object_type": "dcim.device"}
    fields: dict[str, dict[str, Any]] = {
        "bgp_asn": to_asn, "peers": to_device, "tier": {"type": "select", "choice_set": choices},
        "owner": {"type": "text"}, "route_reflector": {"type": "boolean"}, "weight": {"type": "integer"},
    }  # fmt: skip
    made = [
        api.new("extras/custom-fields", name=name, object_types=["dcim.device"], **of) for name, of in fields.items()
    ]
    ends = time.monotonic() + LIVE_SECONDS
    for number in made:
        while "provisioning" in json.dumps(api.ask("GET", f"extras/custom-fields/{number}/")[1].get("status")):
            assert time.monotonic() < ends, "a new custom field does not come live: does the worker run?"
            time.sleep(0.5)


def _device(api: Api, name: str, entry: Body, kind: int, numbers: Mapping[int, int], place: Sequence[int]) -> None:
    """One host: the device, its interface, its primary address."""
    (group,) = entry["groups"]
    site, room, cabinet = place
    node = ROLES[group] in ("k8s-control-plane", "k8s-worker")
    number = (entry.get("data") or {}).get("as_number")
    device = api.new(
        "dcim/devices", name=name, device_type=kind, role={"slug": ROLES[group]}, platform={"slug": PLATFORMS[group]},
        site=site, location=room, rack=cabinet, status="active", tags=[{"slug": CLUSTER}],
        custom_fields={"bgp_asn": numbers[number]} if number else {},
    )  # fmt: skip
    card = api.new("dcim/interfaces", device=device, name="eth0" if node else "br-lan", type="1000base-t")
    address = _address(api, card, f"{entry['hostname']}/16", tags=[] if node else [{"slug": "bgp-peering"}])
    api.change("dcim/devices", device, primary_ip4=address)
    if name.endswith("-4"):  # one node has more to say of itself than its neighbours
        _address(api, card, "fd00:10:31:90::4/64")
        said = {"tier": "gold", "owner": "platform", "weight": 100, "route_reflector": False}
        api.change("dcim/devices", device, custom_fields=said)
    if name == "openwrt":
        loopback = api.new("dcim/interfaces", device=device, name="lo", type="virtual")
        _address(api, loopback, "10.31.255.253/32", role="loopback")
        api.change("dcim/devices", device, custom_fields={"peers": [device]})


def _address(api: Api, card: int, address: str, **more: Any) -> int:
    at = {"assigned_object_type": "dcim.interface", "assigned_object_id": card}
    return api.new("ipam/ip-addresses", address=address, status="active", **at, **more)


def _besides(api: Api, kind: int, site: int) -> None:
    """What a NetBox has besides: a device that the table leaves out, and one that the filter does."""
    for name, role, tags in (("pdu-1", "pdu", [{"slug": CLUSTER}]), ("printer", "office", [])):
        api.new("dcim/devices", name=name, device_type=kind, role={"slug": role}, site=site, status="active", tags=tags)


def _prefixes(api: Api, networks: Body, tag: int, site: int, room: int) -> None:
    """The cluster's prefixes; another cluster's pods, which have the same role and not the tag; the links of site and room."""
    for key, role in NETWORKS.items():
        api.new("ipam/prefixes", prefix=networks[key], role={"slug": role}, status="active", tags=[tag])
    api.new("ipam/prefixes", prefix="10.40.0.0/16", role={"slug": "k8s-pods"}, status="active")
    links = (("10.31.80.0/20", "rack-link", "dcim.site", site), ("10.31.64.0/19", "room-link", "dcim.location", room))
    for prefix, role, kind, place in links:
        scope = {"scope_type": kind, "scope_id": place}
        api.new("ipam/prefixes", prefix=prefix, role={"slug": role}, status="active", tags=[tag], **scope)


def _contexts(api: Api, cluster: Body) -> None:
    """What NetBox has no fields for, in a context of the tag; and one of somebody else, for all devices."""
    bgp = {key: value for key, value in cluster["bgp"].items() if key != "as_number"}
    networks = {key: value for key, value in cluster["networks"].items() if key not in NETWORKS}
    data = {"kubepeer": {"cluster": {**cluster, "networks": networks, "bgp": bgp}}}
    api.new("extras/config-contexts", name=CLUSTER, weight=1000, is_active=True, tags=[CLUSTER], data=data)
    api.new(
        "extras/config-contexts", name="syslog", weight=500, is_active=True, data={"syslog": {"server": "10.31.254.10"}}
    )


def viewer(api: Api, name: str, types: Sequence[str], constraints: Body | None) -> str:
    """A user who may view objects of these types, or only some of them, and do nothing else: the token."""
    user = api.new("users/users", username=name, password=f"{secrets.token_urlsafe(24)}aA1")
    api.new(
        "users/permissions",
        name=name,
        object_types=list(types),
        actions=["view"],
        users=[user],
        constraints=constraints,
    )
    status, said = api.ask("POST", "users/tokens/", {"user": user, "write_enabled": False})
    assert status == CREATED, f"HTTP {status}: {said}"
    return f"nbt_{said['key']}.{said['token']}"


def main() -> None:
    """As above."""
    parser = argparse.ArgumentParser()
    parser.add_argument("what", choices=("enter", "ask"))
    parser.add_argument("url")
    parser.add_argument("folder", type=Path)
    parser.add_argument("path", nargs="?", default="")
    parser.add_argument(
        "--token", type=Path, help="another file than the administrator's; of a file that is not there none is sent"
    )
    parser.add_argument("--change", type=json.loads, help="PATCH with this JSON in the place of GET")
    given = parser.parse_args()
    token = given.token or given.folder / ADMINISTRATOR
    api = Api(given.url, given.folder, token if token.exists() else None)
    if given.what == "ask":
        print(json.dumps(api.ask("PATCH" if given.change else "GET", given.path, given.change)))
        return
    files = (CHECKOUT / "inventory" / f"{name}.yaml" for name in ("hosts", "groups"))
    enter(api, *(yaml.safe_load(file.read_text(encoding="utf-8")) for file in files))
    for name, types, constraints in (
        (VIEWER, VIEWED, None),
        (NARROW, VIEWED[:2], None),
        (SOME, VIEWED[:1], {"role__slug": ROLES["control_plane"]}),
    ):
        kept = given.folder / name
        kept.touch(mode=0o600)
        kept.write_text(viewer(api, name, types, constraints), encoding="utf-8")


if __name__ == "__main__":
    main()
