"""Real speakers of MetalLB in namespaces, with a real API server and a BIRD for a router; nodes and endpoints are objects alone."""

import json
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import yaml

from lab.places import Cache
from tests.render.bird_network import Machine, network, run, until
from tests.unit.cluster.api_server import NAME, certificates

API, ROUTER = "10.31.0.1", "10.31.254.253"
SECONDS = 120  # of a busy machine
NAMESPACE = "metallb-system"


@dataclass(frozen=True)
class Cluster:
    """The API server, by kubectl in its namespace, and the router."""

    api: Machine
    router: Machine
    kubectl: Path
    kubeconfig: Path

    def __call__(self, *words: str) -> str:
        """Run kubectl."""
        return self.api.inside(str(self.kubectl), f"--kubeconfig={self.kubeconfig}", *words)

    def get(self, path: str, query: Mapping[str, str] | None = None) -> Any | None:
        """An object or a list, as tasks.routes reads it; None where there is none."""
        words = ["get", "--raw", path + (f"?{urlencode(query)}" if query else "")]
        command = [
            "ip",
            "netns",
            "exec",
            self.api.namespace,
            str(self.kubectl),
            f"--kubeconfig={self.kubeconfig}",
            *words,
        ]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if "NotFound" in done.stderr or "could not find the requested resource" in done.stderr:
            return None
        assert done.returncode == 0, f"{path}: {done.stderr}"
        return json.loads(done.stdout)

    def make(self, *objects: Mapping[str, Any]) -> None:
        """Make objects, with their status."""
        file = self.kubeconfig.with_name("objects.yaml")
        for one in objects:
            file.write_text(yaml.safe_dump(dict(one)))
            self("apply", "--server-side", "-f", str(file))
            if "status" in one:
                self("apply", "--server-side", "--subresource=status", "-f", str(file))

    def patch(self, kind: str, name: str, change: Mapping[str, Any], *words: str) -> None:
        """Merge a change into an object."""
        self("patch", kind, name, "--type=merge", "--patch", json.dumps(change), *words)

    def announced(self) -> dict[str, set[str]]:
        """Prefix -> the speakers that announce it, as the router has it."""
        found: dict[str, set[str]] = {}
        prefix = ""
        for line in self.router.ask("show route"):
            words = line.split()
            prefix = words[0] if words and "/" in words[0] else prefix
            if "via" in words:
                found.setdefault(prefix, set()).add(words[words.index("via") + 1])
        return found


@contextmanager
def cluster(cache: Cache, nodes: Mapping[str, str], folder: Path, bird: list[str], password: str) -> Iterator[Cluster]:
    """An API server that knows nothing yet, and a router with a neighbour a node.

    Args:
        cache: of the lab, with its programs.
        nodes: name -> address.
        folder: for all files.
        bird: the router's program.
        password: of its sessions.

    """
    addresses = {"api": API, "router": ROUTER, **nodes}
    with network({name: f"{address}/16" for name, address in addresses.items()}, folder, bird) as machines:
        router = machines["router"]
        router.start_bird(_router(nodes, password))
        with _api_server(cache, machines["api"]) as kubeconfig:
            found = Cluster(machines["api"], router, cache.programs("kubernetes") / "kubectl", kubeconfig)
            until(
                lambda: _ready(found), SECONDS, lambda: (machines["api"].folder / "apiserver.log").read_text()[-2000:]
            )
            yield found


@contextmanager
def speakers(cache: Cache, cluster: Cluster, nodes: Mapping[str, str]) -> Iterator[None]:
    """A speaker on each node, as its DaemonSet would start it."""
    running = []
    try:
        for node in nodes:
            metadata = {"name": f"speaker-{node}", "namespace": NAMESPACE}
            pod = {"nodeName": node, "containers": [{"name": "speaker", "image": "metallb/speaker"}]}
            cluster.make({"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": pod})
            place = cluster.api.namespace.removesuffix("api") + node
            environment = {
                "KUBECONFIG": str(cluster.kubeconfig),
                "METALLB_NAMESPACE": NAMESPACE,
                "METALLB_NODE_NAME": node,
                "METALLB_POD_NAME": metadata["name"],
            }
            program = cache.programs("metallb") / "speaker"
            with (cluster.kubeconfig.parent / f"{node}.log").open("wb") as log:
                running.append(
                    subprocess.Popen(
                        ["ip", "netns", "exec", place, program], env=environment | PATH, stdout=log, stderr=log
                    )
                )
        yield
    finally:
        for one in running:
            one.kill()
            one.wait()


PATH = {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"}


def _ready(cluster: Cluster) -> bool:
    command = [str(cluster.kubectl), f"--kubeconfig={cluster.kubeconfig}", "get", "--raw", "/readyz"]
    inside = ["ip", "netns", "exec", cluster.api.namespace, *command]
    return subprocess.run(inside, capture_output=True, check=False).returncode == 0


def _router(nodes: Mapping[str, str], password: str) -> str:
    sessions = "\n".join(
        f'protocol bgp n{number} {{ local {ROUTER} as 64512; neighbor {address} as 64517; password "{password}";'
        " ipv4 { import all; export none; }; }"
        for number, address in enumerate(nodes.values())
    )
    return f"router id {ROUTER};\nprotocol device {{}}\n{sessions}\n"


@contextmanager
def _api_server(cache: Cache, machine: Machine) -> Iterator[Path]:
    """etcd and kube-apiserver in a namespace; the kubeconfig of an administrator."""
    folder = machine.folder
    certificates(folder)
    run("openssl", "genrsa", "-out", str(folder / "sa.key"), "2048")
    programs = cache.programs("kubernetes")
    client = folder / "admin"
    for command in (
        ["req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-keyout", f"{client}.key",
         "-out", f"{client}.csr", "-subj", "/O=system:masters/CN=admin"],
        ["x509", "-req", "-in", f"{client}.csr", "-CA", str(folder / "ca.crt"), "-CAkey", str(folder / "ca.key"),
         "-CAcreateserial", "-out", f"{client}.crt", "-days", "2"],
    ):  # fmt: skip
        run("openssl", *command)
    commands = (
        [cache.programs("etcd") / "etcd", f"--data-dir={folder / 'etcd'}", "--unsafe-no-fsync"],
        [programs / "kube-apiserver", "--etcd-servers=http://127.0.0.1:2379", f"--advertise-address={API}", f"--bind-address={API}",
         "--endpoint-reconciler-type=none", "--service-cluster-ip-range=10.33.128.0/18", "--authorization-mode=RBAC",
         "--disable-admission-plugins=ServiceAccount", "--service-account-issuer=https://kubernetes.default.svc",
         f"--service-account-key-file={folder / 'sa.key'}", f"--service-account-signing-key-file={folder / 'sa.key'}",
         f"--client-ca-file={folder / 'ca.crt'}", f"--tls-cert-file={folder / 'server.crt'}",
         f"--tls-private-key-file={folder / 'server.key'}"],
    )  # fmt: skip
    running = []
    try:
        for name, command in zip(("etcd", "apiserver"), commands, strict=True):
            with (folder / f"{name}.log").open("wb") as log:
                words = ["ip", "netns", "exec", machine.namespace, *command]
                running.append(subprocess.Popen(words, stdout=log, stderr=log, cwd=folder))
        yield _kubeconfig(folder)
    finally:
        for one in reversed(running):
            one.kill()
            one.wait()


def _kubeconfig(folder: Path) -> Path:
    server = {"server": f"https://{API}:6443", "certificate-authority": str(folder / "ca.crt"), "tls-server-name": NAME}
    user = {"client-certificate": str(folder / "admin.crt"), "client-key": str(folder / "admin.key")}
    document = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "c", "cluster": server}],
        "users": [{"name": "u", "user": user}],
        "contexts": [{"name": "x", "context": {"cluster": "c", "user": "u"}}],
        "current-context": "x",
    }
    file = folder / "kubeconfig"
    file.write_text(yaml.safe_dump(document))
    return file
