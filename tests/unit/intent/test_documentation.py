"""docs/inventory.md names every key, and says of versions what the table says."""

import re

import pytest
from pydantic import BaseModel

from kubepeer import versions
from kubepeer.intent import Bgp, Cluster, Endpoint, Manifests, Networks, Packages, Peering, Software
from kubepeer.intent.access import Access
from kubepeer.intent.calicoctl import Calicoctl
from kubepeer.intent.clock import Time
from kubepeer.intent.cluster_api import ClusterApi
from kubepeer.intent.data import FabricData, NodeData, RouterData
from kubepeer.intent.kubeadm import Audit, Component, Encryption, ExternalEtcd, Kubeadm
from kubepeer.intent.load_balancer import LoadBalancer
from kubepeer.intent.model import Certificates
from kubepeer.intent.node_side import FilterRule, NodeSide
from kubepeer.intent.pools import FurtherPool, Routing
from kubepeer.intent.proxy import Proxy
from kubepeer.intent.rack import Rack
from kubepeer.intent.runtime import Archive, Login, Mirror, RuntimeArchives
from tests.conftest import CHECKOUT

TEXT = (CHECKOUT / "docs" / "inventory.md").read_text(encoding="utf-8")
SECTIONS = [Bgp, Cluster, Endpoint, FabricData, Manifests, Networks, NodeData, Packages, Peering, RouterData, Software]
SECTIONS += [
    Access,
    Archive,
    Audit,
    Calicoctl,
    Certificates,
    ClusterApi,
    Component,
    Encryption,
    ExternalEtcd,
    FilterRule,
    FurtherPool,
    Kubeadm,
    LoadBalancer,
    Login,
    Mirror,
    NodeSide,
    Proxy,
    Rack,
    Routing,
    RuntimeArchives,
    Time,
]
CALICO = [f"{versions.supported('calico')[0].split('.')[0]}.{number}" for number in range(24, 33)]


def is_named(key: str) -> bool:
    """As `key`, behind its section's name or a dot; an image by its ending."""
    return bool(re.search(rf"`(?:[a-z_]+)?\.?{key}[`.:]", TEXT)) or f"{key}:" in TEXT or (key.endswith("_image"))


@pytest.mark.parametrize("section", SECTIONS, ids=lambda section: section.__name__)
def test_every_key_is_described(section: type[BaseModel]) -> None:
    keys = (field.alias or name for name, field in section.model_fields.items())
    assert [key for key in keys if not is_named(key)] == []


@pytest.mark.parametrize("minor", CALICO)
def test_the_documented_pairs_are_those_of_the_table(minor: str) -> None:
    row = versions.calico(f"{minor}.0")
    assert f"| {minor} | {row.operator} | {row.tested[0]} to {row.tested[-1]} |" in TEXT


@pytest.mark.parametrize("project", ["kubernetes", "calico", "purelb", "metallb"])
def test_the_documented_range_is_that_of_the_table(project: versions.Project) -> None:
    assert f"{versions.NAMES[project]} {' to '.join(versions.supported(project))}" in TEXT
