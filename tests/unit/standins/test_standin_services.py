"""Which service networks and addresses a node announces, by the version that it speaks as."""

from ipaddress import IPv4Interface
from typing import Any

import pytest
from calico_node import bgp, services, versions
from calico_node.family import IPV4, IPV6, Family
from calico_node.resources import Node
from calico_node.versions import Version
from cluster_api.objects import Json


def endpoints(case: dict[str, Any], version: Version, family: Family) -> frozenset[services.Endpoint]:
    """Read what the case lists, in the form that this version reads; several slices may belong to one service."""
    if not version.has(versions.SLICES_WITHOUT_READINESS):
        items = [
            {"metadata": {"name": name, "namespace": "default"}, "subsets": fields["endpoints"]}
            for name, fields in case.get("services", {}).items()
            if "endpoints" in fields
        ]
        return services.from_endpoints(items, family)
    slices: list[Json] = [
        {
            "metadata": {
                "name": f"{name}-{number}",
                "namespace": "default",
                "labels": {"kubernetes.io/service-name": name},
            },
            "addressType": one.get("addressType", "IPv4"),
            "endpoints": one["endpoints"],
        }
        for name, fields in case.get("services", {}).items()
        for number, one in enumerate(fields.get("slices", []))
    ]
    return services.from_slices(slices, family)


@pytest.mark.cases("services")
def test_the_node_announces_what_its_version_would(case: dict[str, Any]) -> None:
    version, family = Version(case.get("version", "3.24.5")), IPV6 if case.get("ipv6") else IPV4
    settings = bgp.settings([{"metadata": {"name": "default"}, "spec": case["configuration"]}], "n1", version, family)
    node = Node("n1", case.get("labels", {}), IPv4Interface("10.31.90.1/16"), None)
    listed = [
        {"metadata": {"name": name, "namespace": "default"}, "spec": fields["spec"], "status": fields.get("status", {})}
        for name, fields in case.get("services", {}).items()
    ]
    found = services.announced(node, settings, listed, endpoints(case, version, family))
    assert list(map(str, found)) == case["announced"]
