"""Sites, locations or racks as racks of the inventory: a group each, with its link, its AS and the routers that stand there. Pure."""

import re
from collections.abc import Mapping, Sequence

from kubepeer.given import GROUPS, Path
from kubepeer.sources.answers import Answers, Thing, read_field, slug
from kubepeer.sources.entries import Entries
from kubepeer.sources.options import PrefixOf, Racks

NOT_IN_NAMES = re.compile(r"[^a-z0-9]+")


def place_of(answers: Answers, device: Thing, racks: Racks) -> Thing:
    """The place of a node.

    Raises:
        InventoryError: it has none.

    """
    place: Thing | None = device.get(racks.of)
    if place is None:
        raise answers.mistake(
            answers.told("device", device),
            f"is in no {racks.of}, which inventory.options.map.racks.of makes the rack of a node",
            f"give it a {racks.of}",
        )
    return place


def group_of(place: Thing) -> str:
    """The group of a rack: its slug; of what has a name alone that, as a name of DNS may be."""
    return NOT_IN_NAMES.sub("-", str(slug(place)).lower()).strip("-")


def put_racks(
    entries: Entries, answers: Answers, racks: Racks, nodes: Sequence[Thing], routers: Mapping[str, Thing]
) -> None:
    """Enter a group for each place that has nodes.

    Args:
        entries: of the inventory.
        answers: with the places.
        racks: the table's.
        nodes: the devices that are nodes.
        routers: name -> device.

    Raises:
        InventoryError: a place has no network or several, two places have one name, or a field of the table is none.

    """
    whole = {place["id"]: place for place in answers.places}
    seen: dict[str, Thing] = {}
    for device in nodes:
        place = place_of(answers, device, racks)
        name = group_of(place)
        other = seen.setdefault(name, place)
        if other["id"] != place["id"]:
            raise answers.mistake(
                answers.told(racks.of, place),
                f"and {answers.told(racks.of, other)} are both the rack {name}",
                "rename one",
            )
    for name, brief in seen.items():
        _put_rack(entries, answers, racks, name, whole.get(brief["id"], brief))
        served = [router for router, device in routers.items() if (device.get(racks.of) or {}).get("id") == brief["id"]]
        key = f"routers in this {racks.of}"
        entries.put((GROUPS, name, "data", "routers"), served or None, answers.told(racks.of, brief, key))


def _put_rack(entries: Entries, answers: Answers, racks: Racks, name: str, place: Thing) -> None:
    own: Path = (GROUPS, name, "data", "rack")
    entries.entry(GROUPS, name, answers.told(racks.of, place))
    entries.put((*own, "name"), name, answers.told(racks.of, place, "slug" if place.get("slug") else "name"))
    if isinstance(racks.network, PrefixOf):
        prefix = _prefix(answers, racks, place, racks.network.role)
        told = answers.told("prefix", prefix, f"prefix of role {racks.network.role}")
        entries.put((*own, "network"), prefix["prefix"], told)
    else:
        network = read_field(answers, racks.of, place, racks.network, "racks.network")
        entries.put((*own, "network"), network, answers.told(racks.of, place, racks.network))
    if racks.as_number is not None:
        number = read_field(answers, racks.of, place, racks.as_number, "racks.as_number")
        told = answers.told(racks.of, place, racks.as_number)
        if isinstance(number, list):
            if len(number) > 1:
                several = ", ".join(map(str, number))
                raise answers.mistake(
                    told, f"{racks.as_number} are several: {several}", "a rack has one AS: a custom field names it"
                )
            number = number[0] if number else None
        entries.put((*own, "as_number"), number, told)


def _prefix(answers: Answers, racks: Racks, place: Thing, role: str) -> Thing:
    found = [one for one in answers.prefixes if slug(one.get("role")) == role and _is_of(one, racks.of, place)]
    if len(found) != 1:
        several = " and ".join(str(answers.told("prefix", one)) for one in found)
        said = f"has several prefixes of role {role}: {several}" if found else f"has no prefix of role {role}"
        cure = "one prefix of that role has it as its scope"
        raise answers.mistake(answers.told(racks.of, place), said, cure)
    return found[0]


def _is_of(prefix: Thing, kind: str, place: Thing) -> bool:
    """A prefix has a scope from NetBox 4.2 on; before that a site, and in Nautobot locations."""
    if "scope_type" in prefix:
        return bool(prefix["scope_type"] == f"dcim.{kind}" and prefix.get("scope_id") == place["id"])
    places = prefix.get("locations") or [prefix.get(kind)]
    return any(one and one["id"] == place["id"] for one in places)
