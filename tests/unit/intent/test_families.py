"""Networks and addresses of both families: what an inventory may say, in which words another is refused, and what follows from it."""

from typing import Any

import pytest

from kubepeer.errors import UsageError
from kubepeer.intent import Intent
from kubepeer.intent.families import IPV4, IPV6, by_number, in_url
from kubepeer.intent.load import load_intent
from kubepeer.intent.prefixes import announced
from kubepeer.settings import read_settings
from tasks.platforms.platform import PLATFORMS
from tests.both_families import EXAMPLE, dual_stack, ipv6_only
from tests.conftest import merged

NODE = "k8s-calico-worker-10-31-90-4"


@pytest.fixture
def both(intent_of: Any) -> Intent:
    intent: Intent = intent_of(**dual_stack())
    return intent


@pytest.fixture
def alone(intent_of: Any) -> Intent:
    intent: Intent = intent_of(**ipv6_only())
    return intent


@pytest.mark.cases("families")
def test_a_mistake_is_one_line_with_its_file_and_key(case: dict[str, Any], project: Any) -> None:
    with pytest.raises(UsageError) as raised:
        load_intent(project(**merged(dual_stack(), case["edit"])), PLATFORMS)
    assert str(raised.value) == case["says"].strip()


def test_the_first_family_is_the_clusters_own(both: Intent) -> None:
    networks = both.cluster.networks
    assert networks.versions == (IPV4, IPV6)
    assert [str(family.pods) for family in networks.families] == ["10.33.0.0/17", "fd00:10:33::/56"]
    assert networks.pods == networks.of(IPV4).pods
    assert [family.pod_block_size for family in networks.families] == [24, 122]
    assert [str(one) for one in networks.announced][3:] == [
        "fd00:10:33::/56",
        "fd00:10:33:8000::/108",
        "fd00:10:33:c000::/112",
    ]


def test_a_host_has_an_address_in_each_family(both: Intent) -> None:
    for host in (both.node(NODE), both.router("openwrt")):
        assert [address.version for address in host.addresses] == [IPV4, IPV6]
        assert host.address == host.address_of(IPV4)
        assert (host.key_of(IPV4), host.key_of(IPV6)) == ("hostname", "data.address6")
    assert {"10.31.90.4", "fd00:10:31::90:4"} <= both.addresses_of_peers(both.router("openwrt"))


def test_ipv6_may_be_the_only_family(alone: Intent) -> None:
    assert alone.cluster.networks.versions == (IPV6,)
    assert [str(address) for address in alone.node(NODE).addresses] == ["fd00:10:31::90:4"]
    assert alone.node(NODE).address_key == "hostname"
    assert alone.cluster.endpoint.at == "[fd00:10:31::90:0]:8443"


@pytest.mark.parametrize(("said", "sizes"), [(24, [24, 122]), (124, [26, 124]), ([120, 22], [22, 120])])
def test_a_block_size_goes_to_its_family_and_the_other_one_is_calicos(
    said: Any, sizes: list[int], intent_of: Any
) -> None:
    edits = {"groups": {"fabric": {"data": {"cluster": {"networks": {"pod_block_size": said}}}}}}
    limit = {"groups": {"fabric": {"data": {"cluster": {"bgp": {"maximum_prefixes": 5000}}}}}}
    networks = intent_of(**merged(merged(dual_stack(), edits), limit)).cluster.networks
    assert [family.pod_block_size for family in networks.families] == sizes


def test_blocks_of_ipv6_are_counted_by_what_nodes_use_and_not_by_what_fits(both: Intent) -> None:
    """A /56 has 2^66 blocks of /122; a node fills two with the 111 addresses that it can have."""
    most = announced(both, both.router("openwrt"), PLATFORMS, both.cluster.networks.of(IPV6))
    assert (most.blocks, most.own_again, most.borrowed) == (12, 2, 0)


def test_the_example_differs_from_the_inventory_in_the_second_family_alone(both: Intent, intent_of: Any) -> None:
    one = intent_of()
    assert [node.address for node in both.nodes] == [node.address for node in one.nodes]
    assert both.cluster.networks.families[:1] == one.cluster.networks.families
    assert both.software == one.software


def test_the_example_is_an_inventory_as_it_stands(both: Intent) -> None:
    assert load_intent(read_settings(EXAMPLE / "config.yaml"), PLATFORMS).cluster == both.cluster


def test_addresses_of_both_families_have_an_order_and_a_form_for_the_web(both: Intent) -> None:
    node = both.node(NODE)
    assert sorted({*node.addresses}, key=by_number) == list(node.addresses)
    assert [in_url(one) for one in (*node.addresses, "name")] == ["10.31.90.4", "[fd00:10:31::90:4]", "name"]
