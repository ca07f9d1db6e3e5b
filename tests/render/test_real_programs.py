"""What is rendered, judged by the programs that read it; and that each of them would say no."""

import shutil
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

from lab.places import Cache
from tests.conftest import unavailable
from tests.render import programs, router_variants
from tests.render.programs import Said, change_root, in_root, overlaid, run
from tests.render.variants import VARIANTS, rendered

every_variant = pytest.mark.parametrize("variant", VARIANTS)


@pytest.fixture
def texts(variant: str, intent_of: Any) -> dict[str, str]:
    return rendered(variant, intent_of(**VARIANTS[variant]))


def haproxy(root: Path, text: str) -> Said:
    with in_root(root, {"/usr/local/etc/haproxy/haproxy.cfg": text}):
        return change_root(root, ["haproxy", "-c", "-f", "/usr/local/etc/haproxy/haproxy.cfg"])


@every_variant
def test_haproxy_reads_its_configuration_without_a_warning(texts: dict[str, str], image_root: Path) -> None:
    said = haproxy(image_root, texts["control_plane/haproxy/haproxy.cfg"])
    assert said.code == 0, said.text
    assert "WARNING" not in said.text
    assert "ALERT" not in said.text


def test_haproxy_refuses_what_it_does_not_know(image_root: Path) -> None:
    assert "unknown keyword 'bogus'" in haproxy(image_root, "defaults\n  mode tcp\n  bogus\n").text


def keepalived(root: Path, text: str, script: str) -> Said:
    files = {"/etc/keepalived/keepalived.conf": text, "/etc/keepalived/check_apiserver.sh": script}
    with in_root(root, files):
        (root / "etc/keepalived/keepalived.conf").chmod(0o644)
        return change_root(root, ["keepalived", "-t", "-f", "/etc/keepalived/keepalived.conf"], interface=True)


@every_variant
def test_keepalived_reads_its_configuration(texts: dict[str, str], image_root: Path) -> None:
    script = texts["control_plane/keepalived/check_apiserver.sh"]
    said = keepalived(image_root, texts["control_plane/keepalived/keepalived.conf"], script)
    assert said.code == 0, said.text
    assert "Unknown keyword" not in said.text
    assert "unsafe" not in said.text.lower()


def test_keepalived_refuses_what_it_does_not_know(image_root: Path) -> None:
    said = keepalived(
        image_root, "vrrp_instance a {\n  interface eth0\n  virtual_router_id 1\n  bogus 1\n}\n", "#!/bin/sh\n"
    )
    assert said.code != 0
    assert "bogus" in said.text


@every_variant
def test_the_shell_reads_the_check_of_keepalived(texts: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / "check").write_text(texts["control_plane/keepalived/check_apiserver.sh"])
    assert run(["sh", "-n", tmp_path / "check"]) == Said(0, "")


def vtysh(cache: Cache, folder: Path, text: str) -> Said:
    (folder / "frr.conf").write_text(text)
    if shutil.which("vtysh"):
        return run(["vtysh", "-C", "-f", folder / "frr.conf"])
    layers = programs.router_layers(cache)
    if not layers:
        unavailable("vtysh is not in the PATH, and the lab's router is not built or not root's: python -m lab build")
    return overlaid(layers, folder, ["vtysh", "-C", "-f", "/mnt/frr.conf"])


def bird(cache: Cache, folder: Path, text: str) -> Said:
    """The file, included as a router's owner would."""
    (folder / "kubepeer.conf").write_text(text)
    layers = [] if shutil.which("bird") else programs.bird_layers(cache)
    if not shutil.which("bird") and not layers:
        unavailable("bird is not in the PATH, and the lab's client is not built or not root's: python -m lab build")
    home = Path("/mnt") if layers else folder
    (folder / "bird.conf").write_text(f'router id 192.0.2.1;\nprotocol device {{}}\ninclude "{home}/kubepeer.conf";\n')
    words = ["bird", "-p", "-c", str(home / "bird.conf")]
    return overlaid(layers, folder, words) if layers else run(words)


JUDGES = {"frr": vtysh, "bird": bird}


@every_variant
def test_the_routers_of_the_inventory_know_every_line(
    texts: dict[str, str], variant: str, intent_of: Any, cache: Cache, tmp_path: Path
) -> None:
    for router in intent_of(**VARIANTS[variant]).routers:
        said = JUDGES[router.platform](cache, tmp_path, texts[f"routers/{router.name}.conf"])
        assert said.code == 0, said.text
        assert "Unknown command" not in said.text


@pytest.mark.parametrize("platform", JUDGES)
@pytest.mark.parametrize("variant", router_variants.VARIANTS)
def test_the_router_itself_knows_every_line(
    variant: str, platform: str, intent_of: Any, cache: Cache, tmp_path: Path
) -> None:
    text = router_variants.rendered(variant, platform, intent_of(**router_variants.inventory(variant, platform)))
    said = JUDGES[platform](cache, tmp_path, text)
    assert said.code == 0, said.text
    assert "Unknown command" not in said.text


def test_bird_refuses_what_it_does_not_know(cache: Cache, tmp_path: Path) -> None:
    said = bird(cache, tmp_path, "protocol bgp kubepeer_x {\n\tbogus on;\n}\n")
    assert said.code != 0
    assert "kubepeer.conf:2" in said.text


def test_frr_refuses_what_it_does_not_know(cache: Cache, tmp_path: Path) -> None:
    said = vtysh(cache, tmp_path, "router bgp 64512\n bogus\nexit\n")
    assert said.code != 0
    assert "Unknown command" in said.text


@every_variant
def test_containerd_takes_over_every_value(texts: dict[str, str], containerd: Path, tmp_path: Path) -> None:
    """It ignores a key that it does not know: so each of ours must be found again in what it would run with."""
    text = texts["node/containerd/config.toml"]
    (tmp_path / "config.toml").write_text(text)
    said = run([containerd, "-c", tmp_path / "config.toml", "config", "dump"])
    assert said.code == 0, said.text
    wanted, would = tomllib.loads(text), tomllib.loads(said.text)
    assert missing(wanted, would) == []


def missing(wanted: Any, would: Any, path: str = "") -> list[str]:
    if isinstance(wanted, dict) and isinstance(would, dict):
        return [one for key, value in wanted.items() for one in missing(value, would.get(key), f"{path}/{key}")]
    return [] if wanted == would else [f"{path}: {wanted} became {would}"]


@every_variant
def test_the_mirrors_of_a_registry_are_toml_with_the_registry_itself_behind_them(
    texts: dict[str, str], variant: str
) -> None:
    folders = {name: text for name, text in texts.items() if name.endswith("/hosts.toml")}
    assert len(folders) == {"seed": 0, "lab": 3, "1.31.0": 1}[variant]
    for name, text in folders.items():
        document = tomllib.loads(text)
        assert document["server"] == f"https://{name.split('/')[-2]}"
        assert document["host"] == {"http://10.31.0.2:5000": {"capabilities": ["pull", "resolve"]}}


def judged(kubeadm: Path, folder: Path, text: str, *words: str) -> Said:
    (folder / "kubeadm.yaml").write_text(text)
    return run([kubeadm, "config", *words, folder / "kubeadm.yaml"])


COMPLAINT = "error unmarshaling configuration"  # of unknown keys kubeadm warns, and goes on


def test_kubeadm_would_pull_the_images_of_the_inventory(kubeadm: Path, intent_of: Any, tmp_path: Path) -> None:
    text = rendered("lab", intent_of("lab"))["kubeadm/init.yaml"]
    said = judged(kubeadm, tmp_path, text, "images", "list", "--config")
    assert said.code == 0, said.text
    assert COMPLAINT not in said.text
    images = {line for line in said.text.splitlines() if line.startswith("k8s.gcr.io/")}
    assert {"k8s.gcr.io/kube-apiserver:v1.20.2", "k8s.gcr.io/etcd:3.4.13-0", "k8s.gcr.io/pause:3.2"} <= images


@pytest.mark.parametrize("name", ["init", "join-control-plane", "join-worker"])
def test_kubeadm_knows_every_key_of_its_configurations(
    name: str, kubeadm: Path, intent_of: Any, tmp_path: Path
) -> None:
    text = rendered("lab", intent_of("lab"))[f"kubeadm/{name}.yaml"]
    said = judged(kubeadm, tmp_path, text, "migrate", "--old-config")
    assert said.code == 0, said.text
    assert COMPLAINT not in said.text


def test_kubeadm_complains_of_a_key_that_it_does_not_know(kubeadm: Path, tmp_path: Path) -> None:
    text = "apiVersion: kubeadm.k8s.io/v1beta2\nkind: ClusterConfiguration\nbogus: 1\nkubernetesVersion: v1.20.2\n"
    assert COMPLAINT in judged(kubeadm, tmp_path, text, "images", "list", "--config").text


@every_variant
def test_kubeadms_configurations_are_of_the_version_that_reads_them(texts: dict[str, str], variant: str) -> None:
    api = {"seed": "v1beta3", "lab": "v1beta3", "1.31.0": "v1beta4"}[variant]
    for name in ("init", "join-control-plane", "join-worker"):
        documents = list(yaml.safe_load_all(texts[f"kubeadm/{name}.yaml"]))
        ours = [document for document in documents if document["apiVersion"].startswith("kubeadm.k8s.io/")]
        assert {document["apiVersion"] for document in ours} == {f"kubeadm.k8s.io/{api}"}


@every_variant
def test_the_static_pods_are_pods_with_the_images_of_the_inventory(
    texts: dict[str, str], variant: str, intent_of: Any
) -> None:
    software = intent_of(**VARIANTS[variant]).software
    for name, image in (("haproxy", software.haproxy_image), ("keepalived", software.keepalived_image)):
        pod = yaml.safe_load(texts[f"control_plane/kubernetes/manifests/{name}.yaml"])
        assert (pod["kind"], pod["metadata"]["namespace"]) == ("Pod", "kube-system")
        assert [container["image"] for container in pod["spec"]["containers"]] == [image]
        assert pod["spec"]["hostNetwork"] is True
