"""Who gets which address: a function of the services and groups that there are."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from ipaddress import ip_address

from cluster_api.objects import Json, annotations, qualified_name, spec, status

from purelb_allocator.groups import FAMILIES, Address, Group
from purelb_allocator.habits import Habits

BRAND = "PureLB"
ALLOCATED_BY = "purelb.io/allocated-by"
ALLOCATED_FROM = "purelb.io/allocated-from"
POOL_TYPE = "purelb.io/pool-type"
WANTED_GROUP = "purelb.io/service-group"
WANTED_ADDRESSES = "purelb.io/addresses"
DEFAULT_GROUP = "default"


class RefusalError(ValueError):
    """A service cannot have an address; the text becomes an Event."""


@dataclass(frozen=True)
class Assignment:
    """A service gets an address, or one of each family."""

    service: Json
    group: str
    addresses: tuple[Address, ...]
    kind: str = "local"


@dataclass(frozen=True)
class Decisions:
    """What to do now."""

    assignments: list[Assignment] = field(default_factory=list)
    releases: list[Json] = field(default_factory=list)
    refusals: list[tuple[Json, str]] = field(default_factory=list)
    warnings: list[tuple[Json, str, str]] = field(default_factory=list)


def decide(
    services: Iterable[Json],
    groups: Mapping[str, Group],
    given: Mapping[str, tuple[Address, ...]],
    habits: Habits | None = None,
) -> Decisions:
    """Decide for all services at once.

    `given` are the addresses that were written a moment ago, by the services' uids: what is known of a service may be
    older. An address counts as used as long as any service shows it, also one that is about to lose it.
    """
    everyone = list(services)
    used = {address: qualified_name(item) for item in everyone for address in _shown(item)}
    used |= {address: qualified_name(item) for item in everyone for address in given.get(_uid(item), ())}
    decisions, habits = Decisions(), habits or Habits()
    for item in sorted(everyone, key=_turn):
        if spec(item).get("type") != "LoadBalancer":
            if annotations(item).get(ALLOCATED_BY) == BRAND:
                decisions.releases.append(item)
        elif not _shown(item) and _uid(item) not in given:
            decisions.warnings.extend((item, *warning) for warning in _warnings(item, habits))
            try:
                assignment = _assign(item, groups, used, habits)
            except RefusalError as refusal:
                decisions.refusals.append((item, str(refusal)))
                continue
            used |= dict.fromkeys(assignment.addresses, qualified_name(item))
            decisions.assignments.append(assignment)
    return decisions


def _warnings(service: Json, habits: Habits) -> list[tuple[str, str]]:
    """List what a talkative release says of a service that it is about to serve: the reason and the words of an Event."""
    if not habits.talkative:
        return []
    found = []
    asks = WANTED_ADDRESSES in annotations(service)
    if not asks and spec(service).get("loadBalancerIP"):
        words = f'Service.Spec.LoadBalancerIP is deprecated, please use the "{WANTED_ADDRESSES}" annotation instead'
        found.append(("DeprecationWarning", words))
        asks = True
    if asks and WANTED_GROUP in annotations(service):
        words = "Both the addresses annotation and the service-group annotation were provided. service-group will be ignored."
        found.append(("ConfigurationWarning", words))
    return found


def _assign(service: Json, groups: Mapping[str, Group], used: Mapping[Address, str], habits: Habits) -> Assignment:
    wanted = _wanted(service)
    group = _group(service, groups, wanted, habits)
    if not wanted:
        return Assignment(service, group.name, _free(service, group, used), group.kind)
    for address in wanted:
        if address not in group:
            raise RefusalError(f"{address} is not in ServiceGroup {group.name}")
        if address in used:
            raise RefusalError(f"{address} is in use by {used[address]}")
    return Assignment(service, group.name, wanted, group.kind)


def _free(service: Json, group: Group, used: Mapping[Address, str]) -> tuple[Address, ...]:
    """Take an address for each family that the service has (internal/allocator/localpool.go, AssignNext); one missing is none at all."""
    found = []
    for family in _families(service):
        address = group.lowest_free(used, family)
        if address is None:
            raise RefusalError(f"no available IPs in ServiceGroup {group.name}")
        found.append(address)
    return tuple(found)


def _group(service: Json, groups: Mapping[str, Group], wanted: tuple[Address, ...], habits: Habits) -> Group:
    """Find the group that the service names; an address alone names the group that has it."""
    named = annotations(service).get(WANTED_GROUP)
    if wanted and (named is None or habits.talkative):
        for group in groups.values():
            if wanted[0] in group:
                return group
        if habits.talkative:
            raise RefusalError(f'"{wanted[0]}" does not belong to any group')
    title = named or DEFAULT_GROUP
    if title not in groups:
        raise RefusalError(f"ServiceGroup {title} does not exist or cannot be used")
    return groups[title]


def _wanted(service: Json) -> tuple[Address, ...]:
    """Read the addresses that the service asks for, one of each of its families: in the annotation, or in the older field."""
    noted = annotations(service).get(WANTED_ADDRESSES, "").split(",")
    texts = [text for text in map(str.strip, noted) if text] or [str(spec(service).get("loadBalancerIP") or "")]
    found: dict[int, Address] = {}
    for text in filter(None, texts):
        try:
            address = ip_address(text)
        except ValueError as error:
            raise RefusalError(f"invalid address {text!r}") from error
        if FAMILIES[address.version] in _families(service):
            found.setdefault(address.version, address)
    return tuple(found.values())


def _families(service: Json) -> list[str]:
    found: list[str] = spec(service).get("ipFamilies") or [FAMILIES[4]]
    return found


def _shown(service: Json) -> list[Address]:
    """Read the addresses in the service's status."""
    ingress = (status(service).get("loadBalancer") or {}).get("ingress") or []
    return [ip_address(entry["ip"]) for entry in ingress if entry.get("ip")]


def _turn(service: Json) -> tuple[bool, str, str]:
    """Order the services: those that ask for a certain address first, then the older ones."""
    asks = bool(annotations(service).get(WANTED_ADDRESSES) or spec(service).get("loadBalancerIP"))
    return not asks, str(service["metadata"].get("creationTimestamp", "")), qualified_name(service)


def _uid(service: Json) -> str:
    return str(service["metadata"]["uid"])
