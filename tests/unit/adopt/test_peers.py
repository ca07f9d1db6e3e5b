"""Who speaks to whom in a live cluster, one small file a rule; and Calico's selectors."""

from typing import Any

import pytest

from tasks.adopt.peers import OWN_AS, Speaking, spoken
from tasks.adopt.selectors import SelectorError, selector


def node(name: str, said: dict[str, Any]) -> dict[str, Any]:
    annotations = {OWN_AS: said["as"]} if "as" in said else {}
    addresses = []
    if "/" in said.get("address", ""):
        annotations["projectcalico.org/IPv4Address"] = said["address"]
    elif "address" in said:
        addresses = [{"type": "InternalIP", "address": said["address"]}]
    return {
        "metadata": {"name": name, "labels": said.get("labels", {}), "annotations": annotations},
        "status": {"addresses": addresses},
    }


def peers(said: dict[str, Any]) -> tuple[dict[str, Any], ...]:
    return tuple({"metadata": {"name": name}, "spec": spec} for name, spec in said.items())


@pytest.mark.cases("peers")
def test_who_speaks_to_whom(case: dict[str, Any]) -> None:
    objects = Speaking(
        nodes=tuple(node(name, said) for name, said in case["nodes"].items()),
        bgp_configuration={"spec": case["configuration"]} if "configuration" in case else None,
        calico=peers(case.get("calico", {})),
        metallb=peers(case.get("metallb", {})),
    )
    found = spoken(objects, speakers=case.get("speakers", False))
    assert [f"{one.node} {one.own_as} {one.peer} {one.peer_as}" for one in found.sessions] == case["sessions"]
    assert list(found.unread) == case.get("unread", [])


LABELS = {"rack": "one", "node-role.kubernetes.io/control-plane": "", "zone": "eu-west-1a"}


@pytest.mark.parametrize(
    ("text", "takes"),
    [
        ("", True),
        ("all()", True),
        ("global()", False),
        ("!all()", False),
        ("has(rack)", True),
        ("has(node-role.kubernetes.io/control-plane)", True),
        ("!has(node-role.kubernetes.io/control-plane)", False),
        ("rack == 'one'", True),
        ('rack == "two"', False),
        ("rack=='one'&&zone starts with 'eu'", True),
        ("rack != 'one'", False),
        ("other != 'one'", True),
        ("rack in {'one', 'two'}", True),
        ("rack in {}", False),
        ("rack not in {'one'}", False),
        ("other not in {'one'}", True),
        ("zone contains 'west'", True),
        ("zone ends with '1a'", True),
        ("other contains ''", False),
        ("has(other) || has(rack)", True),
        ("has(other) && has(rack) || all()", True),
        ("has(other) && (has(rack) || all())", False),
        ("!(has(other))", True),
        ("!!has(rack)", True),
        ("rack == 'one' && zone == 'x' || has(zone) && !has(other)", True),
    ],
)
def test_a_selector_takes_labels(text: str, takes: bool) -> None:  # noqa: FBT001  a table
    assert selector(text)(LABELS) is takes


@pytest.mark.parametrize(
    "text",
    ["rack", "rack ==", "rack = 'one'", "rack == one", "has(rack", "has()", "(all()", "all() all()", "rack in {'a' 'b'}",
     "rack starts 'x'", "&& all()", "rack == 'one", "~", "in in in", "not", "!"],
)  # fmt: skip
def test_what_is_no_selector_is_told(text: str) -> None:
    with pytest.raises(SelectorError):
        selector(text)
