"""What is accepted from the nodes, whatever the platform, and what our group is called."""

from typing import Any

import pytest

from tasks.platforms.ownership import accepted, accepted_of, description, raised, senders


def entries(intent: Any) -> list[tuple[int, str, int | None]]:
    return [(entry.number, str(entry.prefix), entry.shortest) for entry in accepted(intent.cluster.networks)]


def networks(**changes: Any) -> dict[str, Any]:
    return {"groups": {"fabric": {"data": {"cluster": {"networks": changes}}}}}


def test_pod_blocks_and_addresses_and_of_services_the_whole_network_and_addresses(intent_of: Any) -> None:
    assert entries(intent_of()) == [
        (10, "10.33.0.0/17", 24),
        (20, "10.33.128.0/18", None),
        (25, "10.33.128.0/18", 32),
        (30, "10.33.192.0/18", None),
        (35, "10.33.192.0/18", 32),
    ]


def test_one_block_that_is_the_whole_network_is_accepted_with_its_addresses(intent_of: Any) -> None:
    """A router refuses `ge` with the length of the prefix itself."""
    one = {"hosts": {f"k8s-calico-master-10-31-90-{number}": None for number in (2, 3)}}
    one["hosts"] |= {f"k8s-calico-worker-10-31-90-{number}": None for number in (4, 5, 6)}
    intent = intent_of(**one, **networks(pods="10.33.0.0/24"))
    assert entries(intent)[:2] == [(10, "10.33.0.0/24", None), (15, "10.33.0.0/24", 32)]


def test_further_networks_are_accepted_and_a_pool_that_is_not_announced_is_not(intent_of: Any) -> None:
    newer = {"defaults_file": {"data": {"software": {"calico": "3.28.5", "kubernetes": "1.30.0"}}}}
    more = networks(
        pods="10.34.0.0/17",
        pod_subnet="10.34.0.0/16",
        pod_routing={"announced": False},
        further_pools=[{"cidr": "10.34.128.0/18", "announced": False}, {"cidr": "10.34.192.0/20", "block_size": 28}],
        external=["10.33.192.0/18", "192.0.2.0/24"],
    )
    assert entries(intent_of(**newer, **more)) == [
        (20, "10.33.128.0/18", None),
        (25, "10.33.128.0/18", 32),
        (30, "10.33.192.0/18", None),
        (35, "10.33.192.0/18", 32),
        (100, "192.0.2.0/24", None),
        (105, "192.0.2.0/24", 32),
        (1010, "10.34.192.0/20", 28),
    ]


@pytest.mark.parametrize(
    ("length", "entries"),
    [
        (32, [(30, "10.33.192.0/18", None), (35, "10.33.192.0/18", 32)]),
        (24, [(30, "10.33.192.0/18", None), (35, "10.33.192.0/18", 24)]),
        (18, [(30, "10.33.192.0/18", None)]),
    ],
)
def test_of_speakers_of_the_load_balancer_its_own_addresses_alone_are_accepted(
    intent_of: Any, length: int, entries: list[tuple[int, str, int | None]]
) -> None:
    data = {
        "software": {"metallb": "0.15.2"},
        "manifests": {"metallb": "metallb-native.yaml"},
        "load_balancer": {"provider": "metallb", "announced_by": "metallb", "aggregation_length": length},
    }
    found = accepted_of(intent_of(defaults_file={"data": data}))
    assert [(entry.number, str(entry.prefix), entry.shortest) for entry in found] == entries


def test_a_number_of_the_process_is_raised_and_never_lowered() -> None:
    assert [raised(standing, 6) for standing in (None, 1, 5, 6, 64)] == [None, 6, 6, None, None]


def test_another_password_makes_another_description_and_each_router_has_its_own(intent_of: Any) -> None:
    intent = intent_of()
    one, other = intent.routers
    said = [description(intent, router, password) for router in (one, other) for password in ("tutorial", "tutorial2")]
    assert len(set(said)) == 4
    assert all("tutorial" not in text for text in said)
    assert description(intent, one, None) == "nodes of k8s-calico"


def test_a_node_keeps_the_number_of_its_entry_whoever_comes_and_goes_beside_it(intent_of: Any) -> None:
    whole = intent_of()
    left = intent_of(hosts={"k8s-calico-master-10-31-90-2": None, "k8s-calico-master-10-31-90-3": None})
    numbers = [{one.name: one.number for one in senders(intent, intent.router("openwrt"))} for intent in (whole, left)]
    assert len(numbers[0]) == 6
    assert len(numbers[1]) == 4
    assert numbers[1].items() <= numbers[0].items()
    assert all(0 < number < 65536 for number in numbers[0].values())


def test_in_a_network_with_more_addresses_than_there_are_numbers_they_are_counted(intent_of: Any) -> None:
    intent = intent_of(**networks(nodes="10.0.0.0/11"))
    assert [one.number for one in senders(intent, intent.router("openwrt"))] == [1, 2, 3, 4, 5, 6]


def test_where_whoever_connects_is_a_neighbour_no_sender_is_known(intent_of: Any) -> None:
    intent = intent_of(groups={"frr": {"data": {"peering": {"neighbours": "dynamic"}}}})
    assert senders(intent, intent.router("openwrt")) == ()
