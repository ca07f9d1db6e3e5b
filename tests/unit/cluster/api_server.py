"""A small real API server on loopback: TLS with client certificates, discovery, objects that it remembers, and faults on demand."""

import base64
import json
import ssl
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import yaml

NAME = "k8s-calico-apiserver.tinychen.io"
REASONS = {401: "Unauthorized"}
CUT = 0  # a fault: the connection ends without an answer, as when haproxy marks an apiserver down
Object = dict[str, Any]

SERVED = {
    "/api/v1": [
        *(("namespaces", "Namespace", False), ("nodes", "Node", False), ("secrets", "Secret", True)),
        *(("services", "Service", True), ("configmaps", "ConfigMap", True)),
    ],
    "/apis/apiextensions.k8s.io/v1": [("customresourcedefinitions", "CustomResourceDefinition", False)],
    "/apis/apps/v1": [("deployments", "Deployment", True), ("deployments/scale", "Scale", True)],
    "/apis/operator.tigera.io/v1": [("installations", "Installation", False), ("apiservers", "APIServer", False)],
    "/apis/projectcalico.org/v3": [
        *(("bgpconfigurations", "BGPConfiguration", False), ("bgppeers", "BGPPeer", False)),
        ("bgpfilters", "BGPFilter", False),
    ],
    "/apis/purelb.io/v1": [("servicegroups", "ServiceGroup", True)],
}


@dataclass(frozen=True)
class Request:
    """What came in."""

    method: str
    path: str
    query: Mapping[str, str]
    content_type: str


@dataclass
class State:
    """What the server knows; shared by its threads, one request at a time."""

    objects: dict[str, Object] = field(default_factory=dict)
    raw: dict[str, tuple[int, str]] = field(default_factory=dict)  # path -> status and text, instead of an object
    faults: list[int | None] = field(default_factory=list)  # for the next requests, one each; None is none
    applied: dict[str, Object] = field(default_factory=dict)  # what was last applied to a path
    requests: list[Request] = field(default_factory=list)
    reactions: dict[str, Callable[[], None]] = field(
        default_factory=dict
    )  # after a write to this path: what an operator does
    token: str = ""  # without which nobody is let in, where there is one
    lock: threading.Lock = field(default_factory=threading.Lock)

    def written(self) -> list[str]:
        """The paths that were written for good, in their order."""
        return [
            r.path for r in self.requests if r.method in ("PATCH", "PUT", "POST", "DELETE") and "dryRun" not in r.query
        ]

    def methods(self) -> list[str]:
        return [request.method for request in self.requests]


def merged(below: Any, above: Any) -> Any:
    """What server-side apply does with fields that one manager owns: mappings are merged, all else is replaced."""
    if isinstance(below, dict) and isinstance(above, dict):
        return below | {key: merged(below.get(key), value) for key, value in above.items()}
    return above


def without(stands: Any, before: Any, now: Any) -> Any:
    """An object without the fields that were applied before and are no more."""
    if not (isinstance(stands, dict) and isinstance(before, dict) and isinstance(now, dict)):
        return stands
    return {
        key: without(value, before.get(key), now.get(key))
        for key, value in stands.items()
        if key in now or key not in before
    }


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # the body does not wait for the acknowledgement of the head, 40 ms
    server: "Listener"

    def setup(self) -> None:
        super().setup()
        self.state = self.server.state  # of its test: a connection may outlive it

    def log_message(self, *_: object) -> None:
        """Say nothing."""

    def handle_request(self) -> None:
        parts = urlsplit(self.path)
        query = dict(parse_qsl(parts.query))
        length = int(self.headers.get("Content-Length") or 0)
        body = json.loads(self.rfile.read(length)) if length else None
        with self.state.lock:
            self.state.requests.append(
                Request(self.command, parts.path, query, self.headers.get("Content-Type", "").split(";")[0])
            )
            fault = self.state.faults.pop(0) if self.state.faults else None
            if fault == CUT:
                self.close_connection = True
                return
            if self.state.token and self.headers.get("Authorization") != f"Bearer {self.state.token}":
                fault = 401
            status, answer = (
                (fault, refusal(REASONS.get(fault, "etcdserver: leader changed")))
                if fault
                else self.answer(parts.path, query, body)
            )
        text = answer if isinstance(answer, str) else json.dumps(answer)
        self.send_response(status)
        self.send_header("Content-Length", str(len(text.encode())))
        self.end_headers()
        self.wfile.write(text.encode())

    do_GET = do_PATCH = do_PUT = do_POST = do_DELETE = handle_request  # noqa: N815  the names of http.server

    def answer(self, path: str, query: Mapping[str, str], body: Object | None) -> tuple[int, Object | str]:
        if path in self.state.raw:
            return self.state.raw[path]
        if path in SERVED:
            kinds = [{"name": name, "kind": kind, "namespaced": inside} for name, kind, inside in SERVED[path]]
            return 200, {"kind": "APIResourceList", "resources": kinds}
        stands = self.state.objects.get(path)
        if body is not None:
            at = f"{path}/{body['metadata']['name']}" if self.command == "POST" else path
            if self.command == "PATCH":
                return self.apply(at, query, stands or {}, body)
            return self.store(at, query, body)
        if stands is None:
            return 404, refusal(f"{path} not found")
        if self.command == "DELETE":
            del self.state.objects[path]
        return 200, selected(stands, query.get("labelSelector", ""))

    def apply(self, path: str, query: Mapping[str, str], stands: Object, body: Object) -> tuple[int, Object]:
        """Server-side apply: what the manager applied before and applies no more goes."""
        left = without(stands, self.state.applied.get(path, {}), body)
        if query.get("dryRun") != "All":
            self.state.applied[path] = body
        return self.store(path, query, merged(left, body))

    def store(self, path: str, query: Mapping[str, str], wanted: Object) -> tuple[int, Object]:
        before = self.state.objects.get(path, {"metadata": {"uid": path, "resourceVersion": "0"}})
        version = str(int(before["metadata"].get("resourceVersion", "0")) + 1)
        kept = {
            "uid": before["metadata"].get("uid", path),
            "resourceVersion": version,
            "managedFields": [{"manager": "kubepeer"}],
        }
        would = wanted | {"metadata": wanted["metadata"] | kept}
        if "status" in before:
            would["status"] = before["status"]
        if query.get("dryRun") != "All":
            self.state.objects[path] = would
            self.state.reactions.get(path, lambda: None)()
        return 200, self.state.objects.get(path, would) if query.get("dryRun") != "All" else would


def selected(answer: Object, selector: str) -> Object:
    """A list as a label selector leaves it."""
    key, _, value = selector.partition("=")
    if not key or "items" not in answer:
        return answer
    return answer | {
        "items": [one for one in answer["items"] if (one["metadata"].get("labels") or {}).get(key) == value]
    }


def refusal(message: str) -> Object:
    return {"kind": "Status", "status": "Failure", "message": message}


@dataclass(frozen=True)
class ApiServer:
    """A server that runs, and the kubeconfig that opens it."""

    state: State
    address: str
    kubeconfig: str


def certificates(folder: Path) -> None:
    """A CA, a server's certificate for NAME and a client's, by openssl."""
    extension = folder / "names"
    extension.write_text(f"subjectAltName=DNS:{NAME}\n")

    def openssl(*words: object) -> None:
        subprocess.run(["openssl", *map(str, words)], check=True, capture_output=True)

    new_key = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")
    openssl(
        "req",
        "-x509",
        *new_key,
        "-keyout",
        folder / "ca.key",
        "-out",
        folder / "ca.crt",
        "-days",
        2,
        "-subj",
        "/CN=kubernetes",
    )
    for who in ("server", "client"):
        openssl("req", *new_key, "-keyout", folder / f"{who}.key", "-out", folder / f"{who}.csr", "-subj", f"/CN={who}")
        openssl(
            "x509", "-req", "-in", folder / f"{who}.csr", "-CA", folder / "ca.crt", "-CAkey", folder / "ca.key",
            "-CAcreateserial", "-out", folder / f"{who}.crt", "-days", 2, "-extfile", extension,
        )  # fmt: skip


def kubeconfig(folder: Path) -> str:
    """An admin.conf as kubeadm writes it: certificates embedded, the server by its name."""

    def embedded(name: str) -> str:
        return base64.b64encode((folder / name).read_bytes()).decode()

    return yaml.safe_dump(
        {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [
                {
                    "name": "k8s-calico",
                    "cluster": {"certificate-authority-data": embedded("ca.crt"), "server": f"https://{NAME}:8443"},
                }
            ],
            "users": [
                {
                    "name": "kubernetes-admin",
                    "user": {
                        "client-certificate-data": embedded("client.crt"),
                        "client-key-data": embedded("client.key"),
                    },
                }
            ],
        }
    )


class Listener(ThreadingHTTPServer):
    """Serves the state that it has when a connection comes.

    A client that breaks off, or does not trust the certificate, is what some tests are about: it is no fault of the server's.
    """

    state: State

    def handle_error(self, request: Any, client_address: Any) -> None:
        if not isinstance(sys.exception(), ssl.SSLError | ConnectionError):
            super().handle_error(request, client_address)


def listening(folder: Path, state: State, *, certificates: bool = True) -> Listener:
    """The server on a free port of loopback; whoever starts it shuts it down. `certificates`: it lets in who has one alone."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "server.crt", folder / "server.key")
    context.load_verify_locations(folder / "ca.crt")
    context.verify_mode = ssl.CERT_REQUIRED if certificates else ssl.CERT_OPTIONAL
    server = Listener(("127.0.0.1", 0), Handler)
    server.state = state
    server.daemon_threads = True
    # the handshake belongs to the connection's own thread: one client that does not finish it must not hold the others up
    server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    return server


@contextmanager
def serving(listener: Listener) -> Iterator[Listener]:
    """It answers; at the end it is shut down, and its thread has ended."""
    thread = threading.Thread(target=listener.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield listener
    listener.shutdown()
    listener.server_close()
    thread.join()
