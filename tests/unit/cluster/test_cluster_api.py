"""The connection to the API, against a real server: trust, answers, refusals, and what is said again."""

import base64
import socket
import ssl
import stat
import tempfile
from pathlib import Path

import pytest
import yaml

from kubepeer.errors import UnreachableError
from tasks.cluster.api import ATTEMPTS, KubernetesApi
from tasks.cluster.kubeconfig import UnusableError
from tasks.cluster.refusal import ApiRefusal
from tests.unit.cluster.api_server import CUT, NAME, ApiServer

NAMESPACE = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "nginx-quic"}}
PATH = "/api/v1/namespaces/nginx-quic"
PEER = {
    "apiVersion": "projectcalico.org/v3",
    "kind": "BGPPeer",
    "metadata": {"name": "openwrt-peer"},
    "spec": {"asNumber": 64512},
}
SERVICE = {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "web", "namespace": "nginx-quic"}, "spec": {}}
GROUP = {"apiVersion": "example.org/v1", "kind": "Example", "metadata": {"name": "x"}}


def test_the_api_is_reached_by_its_address_and_trusted_by_its_name(connected: KubernetesApi, server: ApiServer) -> None:
    server.state.raw["/readyz"] = (200, "ok")
    assert connected.call("GET", "/readyz") == "ok"


@pytest.mark.parametrize("name", ["HTTPS_PROXY", "https_proxy", "ALL_PROXY"])
def test_no_proxy_of_the_environment_stands_between(
    server: ApiServer, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    for spelling in ("NO_PROXY", "no_proxy"):
        monkeypatch.delenv(spelling, raising=False)
    monkeypatch.setenv(name, "http://127.0.0.1:1")
    server.state.raw["/readyz"] = (200, "ok")
    assert KubernetesApi(server.kubeconfig, server.address, NAME).call("GET", "/readyz") == "ok"


def test_a_server_of_another_name_is_not_trusted(server: ApiServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tasks.cluster.api.RETRY_SECONDS", 0.001)
    with pytest.raises(UnreachableError, match="does not answer") as raised:
        KubernetesApi(server.kubeconfig, server.address, "somebody.else").call("GET", "/readyz")
    assert server.address in str(raised.value)
    assert "somebody.else" in str(raised.value)
    assert server.state.requests == []


def test_nobody_at_the_address_is_an_unreachable_api(server: ApiServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tasks.cluster.api.RETRY_SECONDS", 0.001)
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))  # bound and not listening: nobody else gets the port, and a connection is refused
        address = f"https://127.0.0.1:{unused.getsockname()[1]}"
        with pytest.raises(UnreachableError) as raised:
            KubernetesApi(server.kubeconfig, address, NAME).call("GET", "/readyz")
    assert raised.value.exit_code == 3
    assert address in str(raised.value)


def test_the_administrators_key_lies_in_no_file_while_the_connection_works(
    server: ApiServer, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    modes: list[int] = []
    load = ssl.SSLContext.load_cert_chain

    def watched(self: ssl.SSLContext, file: str) -> None:
        modes.extend(stat.S_IMODE(path.stat().st_mode) for path in tmp_path.iterdir())
        load(self, file)

    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setattr(ssl.SSLContext, "load_cert_chain", watched)
    server.state.raw["/readyz"] = (200, "ok")
    opened = KubernetesApi(server.kubeconfig, server.address, NAME)
    assert (opened.call("GET", "/readyz"), modes, list(tmp_path.iterdir())) == ("ok", [0o600], [])


def test_a_certificate_that_openssl_refuses_is_no_kubeconfig_to_use(server: ApiServer) -> None:
    broken = yaml.safe_load(server.kubeconfig)
    nonsense = "-----BEGIN CERTIFICATE-----\nbm90aGluZw==\n-----END CERTIFICATE-----\n"
    broken["users"][0]["user"]["client-certificate-data"] = base64.b64encode(nonsense.encode()).decode()
    with pytest.raises(UnusableError, match="has a certificate or a key that is none"):
        KubernetesApi(yaml.safe_dump(broken), server.address, NAME)


def test_what_is_not_there_is_none_and_an_empty_list(connected: KubernetesApi) -> None:
    assert connected.get(PATH) is None
    assert connected.items("/apis/nobody.example/v1/things") == []


def test_a_refusal_has_the_apis_own_words_and_its_status(connected: KubernetesApi, server: ApiServer) -> None:
    server.state.raw[PATH] = (403, '{"kind": "Status", "message": "namespaces is forbidden"}')
    with pytest.raises(ApiRefusal) as raised:
        connected.get(PATH)
    assert (raised.value.status, str(raised.value)) == (403, f"GET {PATH}: 403: namespaces is forbidden")


def test_a_refusal_that_is_no_json_is_told_by_its_beginning(connected: KubernetesApi, server: ApiServer) -> None:
    server.state.raw[PATH] = (400, "  Bad Request " + "x" * 500)
    with pytest.raises(ApiRefusal) as raised:
        connected.get(PATH)
    assert str(raised.value) == f"GET {PATH}: 400: Bad Request " + "x" * 188


def test_deleting_what_is_gone_is_as_good_and_what_stands_goes(connected: KubernetesApi, server: ApiServer) -> None:
    server.state.objects[PATH] = NAMESPACE
    connected.delete(PATH)
    assert PATH not in server.state.objects
    connected.delete(PATH)


@pytest.mark.parametrize("fault", [500, 503, CUT])
@pytest.mark.parametrize("method", ["GET", "PATCH", "DELETE"])
def test_what_can_be_said_twice_is_said_again_until_a_failover_is_over(
    connected: KubernetesApi, server: ApiServer, method: str, fault: int
) -> None:
    server.state.objects[PATH] = NAMESPACE
    server.state.faults = [fault] * (ATTEMPTS - 1)
    body = NAMESPACE if method == "PATCH" else None
    answer = connected.call(method, PATH, body=body, content_type="application/apply-patch+yaml")
    assert answer["metadata"]["name"] == "nginx-quic"
    assert server.state.methods() == [method] * ATTEMPTS


def test_a_fault_that_stays_is_told_at_last(connected: KubernetesApi, server: ApiServer) -> None:
    server.state.faults = [500] * 10
    with pytest.raises(ApiRefusal, match="500: etcdserver: leader changed"):
        connected.get(PATH)
    assert len(server.state.requests) == ATTEMPTS


@pytest.mark.parametrize(("method", "status"), [("POST", 500), ("POST", CUT), ("GET", 403), ("PATCH", 409)])
def test_what_is_refused_for_good_or_must_not_be_said_twice_is_said_once(
    connected: KubernetesApi, server: ApiServer, method: str, status: int
) -> None:
    server.state.faults = [status]
    with pytest.raises((ApiRefusal, UnreachableError)):
        connected.call(method, PATH, body=NAMESPACE)
    assert server.state.methods() == [method]


def test_an_object_is_found_by_the_apis_own_discovery_asked_once_a_kind(
    connected: KubernetesApi, server: ApiServer
) -> None:
    assert connected.path_of(NAMESPACE) == PATH
    assert connected.path_of(SERVICE) == f"{PATH}/services/web"
    assert connected.path_of(SERVICE | {"metadata": {"name": "web"}}) == "/api/v1/namespaces/default/services/web"
    assert connected.path_of(PEER) == "/apis/projectcalico.org/v3/bgppeers/openwrt-peer"
    assert [request.path for request in server.state.requests] == ["/api/v1", "/apis/projectcalico.org/v3"]


def test_a_kind_that_is_not_served_has_no_place_and_cannot_be_applied(
    connected: KubernetesApi, server: ApiServer
) -> None:
    assert connected.path_of(GROUP) is None
    with pytest.raises(ApiRefusal, match=r"apply Example x: 404: no API serves Example of example\.org/v1") as raised:
        connected.apply(GROUP, dry_run=True)
    assert raised.value.status == 404
    assert server.state.methods() == ["GET", "GET"]  # it may be served a moment later: not remembered


@pytest.mark.parametrize("dry_run", [True, False])
def test_an_object_is_applied_by_the_server_and_in_a_dry_run_not_stored(
    connected: KubernetesApi, server: ApiServer, *, dry_run: bool
) -> None:
    answer = connected.apply(PEER, dry_run=dry_run)
    assert answer["spec"] == {"asNumber": 64512}
    request = server.state.requests[-1]
    assert (request.method, request.content_type) == ("PATCH", "application/apply-patch+yaml")
    expected = {"fieldManager": "kubepeer", "force": "true"} | ({"dryRun": "All"} if dry_run else {})
    assert request.query == expected
    assert bool(server.state.objects) is not dry_run
