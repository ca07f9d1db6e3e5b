"""What the images are made of, and whether the manifests fit them."""

import functools
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from tigera_operator import api, controllers, workload
from tigera_operator.managed import Managed

from tests.conftest import LOADER
from tests.crds import crds

STANDINS = Path(__file__).parents[3] / "lab" / "standins"
IMAGES = sorted(path.parent for path in STANDINS.glob("images/*/image.json"))
MANIFESTS = sorted(STANDINS.glob("manifests/*/*.yaml"))
OPERATORS = [path for path in MANIFESTS if path.name == "tigera-operator.yaml"]
PURELBS = [path for path in MANIFESTS if path.name == "purelb-complete.yaml"]


def title(path: Path) -> str:
    return f"{path.parent.name}/{path.name}"


@functools.cache
def documents(path: Path) -> list[dict[str, Any]]:
    return [item for item in yaml.load_all(path.read_text(), Loader=LOADER) if item]


def rules(item: dict[str, Any]) -> set[tuple[str, str, str]]:
    return {
        (group, resource, verb)
        for rule in item["rules"]
        for group in rule["apiGroups"]
        for resource in rule["resources"]
        for verb in rule["verbs"]
    }


@pytest.mark.parametrize("image", IMAGES, ids=lambda path: path.name)
def test_all_that_an_image_imports_is_in_it(image: Path) -> None:
    described = json.loads((image / "image.json").read_text())
    assert all((image / source).exists() for source in described["files"])
    code = {source: target for source, target in described["files"].items() if (image / source).is_dir()}
    packages = {Path(target).name: image / source for source, target in code.items()}
    assert all((folder / "__init__.py").is_file() for folder in packages.values())
    assert {Path(target).parent for target in code.values()} == {Path(described["environment"]["PYTHONPATH"])}
    started = described["entrypoint"][-1]
    assert (packages[started] / "__main__.py").is_file()
    ours = {path.parent.name for path in STANDINS.glob("images/*/*/__init__.py")}
    for module in (path for folder in packages.values() for path in folder.glob("*.py")):
        imported = set(re.findall(r"^(?:from|import) (\w+)", module.read_text(), re.MULTILINE)) & ours
        assert imported <= packages.keys(), module


def test_every_image_of_the_manifests_is_built_here() -> None:
    named = {
        image
        for manifest in MANIFESTS
        for image in re.findall(r"docker\.io/kubepeer-standin/([\w-]+):v1", manifest.read_text())
    }
    assert named == {image.name for image in IMAGES}


@pytest.mark.parametrize("manifest", MANIFESTS, ids=title)
def test_every_definition_has_its_name(manifest: Path) -> None:
    definitions = [item for item in documents(manifest) if item["kind"] == "CustomResourceDefinition"]
    assert bool(definitions) is (title(manifest) != "calico-3.32.1/tigera-operator.yaml"), (
        "from 3.30 on the operator's has none"
    )
    for item in definitions:
        assert item["apiVersion"] == "apiextensions.k8s.io/v1"
        assert item["metadata"]["name"] == f"{item['spec']['names']['plural']}.{item['spec']['group']}"


@pytest.mark.parametrize("manifest", MANIFESTS, ids=title)
def test_every_definition_is_a_structural_schema(manifest: Path) -> None:
    """Each part has a type, save for numbers that may be texts: the API server asks for that."""
    for item in documents(manifest):
        if item["kind"] == "CustomResourceDefinition":
            (version,) = item["spec"]["versions"]
            found = list(_parts(version["schema"]["openAPIV3Schema"]))
            assert [part for part in found if "type" not in part and "x-kubernetes-int-or-string" not in part] == []


def _parts(schema: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield schema
    for inner in [*schema.get("properties", {}).values(), *([schema["items"]] if "items" in schema else [])]:
        yield from _parts(inner)


@pytest.mark.parametrize(
    "plural",
    [
        "installations.operator.tigera.io",
        *(
            f"{one}.crd.projectcalico.org"
            for one in ("bgpconfigurations", "bgppeers", "bgpfilters", "ippools", "blockaffinities", "ipamblocks")
        ),
    ],
)
@pytest.mark.parametrize("release", ["3.24.5", "3.32.1"])
def test_the_fields_are_those_of_the_real_definitions(plural: str, release: str) -> None:
    file = next(folder for folder in crds() if folder.name == f"calico-{release}") / f"{plural}.yaml"
    ours = {
        item["metadata"]["name"]: item
        for path in MANIFESTS
        if path.parent.name == f"calico-{release}"
        for item in documents(path)
        if item["kind"] == "CustomResourceDefinition"
    }
    assert (plural in ours) is file.is_file()
    if plural in ours:
        (real,) = documents(file)
        known, wanted = (
            dict(_fields(item["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"]))
            for item in (ours[plural], real)
        )
        old = re.compile(r"\.(ipip(\..*)?|nat-outgoing)")  # of Calico before 2.6
        wanted = {field: schema for field, schema in wanted.items() if not old.fullmatch(field)}
        anything = "x-kubernetes-preserve-unknown-fields"
        free = [field for field, one in known.items() if one.get(anything) or one.get("items", {}).get(anything)]
        missing = [field for field in wanted if field not in known and not any(field.startswith(one) for one in free)]
        assert (missing, sorted(known.keys() - wanted.keys())) == ([], [])
        for field, schema in wanted.items():
            assert field not in known or known[field].get("default") == schema.get("default"), field


def _fields(schema: dict[str, Any], path: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    for key, inner in (schema.get("properties") or {}).items():
        yield f"{path}.{key}", inner
        yield from _fields(inner, f"{path}.{key}")
        if isinstance(inner.get("items"), dict):
            yield from _fields(inner["items"], f"{path}.{key}[]")


def _kept() -> list[Managed]:
    daemon_set = workload.daemon_set("image", "3.32.1", ("first-found", ""), "NodeIP", 30, {})
    own = [daemon_set, controllers.deployment("image", "3.32.1"), api.deployment("image", "3.32.1", 2, 60, "mark")]
    return [
        *workload.rights(),
        *controllers.rights(),
        *api.rights("3.24.5"),
        *own,
        api.secret("a", "", ""),
        api.service("a"),
        api.registration("a", ""),
    ]


@pytest.mark.parametrize("manifest", OPERATORS, ids=title)
def test_the_operator_holds_the_rights_for_all_that_it_keeps(manifest: Path) -> None:
    (role,) = (item for item in documents(manifest) if item["kind"] == "ClusterRole")
    held = rules(role)
    for managed in _kept():
        parts = managed.path.strip("/").split("/")
        group = parts[1] if parts[0] == "apis" else ""
        needed = {(group, parts[-2], verb) for verb in ("get", "create", "patch")}
        assert needed <= held, managed.path
    assert {
        ("rbac.authorization.k8s.io", kind, verb) for kind in ("clusterroles", "roles") for verb in ("bind", "escalate")
    } <= held


@pytest.mark.parametrize("manifest", [*OPERATORS, *PURELBS], ids=title)
def test_a_program_is_told_which_release_it_is(manifest: Path) -> None:
    release = manifest.parent.name.partition("-")[2]
    told = {one["name"]: one.get("value") for item in documents(manifest) for one in _environment(item)}
    if manifest in OPERATORS:
        assert told["CALICO_VERSION"] == f"v{release}"
    else:
        assert told["PURELB_VERSION"] == release


def _environment(item: dict[str, Any]) -> list[dict[str, Any]]:
    containers = item.get("spec", {}).get("template", {}).get("spec", {}).get("containers", [])
    return [one for container in containers for one in container.get("env", [])]


def test_calico_node_may_not_read_secrets_by_itself() -> None:
    """As with the real one, whoever wants BGP passwords gives calico-node a Role for them."""
    roles = [managed.item for managed in workload.rights() if managed.item["kind"] == "ClusterRole"]
    assert "secrets" not in {resource for role in roles for _, resource, _ in rules(role)}


def test_calico_node_runs_on_every_node_before_there_is_a_network() -> None:
    pod = workload.daemon_set("image", "3.32.1", ("first-found", ""), "", 30, {})
    spec = pod.item["spec"]["template"]["spec"]
    assert spec["hostNetwork"] is True
    assert {(one.get("effect"), one["operator"]) for one in spec["tolerations"]} >= {
        ("NoSchedule", "Exists"),
        ("NoExecute", "Exists"),
    }
    mounted = {
        mount["name"]
        for container in spec["containers"] + spec["initContainers"]
        for mount in container["volumeMounts"]
    }
    assert mounted == {volume["name"] for volume in spec["volumes"]}


@pytest.mark.parametrize("manifest", PURELBS, ids=title)
def test_two_allocators_never_run_at_once(manifest: Path) -> None:
    (allocator,) = (item for item in documents(manifest) if item["kind"] == "Deployment")
    assert allocator["spec"]["strategy"] == {"type": "Recreate"}
    assert allocator["spec"]["template"]["spec"]["terminationGracePeriodSeconds"] > 0
