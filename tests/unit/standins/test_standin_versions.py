"""What the stand-ins have since when is what the project's own table of versions says, and what their definitions declare."""

from pathlib import Path
from typing import Any

import pytest
import yaml
from calico_node.versions import FILTERS, PEER_NEXT_HOP_MODE, SINCE, SLICES_WITHOUT_READINESS, Version
from purelb_allocator.habits import Habits
from tigera_operator import configuration, defaults

from kubepeer import versions
from tests.conftest import LOADER

MANIFESTS = Path(__file__).parents[3] / "lab" / "standins" / "manifests"
TABLE = yaml.safe_load(versions.DATA.read_text(encoding="utf-8"))["features"]
KINDS = ("BGPPeer", "BGPConfiguration", "BGPFilter")
RELEASES = [f"3.{minor}.{patch}" for minor in range(24, 33) for patch in (0, 1, 2, 3, 7)]
PURELBS = ["0.0.1", *(f"0.{minor}.0" for minor in range(6, 17)), "0.16.6"]


def test_calico_node_has_everything_from_the_version_on_that_the_table_says() -> None:
    assert {feature: TABLE["calico"][feature]["since"] for feature in SINCE} == SINCE
    assert not any("until" in TABLE["calico"][feature] for feature in SINCE)


@pytest.mark.parametrize("release", RELEASES)
def test_the_operator_fills_in_what_the_table_says_of_its_release(release: str) -> None:
    (pool,) = defaults.filled({}, release, ["10.33.0.0/17"])["calicoNetwork"]["ipPools"]
    for field in ("name", "disableNewAllocations", "assignmentMode"):
        assert (field in pool) is versions.has("calico", release, f"Installation.ipPools.{field}"), field
    asked = {"metadata": {"name": "default"}, "spec": {"calicoNetwork": {"clusterRoutingMode": "BIRD"}}}
    written = configuration.cluster_routes(asked, [], release) is not None
    assert written is versions.has("calico", release, "BGPConfiguration.programClusterRoutes")
    assert written is versions.has("calico", release, "Installation.clusterRoutingMode")


@pytest.mark.parametrize("release", PURELBS)
def test_purelb_has_the_habits_that_the_table_says_of_its_release(release: str) -> None:
    habits = Habits.of(release)
    assert (habits.api == "v2") is versions.has("purelb", release, "API v2 alone")
    # its words about pools and addresses came with the release that moved it
    assert habits.talkative is versions.has("purelb", release, "namespace purelb-system")


@pytest.mark.parametrize("folder", sorted(MANIFESTS.glob("calico-*")), ids=lambda folder: folder.name)
def test_the_definitions_declare_the_fields_that_the_table_says_of_their_release(folder: Path) -> None:
    release = folder.name.removeprefix("calico-")
    declared = {field for file in folder.glob("*.yaml") for field in _fields(file)}
    rows = [feature for feature in TABLE["calico"] if feature.split(".")[0] in KINDS and " " not in feature]
    assert rows
    assert {row: row in declared for row in rows} == {row: versions.has("calico", release, row) for row in rows}


def _fields(file: Path) -> set[str]:
    """Of each kind of BGP's the fields of its specification, of a filter those of its rules; written as the table's rows are."""
    found: set[str] = set()
    for item in filter(None, yaml.load_all(file.read_text(encoding="utf-8"), Loader=LOADER)):
        kind = item["spec"]["names"]["kind"] if item["kind"] == "CustomResourceDefinition" else ""
        if kind in KINDS:
            (version,) = item["spec"]["versions"]
            spec: dict[str, Any] = version["schema"]["openAPIV3Schema"]["properties"]["spec"]["properties"]
            found |= {
                f"{kind}.{field}"
                for field in (spec["exportV4"]["items"]["properties"] if kind == "BGPFilter" else spec)
            }
    return found


def test_version_numbers_are_compared_as_numbers_to_the_patch() -> None:
    assert not Version("3.9.1").has(FILTERS)
    assert Version("4.0.0").has(FILTERS)
    assert [Version(text).has(PEER_NEXT_HOP_MODE) for text in ("3.30.1", "3.30.2", "3.31.0")] == [False, True, True]
    assert Version("3.31.0-0.dev").has(SLICES_WITHOUT_READINESS)
