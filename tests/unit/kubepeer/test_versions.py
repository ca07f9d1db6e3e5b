"""The table of versions: well-formed, complete for what is supported, and true of the CRDs that the projects have published."""

import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from kubepeer import versions
from tests.conftest import CHECKOUT, LOADER
from tests.crds import crds

TABLE = yaml.safe_load(versions.DATA.read_text(encoding="utf-8"))
RESOURCES = {"BGPPeer": "bgppeers", "BGPConfiguration": "bgpconfigurations", "BGPFilter": "bgpfilters"}


def minors(first: str, last: str) -> list[str]:
    major, begin = versions.number(first)
    return [f"{major}.{number}" for number in range(begin, versions.number(last)[1] + 1)]


def rows(value: Any, path: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    """Every row that claims something, with its path."""
    if isinstance(value, dict) and any(isinstance(below, dict) for below in value.values()):
        for key, below in value.items():
            yield from rows(below, f"{path}/{key}")
    elif isinstance(value, dict):
        yield path, value


def test_every_row_names_its_source() -> None:
    claims = {key: value for key, value in TABLE.items() if key != "also"}
    assert [path for path, row in rows(claims) if not row.get("source")] == []


@pytest.mark.parametrize("project", ["kubernetes", "calico"])
def test_every_supported_minor_has_its_row_and_no_other(project: str) -> None:
    assert list(TABLE[project]) == minors(*versions.supported(project))  # type: ignore[arg-type]


def test_a_feature_ends_after_it_began() -> None:
    features = {
        f"{project} {name}": row for project in TABLE["features"] for name, row in TABLE["features"][project].items()
    }
    assert [
        name
        for name, row in features.items()
        if "until" in row and versions.number(row["until"]) <= versions.number(row["since"])
    ] == []


@pytest.mark.parametrize(
    ("version", "answer"),
    [("1.25.9", False), ("1.26.0", True), ("1.30.11", True), ("1.37.2", True), ("1.38.0", False), ("2.30.0", False)],
)
def test_a_version_is_supported_by_its_minor(version: str, answer: bool) -> None:  # noqa: FBT001
    assert versions.is_supported("kubernetes", version) is answer


def test_the_tutorials_purelb_is_a_number_of_a_manifest() -> None:
    assert versions.is_supported("purelb", "0.0.1")
    assert not versions.is_supported("purelb", "0.0.2")
    assert not versions.has("purelb", "0.0.1", "namespace purelb-system")


@pytest.mark.parametrize(
    ("project", "version", "feature", "answer"),
    [
        ("calico", "3.24.5", "BGPPeer.ttlSecurity", False),
        ("calico", "3.25.0", "BGPPeer.ttlSecurity", True),
        ("calico", "v3.32.1", "BGPPeer.ttlSecurity", True),
        ("kubeadm", "1.36.3", "v1beta3", True),
        ("kubeadm", "1.37.0", "v1beta3", False),
        ("kubernetes", "1.34.9", "cgroup v1 refused", False),
        ("kubernetes", "1.35.0", "cgroup v1 refused", True),
        ("purelb", "0.9.0", "namespace purelb-system", False),
        ("purelb", "0.14.0", "namespace purelb-system", True),
    ],
)
def test_a_feature_is_there_from_its_first_version_to_its_last(
    project: Any,
    version: str,
    feature: str,
    answer: bool,  # noqa: FBT001
) -> None:
    assert versions.has(project, version, feature) is answer


def test_a_feature_that_is_not_in_the_table_is_a_mistake_of_the_caller() -> None:
    with pytest.raises(KeyError):
        versions.has("calico", "3.24.5", "BGPPeer.bfd")


def test_what_goes_with_a_version() -> None:
    assert versions.calico("3.24.5").operator == "1.28"
    assert versions.calico_for("1.26.0") == ("3.25", "3.26", "3.27")
    assert versions.calico_for("1.37.2") == ()


@pytest.mark.parametrize(
    ("version", "least", "first"),
    [("1.26.0", "1.6.0", "1.26.0"), ("1.37.2", "1.6.0", "1.26.0"), ("1.38.0", "2.0.0", "1.38.0")],
)
def test_the_containerd_that_a_kubernetes_needs(version: str, least: str, first: str) -> None:
    assert versions.containerd_for(version) == (least, first)


def test_the_table_is_installed_with_the_package() -> None:
    project = tomllib.loads((CHECKOUT / "pyproject.toml").read_text(encoding="utf-8"))
    assert versions.DATA.name in project["tool"]["setuptools"]["package-data"]["kubepeer"]


def test_the_table_is_read_at_the_first_question_only() -> None:
    script = "from kubepeer import versions; assert versions._table.cache_info().currsize == 0; print(versions.since('kubeadm', 'v1beta4'))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, cwd=CHECKOUT)
    assert done.stdout.strip() == "1.31.0"


def fields(folder: Path, kind: str) -> set[str] | None:
    """The fields of a kind's spec, or of a filter's rule; None where this version has no such kind."""
    file = folder / f"{RESOURCES[kind]}.crd.projectcalico.org.yaml"
    if not file.exists():
        return None
    document = yaml.load(file.read_text(encoding="utf-8"), Loader=LOADER)  # noqa: S506  a safe loader, by libyaml
    spec = document["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
    properties = spec["properties"]["spec"]["properties"]
    return set(properties["exportV4"]["items"]["properties"] if kind == "BGPFilter" else properties)


def test_the_fields_of_the_table_are_those_of_the_published_crds() -> None:
    """A row `Kind.field` says the same as the CRD of each version that we have."""
    wrong = []
    for folder in crds():
        version = folder.name.removeprefix("calico-")
        for feature in TABLE["features"]["calico"]:
            kind, _, field = feature.partition(".")
            if kind in RESOURCES and field.isidentifier():
                stands = field in (fields(folder, kind) or set())
                if stands is not versions.has("calico", version, feature):
                    wrong.append(f"{version} {feature}: {'there' if stands else 'not there'}")
    assert wrong == []
