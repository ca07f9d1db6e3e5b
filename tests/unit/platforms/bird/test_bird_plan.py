"""The file of a BIRD router: whose session a new one ends, and the protocols' names."""

from typing import Any

import pytest

from kubepeer.errors import RefusedError
from tasks.linux.templates import render
from tasks.platforms.bird.plan import LONGEST_NAME, Bird
from tasks.platforms.platform import context

BIRD = Bird()
ALL = {f"10.31.90.{number}" for number in range(1, 7)}


@pytest.mark.parametrize(
    ("diff", "down"),
    [
        pytest.param("-\tneighbor 10.31.90.77 as 64517;\n", {"10.31.90.77"}, id="a node that left"),
        pytest.param("+\tneighbor 10.31.90.6 as 64517;\n", set(), id="a node that is new"),
        pytest.param(
            "-\tneighbor 10.31.90.6 as 64517;\n+\tneighbor 10.31.90.6 as 64606;\n", {"10.31.90.6"}, id="another AS"
        ),
        pytest.param('+\tpassword "secret";\n', ALL, id="a password"),
        pytest.param(
            '-\tpassword "secret";\n-\tneighbor 10.31.90.77 as 64517;\n',
            {*ALL, "10.31.90.77"},
            id="no password any more, and a node that left",
        ),
        pytest.param("+\tttl security on;\n", ALL, id="TTL security, which both ends must have"),
        pytest.param("-\tmultihop 2;\n+\tmultihop 3;\n", ALL, id="another number of hops"),
        pytest.param("+\t\ttable 'blue';\n", ALL, id="another table"),
        pytest.param("-\thold time 9;\n+\thold time 12;\n", set(), id="timers"),
    ],
)
def test_only_sessions_that_the_file_ends_on_purpose_may_go_down(intent_of: Any, diff: str, down: set[str]) -> None:
    intent = intent_of()
    assert BIRD.may_go_down(intent, intent.router("openwrt"), "", diff) == down


def test_the_file_of_another_inventory_is_refused(intent_of: Any) -> None:
    one = intent_of()
    other = intent_of(groups={"fabric": {"data": {"cluster": {"name": "k8s.other"}}}})
    router = one.router("tiny-unraid")
    files = {intent.cluster.name: render(BIRD.template, **context(intent, router, "", None)) for intent in (one, other)}
    assert BIRD.candidate(one, router, files["k8s-calico"], files["k8s-calico"]) == files["k8s-calico"]
    with pytest.raises(RefusedError, match=r"KUBEPEER is that of another cluster, k8s\.other: one router takes one"):
        BIRD.candidate(one, router, files["k8s-calico"], files["k8s.other"])


def names(intent: Any) -> list[str]:
    protocols: Any = BIRD.values(intent, intent.router("openwrt"), "")["protocol_names"]
    return [protocols[node.address] for node in intent.nodes]


def test_a_protocol_is_named_for_its_node(intent_of: Any) -> None:
    assert names(intent_of())[0] == "kubepeer_k8s_calico_master_10_31_90_1"


def test_a_protocol_is_named_for_the_address_where_the_name_is_taken_or_too_long_for_bird(intent_of: Any) -> None:
    long = "rack-" * 11 + "node"
    added = {
        "w.7": {"hostname": "10.31.90.7", "groups": ["worker"]},
        "w-7": {"hostname": "10.31.90.8", "groups": ["worker"]},
        long: {"hostname": "10.31.90.9", "groups": ["worker"]},
    }
    short = {"fabric": {"data": {"cluster": {"domain": "io"}}}}  # a node's full name has 63 characters at most
    found = names(intent_of(hosts=added, groups=short))
    assert found[-3:] == ["kubepeer_w_7", "kubepeer_10_31_90_8", "kubepeer_10_31_90_9"]
    assert all(len(name) <= LONGEST_NAME for name in found)
