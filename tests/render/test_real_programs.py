"""What is rendered, judged by the programs that read it; and that each of them would say no."""

import os
import re
import shutil
import subprocess
import tempfile
import threading
import time
import tomllib
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar

import pytest
import yaml

from kubepeer import versions
from kubepeer.intent.runtime import Login, Mirror
from kubepeer.secret import SecretSource
from lab.places import Cache
from tasks.linux.observe import Answer
from tasks.nodes.registries import basic, hosts_file
from tasks.nodes.runtime import configuration, said_version
from tests.conftest import goes_with, unavailable, untouched
from tests.render import programs, router_variants
from tests.render.programs import Said, change_root, in_root, overlaid, run
from tests.render.variants import VARIANTS, rendered

FEATURES = yaml.safe_load(versions.DATA.read_text(encoding="utf-8"))["features"]["kubernetes"]
PARTS = ("kube-apiserver", "kube-controller-manager", "kube-scheduler", "kube-proxy")
STARTS = 100  # each ctr also waits for the socket
every_variant = pytest.mark.parametrize("variant", VARIANTS)


@pytest.fixture
def texts(variant: str, intent_of: Any) -> dict[str, str]:
    return rendered(variant, intent_of(**VARIANTS[variant]))


@pytest.fixture
def texts_of_today(intent_of: Any) -> dict[str, str]:
    return rendered("today", intent_of(**VARIANTS["today"]))


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


def bird3(cache: Cache, folder: Path, text: str) -> Said:
    """The same by BIRD 3."""
    program = programs.bird3(cache)
    if not program:
        pytest.skip(
            "BIRD 3 is not here: python -m lab build bird3, or KUBEPEER_BIRD3_ROOT with Debian's package unpacked"
        )
    (folder / "kubepeer.conf").write_text(text)
    main = f'router id 192.0.2.1;\nprotocol device {{}}\ninclude "{folder}/kubepeer.conf";\n'
    (folder / "bird.conf").write_text(main)
    return run([*program, "-p", "-c", folder / "bird.conf"])


JUDGES = {"frr": vtysh, "bird": bird}
BIRDS = {"BIRD 2": bird, "BIRD 3": bird3}


@every_variant
def test_the_routers_of_the_inventory_know_every_line(
    texts: dict[str, str], variant: str, intent_of: Any, cache: Cache, tmp_path: Path
) -> None:
    for router in intent_of(**VARIANTS[variant]).routers:
        said = JUDGES[router.platform](cache, tmp_path, texts[f"routers/{router.name}.conf"])
        assert said.code == 0, said.text
        assert "Unknown command" not in said.text


@pytest.mark.parametrize(("variant", "platform"), [pair for pair in router_variants.every() if pair[1] in JUDGES])
def test_the_router_itself_knows_every_line(
    variant: str, platform: str, intent_of: Any, cache: Cache, tmp_path: Path
) -> None:
    text = router_variants.rendered(variant, platform, intent_of(**router_variants.inventory(variant, platform)))
    said = JUDGES[platform](cache, tmp_path, text)
    assert said.code == 0, said.text
    assert "Unknown command" not in said.text


@pytest.mark.parametrize("variant", [variant for variant, of in router_variants.every() if of == "bird"])
def test_bird_3_knows_every_line_that_bird_2_is_told(
    variant: str, intent_of: Any, cache: Cache, tmp_path: Path
) -> None:
    text = router_variants.rendered(variant, "bird", intent_of(**router_variants.inventory(variant, "bird")))
    said = bird3(cache, tmp_path, text)
    assert said.code == 0, said.text


@pytest.mark.parametrize("version", BIRDS)
def test_every_bird_takes_a_table_of_a_vrf(version: str, intent_of: Any, cache: Cache, tmp_path: Path) -> None:
    """The owner has the table; a name may have a hyphen."""
    edits = router_variants.inventory("one_rack", "bird")
    edits["hosts"]["openwrt"]["data"] = {"peering": {"vrf": "blue-1"}}
    text = router_variants.rendered("one_rack", "bird", intent_of(**edits))
    assert text.count("\t\ttable 'blue-1';\n") == 1
    assert BIRDS[version](cache, tmp_path, text).code != 0  # nobody has the table
    said = BIRDS[version](cache, tmp_path, f"ipv4 table 'blue-1';\n{text}")
    assert said.code == 0, said.text


@pytest.mark.parametrize("version", BIRDS)
def test_bird_refuses_what_it_does_not_know(version: str, cache: Cache, tmp_path: Path) -> None:
    said = BIRDS[version](cache, tmp_path, "protocol bgp kubepeer_x {\n\tbogus on;\n}\n")
    assert said.code != 0
    assert "kubepeer.conf:2" in said.text


def test_frr_refuses_what_it_does_not_know(cache: Cache, tmp_path: Path) -> None:
    said = vtysh(cache, tmp_path, "router bgp 64512\n bogus\nexit\n")
    assert said.code != 0
    assert "Unknown command" in said.text


def dumped(containerd: Path, folder: Path, text: str) -> dict[str, Any]:
    (folder / "config.toml").write_text(text)
    said = run([containerd, "-c", folder / "config.toml", "config", "dump"])
    assert said.code == 0, said.text
    return tomllib.loads("\n".join(line for line in said.text.splitlines() if not line.startswith("time=")))


@every_variant
def test_containerd_takes_over_every_value(variant: str, intent_of: Any, containerd: Path, tmp_path: Path) -> None:
    """It ignores a key that it does not know: so each of ours must be found again in what it would run with."""
    version = said_version(Answer(0, run([containerd, "--version"]).text)).partition("~")[0]
    text = configuration(intent_of(**VARIANTS[variant]), version)
    wanted, would = tomllib.loads(text), dumped(containerd, tmp_path, text)
    assert missing(wanted, would) == []


def test_containerd_reads_the_configuration_that_it_would_print_itself(containerd: Path, intent_of: Any) -> None:
    """Its newest version: an older one would be migrated at each start."""
    version = said_version(Answer(0, run([containerd, "--version"]).text)).partition("~")[0]
    default = tomllib.loads(run([containerd, "config", "default"]).text)
    assert tomllib.loads(configuration(intent_of(), version))["version"] == default["version"]


def missing(wanted: Any, would: Any, path: str = "") -> list[str]:
    if isinstance(wanted, dict) and isinstance(would, dict):
        return [one for key, value in wanted.items() for one in missing(value, would.get(key), f"{path}/{key}")]
    return [] if wanted == would else [f"{path}: {wanted} became {would}"]


class Registry(BaseHTTPRequestHandler):
    """A mirror that has no image, and notes who asks for which path."""

    asked: ClassVar[list[tuple[str, str]]] = []

    def do_HEAD(self) -> None:
        self.asked.append((self.path.partition("?")[0], self.headers.get("Authorization", "")))
        self.send_response(404)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def do_GET(self) -> None:
        self.do_HEAD()

    def log_message(self, *_: Any) -> None:
        """Nobody reads it."""


@pytest.fixture
def mirror() -> Iterator[str]:
    """The address of a registry on this machine's loopback, for one test."""
    Registry.asked.clear()
    with ThreadingHTTPServer(("127.0.0.1", 0), Registry) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()


@pytest.mark.skipif(os.geteuid() != 0, reason="containerd needs root")
def test_containerd_asks_a_mirror_by_its_path_and_with_its_login(containerd: Path, mirror: str, tmp_path: Path) -> None:
    """Each of its versions, by the text that a node gets; the registry itself is a port on which nobody listens."""
    name = "127.0.0.1:1"
    with tempfile.TemporaryDirectory() as short:  # the path of a socket has at most 107 characters
        home = Path(short)
        (home / "certs" / name).mkdir(parents=True)
        login = Login(username="puller", password=SecretSource(env="NOT_READ"))
        text = hosts_file(name, Mirror(url=f"{mirror}/v2/k8s", override_path=True, login=login), "tutorial")
        (home / "certs" / name / "hosts.toml").write_text(text)
        configuration = f'version = 2\nroot = "{home}/root"\nstate = "{home}/state"\n'
        configuration += 'disabled_plugins = ["io.containerd.grpc.v1.cri", "io.containerd.cri.v1.images", "io.containerd.cri.v1.runtime"]\n'
        configuration += f'[grpc]\naddress = "{home}/s"\n[ttrpc]\naddress = "{home}/t"\n'
        (home / "config.toml").write_text(configuration)
        with (tmp_path / "log").open("w") as log:
            words = ["unshare", "--mount", containerd, "-c", home / "config.toml"]
            daemon = subprocess.Popen(words, stdout=log, stderr=log)
        try:
            ctr = [containerd.with_name("ctr"), "-a", home / "s", "--connect-timeout", "30s"]
            for _ in range(STARTS):
                if run([*ctr, "version"]).code == 0:
                    break
                assert daemon.poll() is None, (tmp_path / "log").read_text()
                time.sleep(0.1)
            said = run([*ctr, "images", "pull", "--hosts-dir", home / "certs", f"{name}/pause:3.9"])
        finally:
            daemon.terminate()
            daemon.wait(timeout=30)
    assert said.code != 0  # it has no such image
    assert Registry.asked[:1] == [("/v2/k8s/pause/manifests/3.9", f"Basic {basic('puller', 'tutorial')}")], said.text


@every_variant
def test_the_mirrors_of_a_registry_are_toml_with_the_registry_itself_behind_them(
    texts: dict[str, str], variant: str, intent_of: Any
) -> None:
    folders = {name.split("/")[-2]: text for name, text in texts.items() if name.endswith("/hosts.toml")}
    mirrors = intent_of(**VARIANTS[variant]).registries
    assert folders.keys() == mirrors.keys()
    for registry, text in folders.items():
        document = tomllib.loads(text)
        assert document["server"] == f"https://{registry}"
        host = {mirrors[registry].url: {"capabilities": ["pull", "resolve"]}}
        if mirrors[registry].login:
            host[mirrors[registry].url] |= {
                "override_path": True,
                "ca": f"/etc/containerd/certs.d/{registry}/mirror-ca.pem",
                "header": {"Authorization": "Basic cHVsbGVyOnR1dG9yaWFs"},
            }
        assert document["host"] == host


def judged(kubeadm: Path, folder: Path, text: str, *words: str) -> Said:
    (folder / "kubeadm.yaml").write_text(text)
    return run([kubeadm, "config", *words, "--config", folder / "kubeadm.yaml"])


def test_kubeadm_would_pull_the_images_of_the_inventory(kubeadm: Path, intent_of: Any, tmp_path: Path) -> None:
    """Of the lab's own version: another kubeadm knows its own etcd, CoreDNS and pause alone."""
    intent = intent_of("lab")
    said = judged(kubeadm, tmp_path, rendered("lab", intent)["kubeadm/init.yaml"], "images", "list")
    assert said.code == 0, said.text
    where, version = intent.software.image_repository, intent.software.kubernetes
    images = {line for line in said.text.splitlines() if line.startswith(f"{where}/")}
    named = goes_with(version)
    assert images == {
        *(f"{where}/{name}:v{version}" for name in PARTS),
        f"{where}/etcd:{named['etcd']}",
        f"{where}/coredns/coredns:{named['coredns']}",
        f"{where}/pause:{named['pause']}",
    }


@every_variant
@pytest.mark.parametrize("name", ["init", "join-control-plane", "join-worker"])
def test_kubeadm_knows_every_key_of_its_configurations(
    name: str, texts: dict[str, str], kubeadm: Path, tmp_path: Path
) -> None:
    """V1beta3 and v1beta4 alike: it reads both until 1.36.

    It refuses to build a version that is older than itself by more than a minor: it is told its own, since its keys are what is asked for.
    """
    own = f"kubernetesVersion: v{untouched('lab').software.kubernetes}"
    text = re.sub(r"kubernetesVersion: v\d+\.\d+\.\d+", own, texts[f"kubeadm/{name}.yaml"])
    assert (own in text) is (name == "init")
    said = judged(kubeadm, tmp_path, text, "validate")
    assert said.code == 0, said.text
    assert "ok" in said.text.splitlines()
    assert "unknown field" not in said.text


@pytest.mark.parametrize("api", ["v1beta3", "v1beta4"])
def test_kubeadm_refuses_a_key_that_it_does_not_know(api: str, kubeadm: Path, tmp_path: Path) -> None:
    text = f"apiVersion: kubeadm.k8s.io/{api}\nkind: ClusterConfiguration\nbogus: 1\nkubernetesVersion: v1.36.0\n"
    said = judged(kubeadm, tmp_path, text, "validate")
    assert said.code != 0
    assert 'unknown field "bogus"' in said.text


@pytest.mark.parametrize("kind", ["KubeletConfiguration", "KubeProxyConfiguration"])
def test_kubeadm_warns_of_an_unknown_key_of_the_other_configurations(
    kind: str, texts_of_today: dict[str, str], kubeadm: Path, tmp_path: Path
) -> None:
    """What is asked for above is there: of these two a warning is all that it says."""
    documents = list(yaml.safe_load_all(texts_of_today["kubeadm/init.yaml"]))
    next(document for document in documents if document["kind"] == kind)["bogus"] = 1
    said = judged(kubeadm, tmp_path, yaml.safe_dump_all(documents), "validate")
    assert 'unknown field "bogus"' in said.text


@every_variant
def test_kubeadms_configurations_are_of_the_version_that_reads_them(
    texts: dict[str, str], variant: str, intent_of: Any
) -> None:
    version = intent_of(**VARIANTS[variant]).software.kubernetes
    for name in ("init", "join-control-plane", "join-worker"):
        documents = list(yaml.safe_load_all(texts[f"kubeadm/{name}.yaml"]))
        ours = {document["apiVersion"] for document in documents if "kubeadm.k8s.io/" in document["apiVersion"]}
        (api,) = ours
        assert versions.has("kubeadm", version, api.removeprefix("kubeadm.k8s.io/"))


@every_variant
def test_the_kubelet_is_told_nothing_that_its_version_does_not_know(
    texts: dict[str, str], variant: str, intent_of: Any
) -> None:
    """By the table: the kubeadm at hand knows the fields of its own version, and the seed's kubelet is ten minors older."""
    version = intent_of(**VARIANTS[variant]).software.kubernetes
    documents = {document["kind"]: document for document in yaml.safe_load_all(texts["kubeadm/init.yaml"])}
    newer = {f"KubeletConfiguration.{key}" for key in documents["KubeletConfiguration"]} & FEATURES.keys()
    assert [field for field in newer if not versions.has("kubernetes", version, field)] == []


@every_variant
def test_the_static_pods_are_pods_with_the_images_of_the_inventory(
    texts: dict[str, str], variant: str, intent_of: Any
) -> None:
    software = intent_of(**VARIANTS[variant]).software
    images = {"haproxy": software.haproxy_image, "keepalived": software.keepalived_image}
    if software.kube_vip_image:
        images["kube-vip"] = software.kube_vip_image
    for name, image in images.items():
        pod = yaml.safe_load(texts[f"control_plane/kubernetes/manifests/{name}.yaml"])
        assert (pod["kind"], pod["metadata"]["namespace"]) == ("Pod", "kube-system")
        assert [container["image"] for container in pod["spec"]["containers"]] == [image]
        assert pod["spec"]["hostNetwork"] is True
