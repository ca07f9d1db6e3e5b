"""What the images are made of, and whether the manifests fit them."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from tigera_operator import workload

STANDINS = Path(__file__).parents[3] / "lab" / "standins"
IMAGES = sorted(path.parent for path in STANDINS.glob("images/*/image.json"))
MANIFESTS = sorted(STANDINS.glob("manifests/*.yaml"))


def documents(name: str) -> list[dict[str, Any]]:
    return [item for item in yaml.safe_load_all((STANDINS / "manifests" / name).read_text()) if item]


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
    packages = {Path(target).name: image / source for source, target in described["files"].items()}
    assert all((folder / "__init__.py").is_file() for folder in packages.values())
    assert {Path(target).parent for target in described["files"].values()} == {
        Path(described["environment"]["PYTHONPATH"])
    }
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


@pytest.mark.parametrize("manifest", MANIFESTS, ids=lambda path: path.stem)
def test_every_definition_is_of_the_version_that_1_22_still_has(manifest: Path) -> None:
    definitions = [item for item in documents(manifest.name) if item["kind"] == "CustomResourceDefinition"]
    assert definitions
    for item in definitions:
        assert item["apiVersion"] == "apiextensions.k8s.io/v1"
        assert item["metadata"]["name"] == f"{item['spec']['names']['plural']}.{item['spec']['group']}"


def test_the_operator_holds_the_rights_for_all_that_it_keeps() -> None:
    (role,) = (item for item in documents("tigera-operator.yaml") if item["kind"] == "ClusterRole")
    held = rules(role)
    for group, resource in (
        ("", "namespaces"),
        ("", "serviceaccounts"),
        ("apps", "daemonsets"),
        ("rbac.authorization.k8s.io", "clusterroles"),
        ("rbac.authorization.k8s.io", "clusterrolebindings"),
        ("apiextensions.k8s.io", "customresourcedefinitions"),
    ):
        assert {(group, resource, verb) for verb in ("get", "create", "patch")} <= held
    assert {("rbac.authorization.k8s.io", "clusterroles", verb) for verb in ("bind", "escalate")} <= held


def test_calico_node_may_not_read_secrets_by_itself() -> None:
    """As with the real one, whoever wants BGP passwords gives calico-node a Role for them."""
    assert "secrets" not in {resource for _, resource, _ in rules(workload.cluster_role().item)}


def test_calico_node_runs_on_every_node_before_there_is_a_network() -> None:
    pod = workload.daemon_set("image")
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


def test_two_allocators_never_run_at_once() -> None:
    (allocator,) = (item for item in documents("purelb-complete.yaml") if item["kind"] == "Deployment")
    assert allocator["spec"]["strategy"] == {"type": "Recreate"}
    assert allocator["spec"]["template"]["spec"]["terminationGracePeriodSeconds"] > 0
