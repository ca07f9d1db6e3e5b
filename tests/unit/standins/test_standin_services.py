"""Which service networks and addresses a node announces."""

from ipaddress import IPv4Interface
from typing import Any

import pytest
from calico_node import bgp, services
from calico_node.resources import Node


@pytest.mark.cases("services")
def test_the_node_announces_what_calico_3_24_would(case: dict[str, Any]) -> None:
    settings = bgp.settings([{"metadata": {"name": "default"}, "spec": case["configuration"]}], "n1")
    node = Node("n1", case.get("labels", {}), IPv4Interface("10.31.90.1/16"), None)
    listed = [
        {"metadata": {"name": name, "namespace": "default"}, "spec": fields["spec"], "status": fields.get("status", {})}
        for name, fields in case.get("services", {}).items()
    ]
    endpoints = [
        {"metadata": {"name": name, "namespace": "default"}, "subsets": fields["endpoints"]}
        for name, fields in case.get("services", {}).items()
        if "endpoints" in fields
    ]
    assert list(map(str, services.announced(node, settings, listed, endpoints))) == case["announced"]
