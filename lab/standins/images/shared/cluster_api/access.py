"""Where the API server is and who asks: the service account that the kubelet mounts into a pod."""

import http.client
import os
import socket
import ssl
from dataclasses import dataclass
from pathlib import Path

SERVICE_ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")


@dataclass(frozen=True)
class Access:
    """The address of the API server and the folder of the service account (token and ca.crt)."""

    host: str
    port: int
    service_account: Path

    @classmethod
    def from_environment(cls) -> "Access":
        """Read what the kubelet puts into every container; the folder may be moved for a trial outside a pod."""
        return cls(
            host=os.environ["KUBERNETES_SERVICE_HOST"],
            port=int(os.environ.get("KUBERNETES_SERVICE_PORT", "443")),
            service_account=Path(os.environ.get("SERVICE_ACCOUNT_FOLDER", str(SERVICE_ACCOUNT))),
        )

    def token(self) -> str:
        """Read the token, anew each time: the kubelet rotates it."""
        return (self.service_account / "token").read_text().strip()

    def trust(self) -> ssl.SSLContext:
        """Trust the cluster's own authority and no other."""
        return ssl.create_default_context(cafile=str(self.service_account / "ca.crt"))


class Connection(http.client.HTTPSConnection):
    """A connection that notices within about ten seconds that the other end lost its power.

    A watch is silent for minutes when nothing happens, so silence proves nothing. Keepalive probes do
    (after 4 s, every 2 s, three times), and TCP_USER_TIMEOUT bounds what was sent and never acknowledged.
    """

    _OPTIONS = (
        (socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1),
        (socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, 4),
        (socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, 2),
        (socket.IPPROTO_TCP, socket.TCP_KEEPCNT, 3),
        (socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, 10_000),
    )

    def connect(self) -> None:
        """Connect, then ask the kernel to watch over the silence."""
        super().connect()
        for level, option, value in self._OPTIONS:
            self.sock.setsockopt(level, option, value)
