"""What is true of the whole cluster: its networks from prefixes, its AS, and what config contexts say of it. Pure."""

from collections.abc import Mapping, Sequence
from typing import Any

from kubepeer.given import FABRIC, GROUPS, Path, Told
from kubepeer.intent.data import FabricData
from kubepeer.sources.answers import Answers, Thing, slug
from kubepeer.sources.entries import Entries
from kubepeer.sources.options import Map

OF_CLUSTER: Path = (GROUPS, FABRIC, "data", "cluster")
MANY = ("external",)  # of cluster.networks: as many as there are; of all others one a family


def put_cluster(entries: Entries, answers: Answers, table: Map) -> None:
    """Enter cluster.networks and cluster.bgp.as_number, as the table asks for them.

    Raises:
        InventoryError: a role has no prefix or too many, a tag no AS number or several.

    """
    for key, role in table.networks.items():
        found = [prefix for prefix in answers.prefixes if slug(prefix.get("role")) == role]
        if not found:
            raise _none(answers, f"prefix of role {role}", f"networks.{key}")
        if key not in MANY:
            _one_a_family(answers, found, role, key)
        networks = [str(prefix["prefix"]) for prefix in sorted(found, key=family)]
        told = answers.told("prefix", min(found, key=family), f"prefix of role {role}")
        entries.put((*OF_CLUSTER, "networks", key), networks if len(networks) > 1 else networks[0], told)
    if table.as_number is None:
        return
    if not answers.as_numbers:
        raise _none(answers, f"AS number with the tag {table.as_number}", "as_number")
    first, *others = answers.as_numbers
    told = answers.told("ASN", first, f"asn with the tag {table.as_number}")
    if others:
        what = f"has the tag {table.as_number}, and so has {answers.told('ASN', others[0])}"
        raise answers.mistake(told, what, "the AS of the cluster alone has it")
    entries.put((*OF_CLUSTER, "bgp", "as_number"), first["asn"], told)


def _none(answers: Answers, what: str, key: str) -> Exception:
    whole = Told(answers.source, f"inventory.options.map.{key}")
    return answers.mistake(whole, f"there is no {what} that the token may see", "enter it there, or correct the table")


def family(prefix: Thing) -> int:
    """4 or 6."""
    return 6 if ":" in str(prefix["prefix"]) else 4


def _one_a_family(answers: Answers, found: Sequence[Thing], role: str, key: str) -> None:
    seen: dict[int, Thing] = {}
    for prefix in found:
        other = seen.setdefault(family(prefix), prefix)
        if other is not prefix:
            raise answers.mistake(
                answers.told("prefix", prefix),
                f"has the role {role}, and so has {answers.told('prefix', other)}: cluster.networks.{key} is one",
                "inventory.options.prefix_parameters says which prefixes are meant ({tag: ...})",
            )


def put_context(entries: Entries, context: Mapping[str, Any], own: Path, told: Told) -> None:
    """Enter what a device's config context says: of the whole cluster into the group fabric, of the device into its own entry.

    Raises:
        InventoryError: two devices' contexts say two things of the cluster, or one says another thing than the table.

    """
    for key, value in context.items():
        above = (GROUPS, FABRIC, "data") if key in FabricData.model_fields else own
        entries.put((*above, str(key)), value, told)
