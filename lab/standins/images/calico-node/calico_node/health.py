"""The answers to the kubelet's probes, on the loopback address and port of the real calico-node."""

import threading
from collections.abc import Callable
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler
from socketserver import TCPServer

Check = Callable[[], str]
"""What is wrong, or nothing."""


class _Server(TCPServer):
    """http.server's own asks the name service for the name of this address first."""

    allow_reuse_address = True


def serve(port: int, checks: dict[str, Check]) -> None:
    """Answer `GET /NAME` with 200, or with 503 and the reason."""

    class Handler(BaseHTTPRequestHandler):
        timeout = 5  # a client that says nothing must not hold the only thread

        def do_GET(self) -> None:
            check = checks.get(self.path.strip("/"))
            if check is None:
                self._answer(HTTPStatus.NOT_FOUND, "unknown")
                return
            wrong = check()
            self._answer(HTTPStatus.SERVICE_UNAVAILABLE if wrong else HTTPStatus.OK, wrong or "ok")

        def _answer(self, status: HTTPStatus, text: str) -> None:
            self.send_response(status)
            self.end_headers()
            self.wfile.write(f"{text}\n".encode())

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            """Say nothing: a line for each probe would hide all others."""

    server = _Server(("127.0.0.1", port), Handler)
    threading.Thread(target=server.serve_forever, args=(60,), name="health", daemon=True).start()
