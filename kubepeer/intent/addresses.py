"""A host's ends of its sessions, one a family: from the keys that say them, and from hostname."""

from collections.abc import Mapping

from kubepeer.errors import InventoryError
from kubepeer.intent.families import IPV6, NAMES, SECOND_KEYS, Address, Version, named, read_address, version_of
from kubepeer.intent.files import NOTHING, Files
from kubepeer.intent.networks import Networks

SECOND = f"data.{SECOND_KEYS[IPV6]}"


def addresses_of(
    files: Files, name: str, said: Mapping[str, Address | None], second: Address | None, networks: Networks
) -> dict[str, object]:
    """The fields of Addressed: of each family an address of a key of its own, else hostname, which is where SSH goes.

    Args:
        files: the inventory.
        name: the host.
        said: key -> address, of the keys that say the same; None where one is not there.
        second: of the key for IPv6.
        networks: with the families of the cluster.

    Raises:
        InventoryError: two keys say two addresses, one is of a family that the cluster has not, or one is missing: hostname is a name, or
            of another family, and no key says one.

    """
    hostname = files.hosts[name].get("hostname") or ""
    keys = [key for key, address in said.items() if address]
    if len({said[key] for key in keys}) > 1:
        both = " and ".join(f"{key} {said[key]}" for key in keys)
        raise InventoryError(f"{files.at(name)}: {both} are two addresses of one end. {NOTHING}")
    if (keys or second) and not hostname:
        raise InventoryError(f"{files.at(name)}: hostname: is missing: it is where SSH goes. {NOTHING}")
    found: dict[Version, tuple[Address, str]] = {}
    for key, address in [*((key, said[key]) for key in keys[:1]), (SECOND, second)]:
        if address is not None:
            _refuse_a_strange_family(files, name, key, address, networks)
            if address.version in found:
                other = f"{found[address.version][1]} {found[address.version][0]}"
                both = f"{other} and {key} {address}"
                raise InventoryError(f"{files.at(name)}: {both} are two addresses of one family. {NOTHING}")
            found[address.version] = (address, key)
    own = _address(hostname)
    if own is not None and own.version in networks.versions:
        found.setdefault(own.version, (own, "hostname"))
    for version in networks.versions:
        if version not in found:
            raise _missing(files, name, version, list(said), hostname, networks)
    (address, key), *others = (found[version] for version in networks.versions)
    return {"address": address, "address_key": key, "second_address": others[0][0] if others else None}


def _address(text: str) -> Address | None:
    try:
        return read_address(text)
    except ValueError:
        return None


def _refuse_a_strange_family(files: Files, name: str, key: str, address: Address, networks: Networks) -> None:
    version = version_of(address)
    if version in networks.versions and (key != SECOND or version == IPV6):
        return
    top = key.removeprefix("data.")
    where = f"{files.at_key(name, top.split('.')[0])}: {top}"
    if key == SECOND and version != IPV6:
        raise InventoryError(f"{where}: Input is not a valid IPv6 address (found '{address}'). {NOTHING}")
    raise InventoryError(
        f"{where}: {address} is of {NAMES[version]}, and cluster.networks is of {named(networks.versions)} alone. {NOTHING}",
        cure=f"take it away, or give each of cluster.networks one of {NAMES[version]}, too",
    )


def _missing(
    files: Files, name: str, version: Version, keys: list[str], hostname: str, networks: Networks
) -> InventoryError:
    """No key says an address of this family, and hostname is none."""
    if version == IPV6 and len(networks.versions) > 1:
        nodes = networks.of(version).nodes
        return InventoryError(
            f"{files.at(name)}: {SECOND_KEYS[version]}: is missing: cluster.networks.nodes has {nodes}, and who speaks BGP"
            f" needs an address in each family. {NOTHING}",
            cure=f"data: {{{SECOND_KEYS[version]}: an address of IPv6; of a node one of {nodes}}}",
        )
    cure = f"{' or '.join(keys)} says the address of its sessions; hostname is where SSH goes" if hostname else ""
    message = f"Input is not a valid {NAMES[version]} address (found {hostname!r})"
    return InventoryError(f"{files.at(name)}: hostname: {message}. {NOTHING}", cure=cure)
