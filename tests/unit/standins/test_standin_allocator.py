"""PureLB's allocator: who gets which address."""

from ipaddress import IPv4Address, IPv6Address
from typing import Any

import pytest
from cluster_api.objects import name
from purelb_allocator import decisions, groups
from purelb_allocator.habits import Habits

GROUP = {
    "metadata": {"name": "bgp-ippool"},
    "spec": {
        "local": {"v4pool": {"subnet": "10.33.192.0/18", "pool": "10.33.192.0-10.33.255.254", "aggregation": "/32"}}
    },
}


@pytest.mark.cases("addresses")
def test_services_get_their_addresses(case: dict[str, Any]) -> None:
    pool = {"subnet": "10.33.192.0/18", "pool": case.get("pool", "10.33.192.0-10.33.255.254"), "aggregation": "/32"}
    kind = case.get("kind", "local")
    pools = {"v4pool": pool} | ({"v6pool": case["pool6"]} if "pool6" in case else {})
    known = [{"metadata": {"name": case.get("group", "bgp-ippool")}, "spec": {kind: pools}}]
    decided = decisions.decide(
        [_service(title, **fields) for title, fields in case["services"].items()],
        {name(item): groups.group(item) for item in known},
        {uid: (IPv4Address(address),) for uid, address in case.get("given", {}).items()},
        Habits.of(case.get("version", "0.0.1")),
    )
    assert {one.kind for one in decided.assignments} <= {kind}
    assert [[name(item), reason] for item, reason, _ in decided.warnings] == case.get("warned", [])
    assigned = {name(one.service): " ".join(map(str, one.addresses)) for one in decided.assignments}
    assert assigned == case.get("assigned", {})
    assert {name(item): reason for item, reason in decided.refusals} == case.get("refused", {})
    assert [name(item) for item in decided.releases] == case.get("released", [])


def _service(title: str, **fields: Any) -> dict[str, Any]:
    """Write a Service in full from the short form of the cases."""
    notes = {f"purelb.io/{key}": value for key, value in fields.get("purelb", {}).items()}
    spec: dict[str, Any] = {"type": fields.get("type", "LoadBalancer")}
    if "families" in fields:
        spec["ipFamilies"] = fields["families"]
    if "loadBalancerIP" in fields:
        spec["loadBalancerIP"] = fields["loadBalancerIP"]
    ingress = [{"ip": fields["shows"]}] if "shows" in fields else []
    created = fields.get("created", "2026-11-23T03:00:00Z")
    return {
        "metadata": {
            "name": title,
            "namespace": "default",
            "uid": title,
            "creationTimestamp": created,
            "annotations": notes,
        },
        "spec": spec,
        "status": {"loadBalancer": {"ingress": ingress} if ingress else {}},
    }


@pytest.mark.parametrize("pool", ["10.33.192.0-10.33.255.254", "10.33.192.0/20", "10.33.192.0 - 10.33.192.9"])
def test_a_pool_begins_with_its_first_address(pool: str) -> None:
    item = {"metadata": {"name": "g"}, "spec": {"local": {"v4pool": {"subnet": "10.33.192.0/18", "pool": pool}}}}
    assert groups.group(item).lowest_free(set(), "IPv4") == IPv4Address("10.33.192.0")


def test_a_full_pool_is_left_for_the_next_one() -> None:
    pools = [{"subnet": "10.33.192.0/18", "pool": f"10.33.{third}.0/31"} for third in (192, 193)]
    group = groups.group({"metadata": {"name": "g"}, "spec": {"local": {"v4pools": pools}}})
    used = {IPv4Address(text) for text in ("10.33.192.0", "10.33.192.1", "10.33.193.0")}
    assert group.lowest_free(used, "IPv4") == IPv4Address("10.33.193.1")
    assert group.lowest_free(used | {IPv4Address("10.33.193.1")}, "IPv4") is None


@pytest.mark.parametrize(
    ("pool", "words"),
    [
        ("10.34.0.0/24", "not inside its subnet"),
        ("10.33.255.0-10.34.0.9", "not inside its subnet"),
        ("10.33.192.9-10.33.192.1", "above the last"),
        ("10.33.192.1/24", "host bits"),
        ("ten", "does not appear to be an IPv4 or IPv6 network"),
        ("fd00::1-fd00::9", "not inside its subnet"),
        ("10.33.192.1-fd00::9", "not inside its subnet"),
    ],
)
def test_a_pool_that_cannot_be_is_refused(pool: str, words: str) -> None:
    item = {"metadata": {"name": "g"}, "spec": {"local": {"v4pool": {"subnet": "10.33.192.0/18", "pool": pool}}}}
    with pytest.raises(ValueError, match=words):
        groups.group(item)


def test_a_group_has_addresses_of_its_pools_families_alone() -> None:
    item = {
        "metadata": {"name": "g"},
        "spec": {"local": {"v6pool": {"subnet": "fd00::/64", "pool": "fd00::5-fd00::9"}}},
    }
    assert groups.group(item).lowest_free(set(), "IPv4") is None
    assert groups.group(item).lowest_free({IPv6Address("fd00::5")}, "IPv6") == IPv6Address("fd00::6")


@pytest.mark.parametrize(
    ("version", "api", "talkative"),
    [
        ("0.0.1", "v1", False),
        ("0.13.0", "v1", False),
        ("0.14.1", "v1", True),
        ("0.15.0", "v2", True),
        ("0.16.6", "v2", True),
    ],
)
def test_a_release_has_its_habits(version: str, api: str, *, talkative: bool) -> None:
    assert Habits.of(version) == Habits(api, talkative)
