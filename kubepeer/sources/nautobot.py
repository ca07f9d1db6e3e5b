"""What is asked of Nautobot 2 and 3, by its REST API, and its answers in NetBox's form.

Its serializers (dcim, ipam) of 2.0 to 3.2: related objects are whole with depth=1 alone, config contexts are there with
include=config_context, what has several of something with exclude_m2m=false. Roles, platforms and tags have no slugs, so that the table
names them by name; sites are locations; an address is of interfaces; which address is the primary one is said by family; AS numbers are of
apps, not of Nautobot itself.
"""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from kubepeer.sources.answers import Answers, Thing, wanted_of
from kubepeer.sources.options import SourceOptions
from kubepeer.sources.rest import Rest

OLDEST = "2.0"  # roles and locations as they are here; before that device_role and site
WHOLE = {"depth": 1, "exclude_m2m": False}
PLACES = {"location": "dcim/locations", "rack": "dcim/racks"}


def ask_nautobot(options: SourceOptions, token: str, folder: Path) -> Answers:
    """Ask for what the table needs, and no more.

    Args:
        options: of config.yaml.
        token: the token itself.
        folder: of config.yaml.

    Raises:
        UnreachableError, UsageError, InventoryError: see Rest.

    """
    table = options.map
    rest = Rest("Nautobot", options, folder, f"Token {token}", OLDEST)
    parameters = {**options.filter_parameters, "depth": 1, "include": "config_context"}
    devices = [device_of(thing) for thing in rest.every("dcim/devices", parameters)]
    wanted = wanted_of(devices, table.roles)
    addresses: list[Thing] = []
    if table.wants_addresses:
        found = rest.each("ipam/ip-addresses", "device_id", [device["id"] for device in wanted], WHOLE)
        addresses = list(addresses_of(found))
    prefixes: list[Thing] = []
    if roles := table.prefix_roles:
        prefixes = rest.every("ipam/prefixes", {**options.prefix_parameters, **WHOLE, "role": roles})
    places = rest.places(PLACES[table.racks.of], wanted, table.racks.of, {"depth": 1}) if table.racks else []
    return Answers("Nautobot", devices, addresses, prefixes, (), places)


def device_of(thing: Thing) -> dict[str, Any]:
    """A device with a primary address: that of IPv4 where there are two."""
    return {**thing, "primary_ip": thing.get("primary_ip4") or thing.get("primary_ip6")}


def addresses_of(things: Iterable[Thing]) -> Iterator[Thing]:
    """Each address once for each interface that has it, as NetBox has them; two portions of devices may both have one."""
    seen: set[tuple[Any, Any]] = set()
    for thing in things:
        for interface in thing.get("interfaces") or ():
            if (thing["id"], interface["id"]) not in seen:
                seen.add((thing["id"], interface["id"]))
                yield {**thing, "assigned_object": interface}
