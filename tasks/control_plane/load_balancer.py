"""The load balancer that somebody else runs before the API: who answers at its address, connection by connection."""

import socket
import ssl

from kubepeer.checks import Finding
from kubepeer.intent import Intent
from kubepeer.intent.families import in_url
from tasks.control_plane.holders import CHECK

CONNECT_SECONDS = 3
ROUNDS = 3  # connections a control plane: who balances by turns leads to each of them more than once


def somebody_answers(address: str, port: int) -> bool:
    """Whether anybody there speaks TLS, whoever it is. A load balancer without a backend may accept, and says nothing."""
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    try:
        with (
            socket.create_connection((address, port), timeout=CONNECT_SECONDS) as plain,
            context.wrap_socket(plain) as _,
        ):
            return True
    except OSError:  # ssl.SSLError is one
        return False


def server_behind(address: str, port: int, name: str, ca: str) -> frozenset[str]:
    """The addresses in the certificate of the apiserver that a new connection leads to.

    Args:
        address: of the load balancer.
        port: its port.
        name: the endpoint's, which the certificate must have.
        ca: the cluster's CA certificate in PEM.

    Raises:
        OSError: nobody answers, or it is no apiserver of this cluster.

    """
    context = ssl.create_default_context(cadata=ca)
    with (
        socket.create_connection((address, port), timeout=CONNECT_SECONDS) as plain,
        context.wrap_socket(plain, server_hostname=name) as secured,
    ):
        certificate = secured.getpeercert() or {}
    names = certificate.get("subjectAltName", ())
    return frozenset(str(pair[1]) for pair in names if pair[0] == "IP Address")


def finding(intent: Intent, host: str, ca: str) -> Finding:
    """Every connection through the load balancer leads to an apiserver of this cluster.

    Passes   all of them do. Which control planes were never met is told: a balancer that goes by the client's address leads one
             client to one of them alone.
    Fails    one does not: a backend that is dead and not taken out, or a machine of another cluster.

    Args:
        intent: with the address and the control planes.
        host: in whose name it is said.
        ca: the cluster's CA certificate in PEM.

    """
    cluster = intent.cluster
    met: set[str] = set()
    troubles: list[str] = []
    tries = ROUNDS * len(intent.control_planes)
    for _ in range(tries):
        try:
            met |= server_behind(str(cluster.endpoint.address), cluster.endpoint.port, cluster.endpoint_name, ca)
        except OSError as error:
            troubles.append(getattr(error, "verify_message", "") or error.strerror or str(error))
    expected = tuple(node.name for node in intent.control_planes)
    observed = tuple(node.name for node in intent.control_planes if str(node.address) in met)
    unmet = [name for name in expected if name not in observed]
    said = ""
    if troubles:
        backends = ", ".join(f"{in_url(node.address)}:6443" for node in intent.control_planes)
        said = f"{len(troubles)} of {tries} connections led to no apiserver of this cluster ({troubles[-1]}): "
        said += f"give the load balancer {backends} and a check of /readyz"
    elif unmet:
        said = f"{tries} connections led to others than {', '.join(unmet)}: is it among the backends?"
    subject = cluster.endpoint.at
    return Finding(host, CHECK, subject, "api", not troubles, expected, observed, reason=said)
