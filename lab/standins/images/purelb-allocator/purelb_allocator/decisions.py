"""Who gets which address: a function of the services and groups that there are."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from ipaddress import AddressValueError, IPv4Address

from cluster_api.objects import Json, annotations, qualified_name, spec, status

from purelb_allocator.groups import Group
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
    """A service gets an address."""

    service: Json
    group: str
    address: IPv4Address
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
    given: Mapping[str, IPv4Address],
    habits: Habits | None = None,
) -> Decisions:
    """Decide for all services at once.

    `given` are the addresses that were written a moment ago, by the services' uids: what is known of a service may be
    older. An address counts as used as long as any service shows it, also one that is about to lose it.
    """
    everyone = list(services)
    used = {address: qualified_name(item) for item in everyone for address in _shown(item)}
    used |= {given[_uid(item)]: qualified_name(item) for item in everyone if _uid(item) in given}
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
            used[assignment.address] = qualified_name(item)
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


def _assign(service: Json, groups: Mapping[str, Group], used: Mapping[IPv4Address, str], habits: Habits) -> Assignment:
    wanted = _wanted(service)
    group = _group(service, groups, wanted, habits)
    if wanted is None:
        address = group.lowest_free(used)
        if address is None:
            raise RefusalError(f"no available IPs in ServiceGroup {group.name}")
        return Assignment(service, group.name, address, group.kind)
    if wanted not in group:
        raise RefusalError(f"{wanted} is not in ServiceGroup {group.name}")
    if wanted in used:
        raise RefusalError(f"{wanted} is in use by {used[wanted]}")
    return Assignment(service, group.name, wanted, group.kind)


def _group(service: Json, groups: Mapping[str, Group], wanted: IPv4Address | None, habits: Habits) -> Group:
    """Find the group that the service names; an address alone names the group that has it."""
    named = annotations(service).get(WANTED_GROUP)
    if wanted is not None and (named is None or habits.talkative):
        for group in groups.values():
            if wanted in group:
                return group
        if habits.talkative:
            raise RefusalError(f'"{wanted}" does not belong to any group')
    title = named or DEFAULT_GROUP
    if title not in groups:
        raise RefusalError(f"ServiceGroup {title} does not exist or cannot be used")
    return groups[title]


def _wanted(service: Json) -> IPv4Address | None:
    """Read the address that the service asks for, in the annotation or in the older field."""
    texts = [*annotations(service).get(WANTED_ADDRESSES, "").split(","), str(spec(service).get("loadBalancerIP") or "")]
    for text in filter(None, map(str.strip, texts)):
        if ":" in text:
            continue
        try:
            return IPv4Address(text)
        except AddressValueError as error:
            raise RefusalError(f"invalid address {text!r}") from error
    return None


def _shown(service: Json) -> list[IPv4Address]:
    """Read the addresses in the service's status."""
    ingress = (status(service).get("loadBalancer") or {}).get("ingress") or []
    return [IPv4Address(entry["ip"]) for entry in ingress if entry.get("ip") and ":" not in entry["ip"]]


def _turn(service: Json) -> tuple[bool, str, str]:
    """Order the services: those that ask for a certain address first, then the older ones."""
    asks = bool(annotations(service).get(WANTED_ADDRESSES) or spec(service).get("loadBalancerIP"))
    return not asks, str(service["metadata"].get("creationTimestamp", "")), qualified_name(service)


def _uid(service: Json) -> str:
    return str(service["metadata"]["uid"])
