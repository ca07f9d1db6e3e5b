"""The lab's rpm packages: their spec files, what is laid out for them, and what the build does for the machine that gets them."""

from dataclasses import replace
from pathlib import Path

import pytest

from lab.build import rpm, rpm_system
from lab.build.plan import steps
from lab.build.rpm import Rpm, spec, upstream_version
from lab.build.rpm_packages import KUBERNETES, REPOSITORIES, ROCKY
from lab.build.steps import Step
from lab.debian import NEXT_RELEASE, RELEASE, UNSTABLE, Apt
from lab.places import Cache
from lab.topology import MACHINES, Role

PACKAGES = {package.name: package for of_it in REPOSITORIES.values() for package in of_it}


def laid_out(package: Rpm, folder: Path, debian: Path | None = None) -> Path:
    programs = folder / "programs"
    if package.project is not None:
        programs.mkdir()
        for name in package.project.programs:
            (programs / name).write_text(name)
    rpm.lay_out(package, folder / "root", programs, debian)
    return folder / "root"


def lines_of(package: Rpm, root: Path) -> list[str]:
    return spec(replace(package, version=package.version or "1"), root).splitlines()


@pytest.mark.parametrize(
    ("debian", "upstream"),
    [
        ("4.3-2+deb12u1", "4.3"), ("1:9.2p1-2+deb12u7", "9.2p1"), ("1.1.5+ds1-1+deb12u1", "1.1.5"), ("3:20221126-1", "20221126"),
        ("4.18.0+dfsg-1+deb12u1", "4.18.0"), ("1:2.11-6", "2.11"), ("2.36", "2.36"), ("1:30+20221128-1", "30"),
    ],
)  # fmt: skip
def test_an_rpm_of_a_debian_program_has_its_upstream_version(debian: str, upstream: str) -> None:
    assert upstream_version(debian) == upstream


def test_the_kubelet_is_laid_out_as_upstreams_rpm(tmp_path: Path) -> None:
    package = PACKAGES["kubelet"]
    root = laid_out(package, tmp_path)
    lines = lines_of(package, root)
    assert {"Requires: kubernetes-cni >= 1.2.0", "Recommends: iptables >= 1.8.4", "AutoReqProv: no"} <= set(lines)
    files = lines[lines.index("%defattr(-,root,root)") + 1 :]
    assert sorted(files) == [
        '"/usr/bin/kubelet"', '"/usr/lib/systemd/system/kubelet.service"', '%config(noreplace) "/etc/sysconfig/kubelet"',
        "%dir /etc/kubernetes", "%dir /etc/kubernetes/manifests", "%dir /var/lib/kubelet",
    ]  # fmt: skip
    assert (root / "usr/lib/systemd/system/kubelet.service").stat().st_mode & 0o777 == 0o600
    assert any("systemctl --no-reload preset kubelet.service" in line for line in lines)
    assert not any(word in line for line in lines for word in ("systemctl enable", "systemctl start"))


def test_kubeadms_drop_in_reads_the_file_that_the_kubelets_rpm_brings(tmp_path: Path) -> None:
    drop_in = laid_out(PACKAGES["kubeadm"], tmp_path) / "usr/lib/systemd/system/kubelet.service.d/10-kubeadm.conf"
    assert "EnvironmentFile=-/etc/sysconfig/kubelet" in drop_in.read_text().splitlines()
    assert "/etc/default" not in drop_in.read_text()


def test_containerd_io_brings_its_unit_where_usr_is_merged_and_a_configuration_without_cri(tmp_path: Path) -> None:
    debian = tmp_path / "debian"
    (debian / "usr/sbin").mkdir(parents=True)
    (debian / "usr/sbin/runc").write_text("runc")
    root = laid_out(PACKAGES["containerd.io"], tmp_path, debian)
    assert (root / "usr/lib/systemd/system/containerd.service").is_file()
    assert (root / "usr/sbin/runc").is_file()
    assert not (root / "lib").exists()
    assert 'disabled_plugins = ["cri"]' in (root / "etc/containerd/config.toml").read_text()
    assert '%config(noreplace) "/etc/containerd/config.toml"' in lines_of(PACKAGES["containerd.io"], root)


def test_chrony_has_red_hats_files_and_its_user_before_them(tmp_path: Path) -> None:
    debian = tmp_path / "debian"
    for name in ("usr/sbin/chronyd", "usr/bin/chronyc", "usr/share/doc/chrony/copyright"):
        (debian / name).parent.mkdir(parents=True, exist_ok=True)
        (debian / name).write_text(name)
    lines = lines_of(PACKAGES["chrony"], laid_out(PACKAGES["chrony"], tmp_path, debian))
    assert {'%config(noreplace) "/etc/chrony.conf"', '"/usr/lib/systemd/system/chronyd.service"',
            "%dir %attr(-,chrony,chrony) /var/lib/chrony"} <= set(lines)  # fmt: skip
    assert not any("/usr/share/doc" in line for line in lines)
    assert lines.index("%pre") < next(
        number for number, line in enumerate(lines) if line.startswith("getent passwd chrony")
    )


def test_iptables_nft_is_all_commands_of_the_nft_program_and_none_of_the_old_one(tmp_path: Path) -> None:
    debian = tmp_path / "debian/usr/sbin"
    debian.mkdir(parents=True)
    for name in ("xtables-nft-multi", "xtables-legacy-multi", "iptables-nft", "iptables-legacy"):
        (debian / name).write_text(name)
    root = laid_out(PACKAGES["iptables-nft"], tmp_path, debian.parents[1])
    assert (root / "usr/sbin/ip6tables-save").readlink() == Path("xtables-nft-multi")
    assert sorted(path.name for path in root.rglob("*legacy*")) == []


def test_kubernetes_rpms_are_those_of_its_debian_packages_in_the_versions_of_pkgs_k8s_io() -> None:
    assert {f"{package.name}-{package.version}-{package.release}" for package in KUBERNETES} == {
        "kubelet-1.36.3-150500.1.1", "kubeadm-1.36.3-150500.1.1", "kubectl-1.36.3-150500.1.1",
        "kubelet-1.36.4-150500.1.1", "kubeadm-1.36.4-150500.1.1", "kubectl-1.36.4-150500.1.1",
        "cri-tools-1.36.0-150500.1.1", "kubernetes-cni-1.9.1-150500.1.1",
    }  # fmt: skip


def test_what_a_machine_has_from_the_start_is_not_in_the_repository_as_well() -> None:
    assert not {package.name for package in ROCKY} & set(rpm_system.PREINSTALLED)


def test_installed_packages_are_read_from_dpkgs_status() -> None:
    status = (
        "Package: one\nStatus: install ok installed\nVersion: 1:2-3\nDescription: first\n second: line\n\n"
        "Package: two\nVersion: 4\n"
    )
    assert rpm_system.versions_of(status) == {"one": "1:2-3", "two": "4"}


@pytest.fixture
def planned(tmp_path: Path) -> dict[str, Step]:
    """The steps of all machines that a plain `up` starts."""
    apts = {release: Apt(tmp_path, (), tmp_path, release) for release in (RELEASE, NEXT_RELEASE, UNSTABLE)}
    return {
        step.name: step for step in steps(Cache(tmp_path), apts, {one.role for one in MACHINES if not one.optional})
    }


def test_the_rpm_machine_alone_needs_debians_base_and_its_own_layer(tmp_path: Path) -> None:
    apts = {RELEASE: Apt(tmp_path, (), tmp_path)}
    assert [step.name for step in steps(Cache(tmp_path), apts, {Role.RPM_NODE})] == ["base", "layer-rpm-node"]


def test_the_rpm_repositories_come_after_all_that_they_are_made_of(planned: dict[str, Step]) -> None:
    before = {step.name for step in planned["rpm-repositories"].after}
    assert before == {"layer-rpm-node", "repository-bookworm", "programs-kubernetes", "programs-kubernetes-1.36.4", "programs-crictl",
                      "programs-cni", "programs-containerd"}  # fmt: skip
    order = list(planned)
    assert all(order.index(name) < order.index("rpm-repositories") for name in before)
