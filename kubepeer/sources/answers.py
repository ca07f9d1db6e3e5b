"""What a source of truth has answered, in the form of NetBox's REST API, and what its objects are to a person. Pure."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from kubepeer.errors import InventoryError
from kubepeer.given import Told

Thing = Mapping[str, Any]  # an object of the API, as its JSON is
NO_HOST = "No host was contacted."
NUMBERS = re.compile(r"(\d+)")
API = re.compile(r"/api(?=/)")


@dataclass(frozen=True)
class Answers:
    """The objects of an inventory; of each kind only those that the table asks for.

    Attributes:
        source: whose they are: NetBox, Nautobot.
        devices: that the filter lets through.
        addresses: IP addresses of these devices.
        prefixes: of the roles that the table names.
        as_numbers: with the tag that the table names.
        places: the sites, locations or racks that are racks of the inventory.

    """

    source: str
    devices: Sequence[Thing] = ()
    addresses: Sequence[Thing] = ()
    prefixes: Sequence[Thing] = ()
    as_numbers: Sequence[Thing] = ()
    places: Sequence[Thing] = ()

    def told(self, kind: str, thing: Thing, key: str = "") -> Told:
        """Where a value stands: the kind of the object, its name and its page."""
        name = thing.get("name") or thing.get("display") or thing.get("id")
        return Told(f"{self.source} {kind} {shown(name)}", shown(page(thing)), key)

    def mistake(self, at: Told, message: str, cure: str = "") -> InventoryError:
        """An error that names the object."""
        return InventoryError(f"{at}: {message}. {NO_HOST}", cure=cure)


def shown(said: Any) -> str:
    """What somebody has entered, for a terminal: signs that would move its cursor are written out."""
    text = str(said)
    return text if text.isprintable() else ascii(text)


def page(thing: Thing) -> str:
    """The address of an object's page; NetBox has named it since 4.1, before that its API's is the same but for /api."""
    return str(thing.get("display_url") or API.sub("", str(thing.get("url", "")), count=1))


def slug(thing: Thing | None) -> str | None:
    """How the table names an object: its slug; Nautobot has none, and NetBox none of a rack: the name.

    Of what the token may not view Nautobot says how it is displayed, and nothing else.
    """
    return None if thing is None else str(thing.get("slug") or thing.get("name") or thing.get("display"))


def wanted_of(devices: Iterable[Thing], roles: Mapping[str, Any]) -> list[Thing]:
    """The devices that the table takes into the inventory: by their roles."""
    return [device for device in devices if roles.get(str(slug(device.get("role"))))]


def value_of(found: Any) -> Any:
    """What a field says: of an address that without its length, of an AS its number, of a choice the value, of a thing its slug."""
    if isinstance(found, list):
        return [value_of(one) for one in found]
    if not isinstance(found, Mapping):
        return found
    if "label" in found and "value" in found:
        return found["value"]
    if "url" not in found:
        return found  # JSON of the owner's own
    if "address" in found:
        return str(found["address"]).partition("/")[0]
    return found["asn"] if "asn" in found else found["prefix"] if "prefix" in found else slug(found)


class NoFieldError(Exception):
    """An object has no such field at all: the table, or a custom field, is misspelt."""

    def __init__(self, field: str, known: Sequence[str]) -> None:
        super().__init__(field)
        self.known = known


def field_of(thing: Thing, path: str) -> Any:
    """What an object says under a path like custom_fields.bgp_asn; None: nothing is entered there.

    Raises:
        NoFieldError: such objects have no such field.

    """
    found: Any = thing
    for step in path.split("."):
        if found is None:
            return None
        if not isinstance(found, Mapping) or step not in found:
            raise NoFieldError(path, sorted(found) if isinstance(found, Mapping) else ())
        found = found[step]
    return value_of(found)


def read_field(answers: Answers, kind: str, thing: Thing, path: str, table: str) -> Any:
    """The same; what the table asks for and no object has is told as a mistake of the table.

    Raises:
        InventoryError: there is no such field.

    """
    try:
        return field_of(thing, path)
    except NoFieldError as error:
        cure = f"it has {', '.join(error.known)}" if error.known else "what stands before its last point has no parts"
        raise answers.mistake(
            answers.told(kind, thing), f"has no field {path}, which inventory.options.map.{table} names", cure
        ) from None


def naturally(name: str) -> list[tuple[int, str]]:
    """For an order in which node-9 stands before node-10."""
    return [(int(part), "") if part.isdigit() else (-1, part) for part in NUMBERS.split(name)]
