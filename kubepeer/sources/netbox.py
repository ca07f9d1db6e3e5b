"""What is asked of NetBox 4, by its REST API.

The fields are those of its serializers (dcim, ipam) of 4.0 to 4.7. A token of version 2, which begins with nbt_, goes as Bearer, one of
version 1 as Token (netbox/api/authentication.py). NetBox takes no notice of a filter that it does not know: what it lets through then is
refused by the role that the table does not have.
"""

from pathlib import Path

from kubepeer.sources.answers import Answers, wanted_of
from kubepeer.sources.options import SourceOptions
from kubepeer.sources.rest import Rest

VERSION_2 = "nbt_"
OLDEST = "4.0"  # role of a device; before that device_role
PLACES = {"site": "dcim/sites", "location": "dcim/locations", "rack": "dcim/racks"}


def ask_netbox(options: SourceOptions, token: str, folder: Path) -> Answers:
    """Ask for what the table needs, and no more.

    Args:
        options: of config.yaml.
        token: the token itself.
        folder: of config.yaml.

    Raises:
        UnreachableError, UsageError, InventoryError: see Rest.

    """
    table = options.map
    scheme = "Bearer" if token.startswith(VERSION_2) else "Token"
    rest = Rest("NetBox", options, folder, f"{scheme} {token}", OLDEST)
    devices = rest.every("dcim/devices", options.filter_parameters)
    wanted = wanted_of(devices, table.roles)
    ids = [device["id"] for device in wanted]
    addresses = rest.each("ipam/ip-addresses", "device_id", ids, {}) if table.wants_addresses else []
    roles = table.prefix_roles
    prefixes = rest.every("ipam/prefixes", {**options.prefix_parameters, "role": roles}) if roles else []
    as_numbers = rest.every("ipam/asns", {"tag": table.as_number}) if table.as_number else []
    places = rest.places(PLACES[table.racks.of], wanted, table.racks.of, {}) if table.racks else []
    return Answers("NetBox", devices, addresses, prefixes, as_numbers, places)
