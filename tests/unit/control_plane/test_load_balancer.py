"""A load balancer on loopback that leads to apiservers by turns, to a dead one, or to those of another cluster."""

import socket
import ssl
import subprocess
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from kubepeer.errors import RefusedError
from kubepeer.intent import Intent
from tasks.control_plane import load_balancer
from tasks.control_plane.membership import CA_CERTIFICATE, MEMBER, MemberSeen
from tasks.control_plane.preflight import refuse_busy_load_balancer
from tests.unit.cluster.api_server import NAME

NAMES = tuple(f"k8s-calico-master-10-31-90-{number}" for number in (1, 2, 3))
FIRST = NAMES[0]


def apiserver(keys: Path, folder: Path, address: str) -> ssl.SSLContext:
    """What an apiserver at this address speaks TLS with: kubeadm writes its address into its certificate."""
    (folder / "names").write_text(f"subjectAltName=DNS:{NAME},IP:{address}\n")
    key, request, certificate = (folder / f"{address}.{end}" for end in ("key", "csr", "crt"))
    new_key = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")
    signed = ("-CA", keys / "ca.crt", "-CAkey", keys / "ca.key", "-CAcreateserial", "-days", "2")
    for words in (
        ("req", *new_key, "-keyout", key, "-out", request, "-subj", "/CN=kube-apiserver"),
        ("x509", "-req", "-in", request, *signed, "-out", certificate, "-extfile", folder / "names"),
    ):
        subprocess.run(["openssl", *map(str, words)], check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    return context


Balancer = Callable[..., int]


@pytest.fixture
def balancer() -> Iterator[Balancer]:
    """A port on loopback behind which these apiservers take turns; None is a backend that is dead."""
    stops: list[Callable[[], None]] = []

    def make(*backends: ssl.SSLContext | None) -> int:
        listener = socket.create_server(("127.0.0.1", 0))

        def serve() -> None:
            turn = 0
            while True:
                try:
                    connection, _ = listener.accept()
                except OSError:
                    return
                backend, turn = backends[turn % len(backends)], turn + 1
                with connection:
                    if backend is None:
                        continue
                    try:
                        with backend.wrap_socket(connection, server_side=True) as secured:
                            secured.recv(1)  # until the other end has said goodbye
                    except OSError:
                        continue

        thread = threading.Thread(target=serve)
        thread.start()

        def stop() -> None:
            listener.shutdown(socket.SHUT_RDWR)
            listener.close()
            thread.join()

        stops.append(stop)
        return int(listener.getsockname()[1])

    yield make
    for stop in stops:
        stop()


@pytest.fixture
def intent_at(intent_of: Any) -> Callable[[int], Intent]:
    def make(port: int) -> Intent:
        endpoint = {"provider": "external", "address": "127.0.0.1", "port": port}
        intent: Intent = intent_of(groups={"fabric": {"data": {"cluster": {"endpoint": endpoint}}}})
        return intent

    return make


def test_every_control_plane_is_met(keys: Path, folder: Path, balancer: Balancer, intent_at: Any) -> None:
    backends = [apiserver(keys, folder, f"10.31.90.{number}") for number in (1, 2, 3)]
    intent = intent_at(balancer(*backends))
    found = load_balancer.finding(intent, FIRST, (keys / "ca.crt").read_text())
    assert (found.ok, found.observed, found.reason) == (True, NAMES, "")
    assert (found.check, found.layer, found.expected) == ("endpoint", "api", NAMES)


def test_one_that_is_never_met_is_told_and_no_fault(
    keys: Path, folder: Path, balancer: Balancer, intent_at: Any
) -> None:
    intent = intent_at(balancer(apiserver(keys, folder, "10.31.90.2")))
    found = load_balancer.finding(intent, FIRST, (keys / "ca.crt").read_text())
    assert (found.ok, found.observed) == (True, NAMES[1:2])
    assert found.reason == (f"9 connections led to others than {NAMES[0]}, {NAMES[2]}: is it among the backends?")


def test_a_dead_backend_that_was_not_taken_out_fails(
    keys: Path, folder: Path, balancer: Balancer, intent_at: Any
) -> None:
    intent = intent_at(balancer(apiserver(keys, folder, "10.31.90.1"), apiserver(keys, folder, "10.31.90.2"), None))
    found = load_balancer.finding(intent, FIRST, (keys / "ca.crt").read_text())
    assert not found.ok
    assert found.reason.startswith("3 of 9 connections led to no apiserver of this cluster (")
    assert "10.31.90.1:6443, 10.31.90.2:6443, 10.31.90.3:6443 and a check of /readyz" in found.reason


def test_an_apiserver_of_another_cluster_fails(
    keys: Path, folder: Path, tmp_path_factory: pytest.TempPathFactory, balancer: Balancer, intent_at: Any
) -> None:
    other = tmp_path_factory.mktemp("other")
    new_key = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2")
    files = ("-keyout", str(other / "ca.key"), "-out", str(other / "ca.crt"), "-subj", "/CN=kubernetes")
    subprocess.run(["openssl", "req", "-x509", *new_key, *files], check=True, capture_output=True)
    intent = intent_at(balancer(apiserver(other, folder, "10.31.90.1")))
    found = load_balancer.finding(intent, FIRST, (keys / "ca.crt").read_text())
    assert not found.ok
    assert found.reason.startswith("9 of 9 connections led to no apiserver of this cluster (")


@pytest.mark.parametrize(("leftovers", "refused"), [((), True), ((CA_CERTIFICATE,), False)])
def test_somebody_else_at_the_address_is_refused_while_there_is_no_cluster(
    keys: Path,
    folder: Path,
    balancer: Balancer,
    intent_at: Any,
    run_of: Any,
    leftovers: tuple[str, ...],
    *,
    refused: bool,
) -> None:
    run = run_of(*NAMES, intent=intent_at(balancer(apiserver(keys, folder, "10.31.90.9"))))
    for name in NAMES:
        run.keep(MEMBER, MemberSeen(leftovers, api_ready=False, admin_conf="", ca="", kubeconfigs=()), of=name)
    if not refused:
        refuse_busy_load_balancer(run)
        return
    with pytest.raises(RefusedError, match=r"^k8s-calico: somebody answers at 127\.0\.0\.1:\d+ already") as caught:
        refuse_busy_load_balancer(run)
    assert "Nothing was changed on any host. Cure: " in str(caught.value)


def test_a_load_balancer_without_a_backend_is_none_of_it(balancer: Balancer, intent_at: Any, run_of: Any) -> None:
    run = run_of(*NAMES, intent=intent_at(balancer(None)))
    for name in NAMES:
        run.keep(MEMBER, MemberSeen((), api_ready=False, admin_conf="", ca="", kubeconfigs=()), of=name)
    refuse_busy_load_balancer(run)
