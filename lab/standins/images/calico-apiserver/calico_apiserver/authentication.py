"""Who may speak here: kube-apiserver, by the certificate of its front proxy."""

import json
import ssl
from dataclasses import dataclass

from cluster_api.client import Client

CONFIGURATION = "/api/v1/namespaces/kube-system/configmaps/extension-apiserver-authentication"


@dataclass(frozen=True)
class FrontProxy:
    """The authority of front proxies, and the names that count; none given is all of them."""

    authority: str
    names: tuple[str, ...]

    @classmethod
    def read(cls, client: Client) -> "FrontProxy":
        """Read what kube-apiserver tells of itself.

        Raises:
            LookupError: it is started without an aggregation layer.

        """
        data = client.get(CONFIGURATION).get("data") or {}
        if not data.get("requestheader-client-ca-file"):
            raise LookupError("kube-apiserver has no --requestheader-client-ca-file: it aggregates nothing")
        names = json.loads(data.get("requestheader-allowed-names") or "[]")
        return cls(str(data["requestheader-client-ca-file"]), tuple(names))

    def context(self, certificate: str, key: str) -> ssl.SSLContext:
        """Make the server's side of TLS; who shows no certificate may still ask for its health."""
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cadata=self.authority)
        context.load_cert_chain(certificate, key)
        context.verify_mode = ssl.CERT_OPTIONAL
        return context

    def knows(self, shown: object) -> bool:
        """Say whether the certificate, as ssl describes it after its check, is a front proxy's."""
        if not isinstance(shown, dict) or not shown:
            return False
        subject = shown.get("subject") or ()
        names = {value for part in subject for key, value in part if key == "commonName"}
        return not self.names or bool(names & set(self.names))
