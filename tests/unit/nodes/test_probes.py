"""What is slow to find out of a new node: what the answers mean, by cases, and the scripts on this machine's loopback and disk."""

import os
import shlex
import socket
import struct
import subprocess
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from kubepeer.intent import Intent
from tasks.linux.observe import Answer
from tasks.nodes import probe_reasons, probed_images, probes
from tests.conftest import unavailable

WORDS = {"disk", "room", "path", "neighbour", "vrrp", "image", "name", "cannot"}


@pytest.mark.cases("probes")
def test_what_was_found_is_refused_or_warned_of(case: dict[str, Any], intent_of: Any) -> None:
    intent = intent_of(**case.get("edit", {}))
    node, probed = intent.node(case["node"]), probes.read(Answer(0, case["answer"]))
    ours = frozenset(case["ours"]) if "ours" in case else None
    assert probe_reasons.reasons(intent, node, probed, ours) == case["reasons"]
    assert list(probe_reasons.warnings(node, probed)) == case["warnings"]


def shell(script: str, **environment: str) -> str:
    done = subprocess.run(
        ["/bin/sh", "-s"], input=script, text=True, capture_output=True, check=True, env=os.environ | environment
    )
    assert done.stderr == ""
    return done.stdout


@pytest.mark.parametrize("program", ["sh", "bash"])
@pytest.mark.parametrize("place", [0, -1], ids=["control_plane", "worker"])
def test_the_script_is_one_that_a_shell_reads(intent_of: Any, program: str, place: int) -> None:
    for intent in (intent_of("seed"), intent_of("lab")):
        script = probes.question(intent, intent.nodes[place])
        checked = subprocess.run([program, "-n"], input=script, text=True, capture_output=True, check=False)
        assert (checked.returncode, checked.stderr) == (0, "")


def test_only_control_planes_are_asked_for_what_is_theirs(intent_of: Any) -> None:
    intent: Intent = intent_of()
    master, worker = (probes.question(intent, node) for node in (intent.nodes[0], intent.nodes[-1]))
    for word in ("fdatasync", "/dev/udp/10.31.90.0/9", "SOCK_RAW", "kube-apiserver"):
        assert word in master
        assert word not in worker
    external = intent_of(groups={"fabric": {"data": {"cluster": {"endpoint": {"provider": "external"}}}}})
    script = probes.question(external, external.nodes[0])
    assert "fdatasync" in script
    assert "/dev/udp" not in script
    assert "SOCK_RAW" not in script


def test_a_node_walks_to_its_routers_and_to_the_three_that_follow_it(intent_of: Any) -> None:
    intent: Intent = intent_of()
    routers = ["10.31.254.253", "10.31.100.100"]
    followers = [["10.31.90.2", "10.31.90.3", "10.31.90.4"], ["10.31.90.1", "10.31.90.2", "10.31.90.3"]]
    for node, others in zip((intent.nodes[0], intent.nodes[-1]), followers, strict=True):
        assert list(probes._targets(intent, node)) == [*routers, *others]


def test_each_write_is_measured_and_nothing_is_left(folder: Path) -> None:
    there = folder / "disk"
    there.mkdir()
    values = {"bytes": probes.WRITE_BYTES, "writes": 12, "seconds": 60}
    script = probes.filled(probes.DISK, **values).replace("/var/lib/etcd", f"{there}/not/there/yet")
    probed = probes.read(Answer(0, shell(script, LC_ALL="C")))
    assert probed.writes is not None
    assert len(probed.writes) == 12
    assert all(0 < seconds < 60 for seconds in probed.writes)
    assert list(there.iterdir()) == []


def test_a_disk_that_cannot_be_written_to_is_not_measured(folder: Path) -> None:
    values = {"bytes": probes.WRITE_BYTES, "writes": 2, "seconds": 60}
    script = probes.filled(probes.DISK, **values).replace("mktemp", "false")
    probed = probes.read(Answer(0, shell(script.replace("/var/lib/etcd", str(folder)))))
    assert probed.writes is None
    assert probed.unable == ("how fast etcd's disk is: it takes no file",)


def test_the_room_of_a_folder_that_is_not_there_is_that_of_its_disk(folder: Path) -> None:
    script = probes.ROOM.replace("/var/lib/kubelet", f"{folder}/kubelet/x").replace("/var/lib/containerd", str(folder))
    room = probes.read(Answer(0, shell(script))).room
    assert sorted(room) == sorted([f"{folder}/kubelet/x", str(folder)])
    assert all(0 <= share <= 1 for share in room.values())


HEADER = struct.Struct(
    "!BBBBBBH4s"
)  # RFC 3768, 5.1: version 2 and type 1, id, priority, count, no authentication, a second
ADVERTISEMENT = HEADER.pack(0x21, 90, 100, 1, 0, 1, 0, socket.inet_aton("192.0.2.9"))


@pytest.mark.parametrize("language", ["perl", "python3"])
def test_an_advertisement_is_heard(language: str) -> None:
    """Packets go out until the listener, whenever it is ready, has told of one."""
    try:
        sender = socket.socket(socket.AF_INET, socket.SOCK_RAW, 112)
    except PermissionError:
        unavailable("raw sockets are root's")
    program = ["perl", "-MSocket=:all", "-e", probes.PERL] if language == "perl" else ["python3", "-c", probes.PYTHON]
    with sender, subprocess.Popen([*program, "127.0.0.1", "60"], stdout=subprocess.PIPE, text=True) as listener:
        assert listener.stdout is not None
        heard: list[str] = []
        reader = Thread(target=lambda: heard.append(listener.stdout.readline()))  # type: ignore[union-attr]
        reader.start()
        while reader.is_alive():
            sender.sendto(ADVERTISEMENT, ("127.0.0.1", 0))
            reader.join(0.05)
        listener.terminate()
    assert probes.read(Answer(0, heard[0])).routers == {("127.0.0.1", 90, "192.0.2.9")}


def test_where_nothing_can_listen_that_is_said() -> None:
    script = probes.filled(probes.LISTEN, own="127.0.0.1", seconds=1, perl="''", python="''")
    said = subprocess.run(
        ["/bin/sh", "-s"], input=script, text=True, capture_output=True, check=True, env={"PATH": "/nowhere"}
    )
    (unable,) = probes.read(Answer(0, said.stdout)).unable
    assert unable.startswith("whether the virtual router id is free: ")


@pytest.fixture
def registry() -> Iterator[str]:
    """A registry on loopback that has one image, in one form."""

    class Handler(BaseHTTPRequestHandler):
        def do_HEAD(self) -> None:
            has = (
                self.path.startswith("/v2/kube-proxy/manifests/v1.36.3") and "oci.image.index" in self.headers["Accept"]
            )
            self.send_response(200 if has else 404)
            self.end_headers()

        def log_message(self, *_: object) -> None: ...

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()
    thread.join()


def test_manifests_are_asked_for_at_each_place(registry: str) -> None:
    lines = [
        f"kube-proxy:v1.36.3 {registry}/v2/kube-proxy/manifests/v1.36.3?ns=registry.k8s.io",
        f"kube-proxy:v9.9.9 {registry}/v2/kube-proxy/manifests/v9.9.9",
        "nobody:1 http://127.0.0.1:1/v2/nobody/manifests/1",
    ]
    script = probes.filled(probed_images.MANIFESTS, images="\n".join(lines))
    images = probes.read(Answer(0, shell(script, no_proxy="127.0.0.1", NO_PROXY="127.0.0.1"))).images
    assert {image: places[0].rpartition(" ")[0] for image, places in images.items()} == {
        "kube-proxy:v1.36.3": "200",
        "kube-proxy:v9.9.9": "404",
        "nobody:1": "curl 7",
    }


@pytest.mark.parametrize(
    ("image", "parts"),
    [
        ("haproxy", ("docker.io", "library/haproxy", "latest")),
        ("haproxy:2.6", ("docker.io", "library/haproxy", "2.6")),
        ("docker.io/library/haproxy:2.6", ("docker.io", "library/haproxy", "2.6")),
        ("docker.io/haproxy:2.6", ("docker.io", "library/haproxy", "2.6")),
        ("osixia/keepalived:2.0.17", ("docker.io", "osixia/keepalived", "2.0.17")),
        ("registry.k8s.io/pause:3.9", ("registry.k8s.io", "pause", "3.9")),
        ("registry.example.net:5000/k8s/pause", ("registry.example.net:5000", "k8s/pause", "latest")),
        ("localhost/pause:3.9", ("localhost", "pause", "3.9")),
        ("registry.k8s.io/pause:3.9@sha256:ab", ("registry.k8s.io", "pause", "sha256:ab")),
        ("registry.k8s.io/pause@sha256:ab", ("registry.k8s.io", "pause", "sha256:ab")),
    ],
)
def test_the_name_of_an_image_is_taken_apart(image: str, parts: tuple[str, str, str]) -> None:
    assert probed_images.parts_of(image) == parts


def test_an_image_is_asked_for_as_containerd_would(intent_of: Any) -> None:
    intent = intent_of("lab")
    asked = list(probed_images.asked_of(intent, ["docker.io/library/haproxy:2.6", "ghcr.io/a/b:1"]))
    assert [shlex.split(line) for line in asked] == [
        ["docker.io/library/haproxy:2.6", "http://10.31.0.2:5000/v2/library/haproxy/manifests/2.6?ns=docker.io"],
        ["docker.io/library/haproxy:2.6", "https://registry-1.docker.io/v2/library/haproxy/manifests/2.6"],
        ["ghcr.io/a/b:1", "https://ghcr.io/v2/a/b/manifests/1"],
    ]


def test_the_images_are_those_of_the_role_and_the_provider(intent_of: Any) -> None:
    intent: Intent = intent_of("lab")
    master, worker = (probed_images.wanted(intent, node) for node in (intent.nodes[0], intent.nodes[-1]))
    assert worker == ("registry.k8s.io/kube-proxy:v1.36.3", "registry.k8s.io/pause:3.10.2")
    assert set(worker) < set(master)
    assert intent.software.haproxy_image in master
    external = intent_of("lab", groups={"fabric": {"data": {"cluster": {"endpoint": {"provider": "external"}}}}})
    assert intent.software.haproxy_image not in probed_images.wanted(external, external.nodes[0])


def test_a_line_begins_with_a_word_that_is_read() -> None:
    scripts = (probes.DISK, probes.ROOM, probes.PATHS, probes.ADDRESS, probes.PERL, probes.PYTHON, probes.NAMES)
    text = "\n".join((*scripts, probes.LISTEN, probed_images.MANIFESTS))
    said = {word for word in WORDS if f'"{word} ' in text or f"/{word} \\1" in text or f'print "{word}"' in text}
    assert said == WORDS
