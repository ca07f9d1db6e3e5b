"""The HTTPS server: one thread a connection, since kube-apiserver keeps few and watches hold theirs."""

import json
import logging
import socket
import ssl
from collections.abc import Callable, Iterator
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler
from socketserver import ThreadingTCPServer
from typing import Any

from cluster_api.client import UNREACHABLE, ApiError
from cluster_api.objects import Json

from calico_apiserver.authentication import FrontProxy
from calico_apiserver.exchange import Answer, Request
from calico_apiserver.refusals import RefusalError
from calico_apiserver.serving import Service

HANDSHAKE_SECONDS = 10.0
HEALTH = {"/healthz", "/livez", "/readyz"}

log = logging.getLogger(__name__)


class Server(ThreadingTCPServer):
    """Speaks TLS in the connection's own thread, so that a slow handshake holds up nobody else."""

    allow_reuse_address = True
    daemon_threads = True
    request_queue_size = 64

    def __init__(
        self, port: int, service: Service, proxy: FrontProxy, context: ssl.SSLContext, ready: Callable[[], str]
    ) -> None:
        self.service, self.proxy, self.ready = service, proxy, ready
        self._context = context
        super().__init__(("", port), Handler)

    def finish_request(self, request: Any, client_address: Any) -> None:
        """Shake hands, then serve."""
        connection: socket.socket = request
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)  # else a lost peer holds its thread
        connection.settimeout(HANDSHAKE_SECONDS)
        try:
            with self._context.wrap_socket(connection, server_side=True) as secured:
                secured.settimeout(None)
                super().finish_request(secured, client_address)
        except (ssl.SSLError, OSError) as error:
            log.debug("%s: %s", client_address, error)


class Handler(BaseHTTPRequestHandler):
    """Reads requests and writes answers."""

    server: Server
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # the body does not wait for the acknowledgement of the head, 40 ms

    def do_GET(self) -> None:
        path = self.path.partition("?")[0]
        if path in HEALTH:
            wrong = self.server.ready() if path == "/readyz" else ""
            self._send_text(HTTPStatus.INTERNAL_SERVER_ERROR if wrong else HTTPStatus.OK, wrong or "ok")
        else:
            self._answer()

    def do_POST(self) -> None:
        self._answer()

    def do_PUT(self) -> None:
        self._answer()

    def do_PATCH(self) -> None:
        self._answer()

    def do_DELETE(self) -> None:
        self._answer()

    def _answer(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        try:
            connection: Any = self.connection  # a TLS socket
            if not self.server.proxy.knows(connection.getpeercert()):
                raise RefusalError(HTTPStatus.UNAUTHORIZED, "Unauthorized")  # noqa: TRY301
            answer = self.server.service.answer(Request.read(self.command, self.path, dict(self.headers), body))
            if answer.events is not None:
                self._stream(answer.events)
                return
        except RefusalError as refusal:
            answer = Answer(refusal.status(), refusal.code)
        except ApiError as error:
            answer = Answer(error.status or RefusalError(error.code, str(error)).status(), error.code)
        except UNREACHABLE as error:
            answer = Answer(
                RefusalError(HTTPStatus.INTERNAL_SERVER_ERROR, f"the datastore does not answer: {error}").status(), 500
            )
        self._send(answer)

    def _send(self, answer: Answer) -> None:
        payload = json.dumps(answer.body).encode()
        self.send_response(answer.code)
        self.send_header("Content-Type", "application/json")
        for warning in answer.warnings:
            quoted = warning.replace("\\", "\\\\").replace('"', '\\"')
            self.send_header("Warning", f'299 - "{quoted}"')
        self.send_header("Content-Length", str(len(payload)))
        self.end_headers()
        self.wfile.write(payload)

    def _send_text(self, code: int, text: str) -> None:
        self.send_response(code)
        self.send_header("Content-Type", "text/plain")
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text.encode())

    def _stream(self, events: Iterator[Json]) -> None:
        """Send events as they come, each in a chunk of its own; the connection ends with them."""
        first = True
        self.close_connection = True
        try:
            for event in events:
                if first:
                    self._begin_stream()
                    first = False
                line = json.dumps(event).encode() + b"\n"
                self.wfile.write(b"%x\r\n%s\r\n" % (len(line), line))
                self.wfile.flush()
            if first:
                self._begin_stream()
            self.wfile.write(b"0\r\n\r\n")
        except ApiError as error:
            if first:
                self._send(Answer(error.status or {}, error.code))
        except OSError as error:
            log.debug("a watch ended: %s", error)

    def _begin_stream(self) -> None:
        self.send_response(HTTPStatus.OK)
        self.send_header("Content-Type", "application/json")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Say nothing: a line for each request would hide all others."""
