"""Which Kubernetes the lab's mirror has: a patch release of the same source, the next minor when it is asked for, and where they lie."""

import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest
import yaml

from lab.build import besides, next_minor, programs
from lab.build.images import kubernetes_images
from lab.build.kubernetes_packages import NEXT_PATCH_PACKAGES, PACKAGES, build_kubernetes_packages, packages_of
from lab.build.plan import steps
from lab.build.programs import COREDNS, ETCD, KUBERNETES, NEXT_COREDNS, NEXT_ETCD, NEXT_MINOR, NEXT_PATCH, Project
from lab.build.repository import build_kubernetes_repository, of_minor
from lab.build.steps import Lane, Step
from lab.debian import NEXT_RELEASE, RELEASE, UNSTABLE, Apt
from lab.places import CHECKOUT, Cache
from lab.topology import MACHINES
from tests.conftest import unavailable

PLAIN = {one.role for one in MACHINES if not one.optional}


@pytest.fixture
def cache(tmp_path: Path) -> Cache:
    return Cache(tmp_path / "cache")


@pytest.fixture
def planned(cache: Cache) -> dict[str, Step]:
    """The steps of all machines that a plain `up` starts, in their order."""
    apts = {release: Apt(cache.path, (), cache.path, release) for release in (RELEASE, NEXT_RELEASE, UNSTABLE)}
    return {step.name: step for step in steps(cache, apts, PLAIN)}


@pytest.fixture
def asked_for(cache: Cache, planned: dict[str, Step], monkeypatch: pytest.MonkeyPatch) -> dict[str, Step]:
    """The steps of the next minor."""
    monkeypatch.setattr(besides, "host_sources", lambda **_: ())
    return {step.name: step for step in besides.ASKED_FOR[next_minor.NAME](cache, planned.values())}


@pytest.mark.parametrize(
    ("version", "family", "place"),
    [
        ("1.36.3", "deb", "core:/stable:/v1.36/deb"), ("1.36.4", "rpm", "core:/stable:/v1.36/rpm"),
        ("1.37.2", "deb", "core:/stable:/v1.37/deb"),
    ],
)  # fmt: skip
def test_a_minors_packages_lie_where_pkgs_k8s_io_has_them(version: str, family: str, place: str) -> None:
    assert of_minor(version, family) == place


def test_the_inventories_of_the_lab_and_of_real_machines_name_the_same_place() -> None:
    def places(name: str) -> list[str]:
        packages = yaml.safe_load((CHECKOUT / name).read_text())["data"]["packages"]
        lines = [*packages["repositories"], *(each["baseurl"] for each in packages["rpm_repositories"])]
        return [line.partition("/core:")[2] for line in lines if "/core:" in line]

    assert places("lab/defaults.yaml") == places("inventory/defaults.yaml")


@pytest.mark.parametrize(
    ("kubernetes", "etcd", "coredns"), [(KUBERNETES, ETCD, COREDNS), (NEXT_MINOR, NEXT_ETCD, NEXT_COREDNS)]
)
def test_etcd_and_coredns_are_those_that_kubeadm_asks_for(kubernetes: Project, etcd: Project, coredns: Project) -> None:
    known = yaml.safe_load((CHECKOUT / "kubepeer/versions.yaml").read_text())["kubernetes"]
    minor = known[kubernetes.version.rpartition(".")[0]]
    assert (f"{etcd.version}-0", f"v{coredns.version}") == (minor["etcd"], minor["coredns"])


@pytest.mark.parametrize("project", [KUBERNETES, NEXT_PATCH, NEXT_MINOR])
def test_a_kubernetes_is_compiled_of_its_folder_and_linked_with_its_own_number(
    project: Project, cache: Cache, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    called: list[str] = []

    def go(words: list[str], *, directory: Path, environment: Mapping[str, str], log: Path) -> None:
        assert directory == CHECKOUT / "lab/programs" / ("kubernetes-1.37" if project is NEXT_MINOR else "kubernetes")
        assert environment["GOCACHE"] == str(cache.go / "build")
        called.extend(words)
        made = Path(words[words.index("-o") + 1])
        made.mkdir()
        for package in project.programs.values():
            (made / package.rpartition("/")[2]).write_text("")

    monkeypatch.setattr(programs, "run", go)
    monkeypatch.setattr(programs, "toolchain", lambda: tmp_path)
    programs.build(project, cache, tmp_path / "log")
    settings = called[called.index("-ldflags") + 1].split()
    minor = project.version.split(".")[1]
    for package in ("k8s.io/component-base/version", "k8s.io/client-go/pkg/version"):
        assert {f"{package}.gitVersion=v{project.version}", f"{package}.gitMinor={minor}"} <= set(settings)
    assert settings[:2] == ["-s", "-w"]
    assert called[called.index("-tags") + 1] == "selinux,notest,grpcnotrace"
    assert sorted(file.name for file in cache.programs(project.name).iterdir()) == sorted(project.programs)


def test_the_patch_release_differs_from_what_clusters_are_built_with_by_its_number_alone() -> None:
    assert NEXT_PATCH.folder == KUBERNETES.folder
    assert (NEXT_PATCH.programs, NEXT_PATCH.tags) == (KUBERNETES.programs, KUBERNETES.tags)
    differing = {name: value for name, value in NEXT_PATCH.settings.items() if KUBERNETES.settings[name] != value}
    assert {name.rpartition(".")[2]: value for name, value in differing.items()} == {"gitVersion": "v1.36.4"}
    assert not {program for program in cache_paths(NEXT_PATCH) if program in cache_paths(KUBERNETES)}


def cache_paths(project: Project) -> set[Path]:
    return {Cache(Path("/cache")).programs(project.name) / name for name in project.programs}


def test_the_patch_release_is_linked_after_all_is_compiled_and_downloads_nothing(planned: dict[str, Step]) -> None:
    linked = planned["programs-kubernetes-1.36.4"]
    assert [step.name for step in linked.after] == ["modules-kubernetes", "programs-kubernetes"]
    assert linked.lane is Lane.COMPILER
    assert [name for name, step in planned.items() if step.lane is Lane.COMPILER][-1] == linked.name
    assert not any(name.startswith("modules-kubernetes-") for name in planned)


def test_the_packages_and_images_of_the_patch_release_are_made_beside_the_others(
    planned: dict[str, Step], cache: Cache
) -> None:
    packages = [planned[name] for name in ("kubernetes-packages", "kubernetes-packages-1.36.4")]
    assert [step.outputs for step in packages] == [(cache.path / "packages",), (cache.path / "packages-1.36.4",)]
    assert [step.name for step in packages[1].after] == ["programs-kubernetes-1.36.4"]
    assert planned["repository-v1.36"].after == tuple(packages)
    for image in ("kube-apiserver", "kube-controller-manager", "kube-scheduler", "kube-proxy"):
        pair = planned[f"image-{image}"], planned[f"image-{image}-v1.36.4"]
        assert [step.outputs[0].name for step in pair] == ["v1.36.3", "v1.36.4"]
        assert pair[0].outputs[0].parent == pair[1].outputs[0].parent
        assert "programs-kubernetes" in {step.name for step in pair[0].after}
        assert "programs-kubernetes-1.36.4" in {step.name for step in pair[1].after}
    assert not {"image-etcd-3.6.8-0", "image-pause-3.10.2"} & set(planned)


def test_a_cluster_is_built_of_images_that_are_not_of_the_patch_release(cache: Cache) -> None:
    for image in kubernetes_images(cache, NEXT_PATCH):
        assert all(source.is_relative_to(cache.programs(NEXT_PATCH.name)) for source in image.files.values())
    for image in kubernetes_images(cache, KUBERNETES):
        assert not any(source.is_relative_to(cache.programs(NEXT_PATCH.name)) for source in image.files.values())


def test_the_next_minor_is_built_only_when_it_is_asked_for(
    planned: dict[str, Step], asked_for: dict[str, Step], cache: Cache
) -> None:
    assert not [name for name in planned if "1.37" in name]
    assert not set(planned) & set(asked_for)
    assert {name for name, step in asked_for.items() if step.lane is Lane.COMPILER} == {
        "programs-kubernetes-1.37", "programs-etcd-3.7", "programs-coredns-1.14.6",
    }  # fmt: skip
    places = [output for step in asked_for.values() if "repository" in step.name for output in step.outputs]
    assert places == list(next_minor.served(cache))
    tags = {step.outputs[0].name for name, step in asked_for.items() if name.startswith("image-")}
    assert tags == {"v1.37.2", "3.7.0-0", "v1.14.6"}


def test_what_the_next_minor_has_in_common_with_the_other_is_taken_from_it(
    asked_for: dict[str, Step], planned: dict[str, Step]
) -> None:
    packages = asked_for["kubernetes-packages-1.37.2"]
    assert {step.name for step in packages.after} == {"programs-kubernetes-1.37", "programs-crictl", "programs-cni"}
    assert planned["image-base"] in asked_for["image-etcd-3.7.0-0"].after
    assert [step.name for step in asked_for["image-coredns-coredns-v1.14.6"].after] == ["programs-coredns-1.14.6"]


def test_patch_releases_stand_beside_each_other_in_one_repositorys_index(cache: Cache, tmp_path: Path) -> None:
    if not all(map(shutil.which, ("dpkg-deb", "dpkg-scanpackages"))):
        unavailable("no dpkg-dev on this host")
    for project in {package.project.name: package.project for package in (*PACKAGES, *NEXT_PATCH_PACKAGES)}.values():
        cache.programs(project.name).mkdir(parents=True)
        for name in project.programs:
            (cache.programs(project.name) / name).write_text(f"{name} {project.version}")
    folders = cache.packages, cache.packages_of(NEXT_PATCH.version)
    for packages, folder in zip((PACKAGES, NEXT_PATCH_PACKAGES), folders, strict=True):
        build_kubernetes_packages(cache, packages, folder, tmp_path / "log")
    served = cache.served(of_minor(KUBERNETES.version, "deb"))
    build_kubernetes_repository(folders, served, tmp_path / "log")
    stanzas = [dict(line.split(": ", 1) for line in text.splitlines() if ": " in line)
               for text in (served / "Packages").read_text().split("\n\n") if text.strip()]  # fmt: skip
    assert sorted((stanza["Package"], stanza["Version"]) for stanza in stanzas) == [
        ("cri-tools", "1.36.0-1.1"),
        *((name, f"{version}-1.1") for name in ("kubeadm", "kubectl", "kubelet") for version in ("1.36.3", "1.36.4")),
        ("kubernetes-cni", "1.9.1-1.1"),
    ]
    newer = next(stanza for stanza in stanzas if (stanza["Package"], stanza["Version"]) == ("kubeadm", "1.36.4-1.1"))
    subprocess.run(["dpkg-deb", "--extract", served / newer["Filename"], tmp_path / "root"], check=True)
    assert (tmp_path / "root/usr/bin/kubeadm").read_text() == "kubeadm 1.36.4"
    assert "SHA256:" in (served / "Release").read_text()


def test_another_minors_repository_is_complete_by_itself() -> None:
    assert {package.name for package in packages_of(NEXT_MINOR)} == {package.name for package in PACKAGES}
    assert {package.version for package in packages_of(NEXT_MINOR) if package.project is NEXT_MINOR} == {"1.37.2-1.1"}
