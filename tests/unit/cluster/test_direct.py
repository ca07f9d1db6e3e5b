"""The API of a cluster that Kubepeer did not build: who is let in, and what is said to those who are not."""

import base64
import json
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import yaml

from kubepeer.errors import InventoryError, UnreachableError
from kubepeer.intent.cluster_api import ClusterApi
from kubepeer.run import Run
from kubepeer.secret import Redactor, SecretSource
from tasks.cluster import api, direct
from tasks.cluster.access import API, a_cluster, open_api
from tasks.cluster.denial import DeniedError, expiry
from tasks.cluster.direct import DirectApi, by_address, from_kubeconfig, ready
from tests.unit.cluster.api_server import NAME, Listener, State, certificates, listening, refusal, serving

ACCOUNT = "system:serviceaccount:kube-system:kubepeer-reader"


@pytest.fixture(scope="module")
def own_listener(keys: Path) -> Iterator[Listener]:
    """A server that lets in who has a token."""
    with serving(listening(keys, State(), certificates=False)) as listener:
        yield listener


@pytest.fixture
def state(own_listener: Listener, monkeypatch: pytest.MonkeyPatch) -> State:
    """Its state, anew; between attempts and questions a moment passes instead of seconds."""
    monkeypatch.setattr(api, "RETRY_SECONDS", 0.001)
    monkeypatch.setattr(direct, "ASK_SECONDS", 0.001)
    own_listener.state = State(token=token(2099), raw={"/readyz": (200, "ok")})
    return own_listener.state


def token(year: int) -> str:
    """As the API signs it, but for the signature."""

    def part(claims: dict[str, Any]) -> str:
        return base64.urlsafe_b64encode(json.dumps(claims).encode()).decode().rstrip("=")

    claims = {"exp": int(datetime(year, 3, 1, 12, tzinfo=UTC).timestamp()), "sub": ACCOUNT}
    return f"{part({'alg': 'RS256'})}.{part(claims)}.c2lnbmF0dXJl"


@pytest.fixture
def opened(own_listener: Listener, keys: Path, tmp_path: Path) -> Callable[..., DirectApi]:
    """The connection, as the section cluster.api says it."""

    def make(said: str = "", *, ca: Path | None = None, name: str | None = NAME) -> DirectApi:
        (tmp_path / "token").touch(mode=0o600)
        (tmp_path / "token").write_text(f"{said or token(2099)}\n", encoding="utf-8")
        section = ClusterApi(
            server=f"https://127.0.0.1:{own_listener.server_port}",
            ca=str(ca or keys / "ca.crt"),
            token=SecretSource(file="token"),
            server_name=name,
        )
        return by_address(section, tmp_path, Redactor())

    return make


def test_a_token_lets_in(state: State, opened: Callable[..., DirectApi]) -> None:
    state.objects["/api/v1/nodes"] = {"items": [{"metadata": {"name": "a"}}]}
    api = opened()
    ready(api)
    assert api.items("/api/v1/nodes") == [{"metadata": {"name": "a"}}]


@pytest.mark.parametrize(
    ("said", "why"),
    [
        (token(2021), "the token has expired on 2021-03-01 12:00 UTC"),
        ("opaque", "the token was taken back, or is another cluster's"),
        (token(2098), "the token was taken back, or is another cluster's"),
    ],
)
def test_a_token_that_is_not_taken(state: State, opened: Callable[..., DirectApi], said: str, why: str) -> None:
    with pytest.raises(DeniedError) as raised:
        ready(opened(said), 60)  # it is not waited for
    assert raised.value.message.endswith(f"does not take the login of cluster.api (401): {why}")
    assert "create token kubepeer-reader" in raised.value.cure
    assert len(state.requests) == 1
    assert said not in str(raised.value)


@pytest.mark.parametrize(
    ("path", "said", "rule"),
    [
        (
            "/api/v1/nodes",
            f'nodes is forbidden: User "{ACCOUNT}" cannot list resource "nodes" in API group "" at the cluster scope',
            '{apiGroups: [""], resources: ["nodes"], verbs: ["list"]}',
        ),
        (
            "/apis/metallb.io/v1beta2/bgppeers",
            f'bgppeers.metallb.io is forbidden: User "{ACCOUNT}" cannot list resource "bgppeers" in API group "metallb.io"',
            '{apiGroups: ["metallb.io"], resources: ["bgppeers"], verbs: ["list"]}',
        ),
        (
            "/readyz",
            f'forbidden: User "{ACCOUNT}" cannot get path "/readyz"',
            '{nonResourceURLs: ["/readyz"], verbs: ["get"]}',
        ),
    ],
)
def test_a_right_that_is_missing_is_named(
    state: State, opened: Callable[..., DirectApi], path: str, said: str, rule: str
) -> None:
    state.raw[path] = (403, json.dumps(refusal(said)))
    with pytest.raises(DeniedError) as raised:
        opened().get(path)
    assert raised.value.message == f"{ACCOUNT} lacks the rule {rule} (403)"
    assert "docs/rbac/kubepeer-reader.yaml" in raised.value.cure
    assert raised.value.exit_code == 3


def test_the_ca_of_another_cluster(state: State, opened: Callable[..., DirectApi], tmp_path: Path) -> None:
    (other := tmp_path / "other").mkdir()
    certificates(other)
    with pytest.raises(DeniedError) as raised:
        ready(opened(ca=other / "ca.crt"), 60)
    assert "is not the API that cluster.api has the CA of: " in raised.value.message
    assert "kubectl config view --raw --minify --flatten" in raised.value.cure
    assert state.requests == []


def test_an_address_that_the_certificate_has_not(state: State, opened: Callable[..., DirectApi]) -> None:
    with pytest.raises(DeniedError) as raised:
        ready(opened(name=None), 60)
    assert "127.0.0.1" in raised.value.message
    assert "server_name of cluster.api" in raised.value.cure
    assert state.requests == []


def test_an_api_that_is_not_ready_is_waited_for(state: State, opened: Callable[..., DirectApi]) -> None:
    state.faults = [500] * 9
    ready(opened(), 60)
    state.raw["/readyz"] = (500, "[-]etcd failed: reason withheld")
    with pytest.raises(UnreachableError, match=r"is not ready: GET /readyz: 500: etcd failed: reason withheld"):
        ready(opened())


def test_a_file_that_others_can_read_is_not_taken(opened: Callable[..., DirectApi], tmp_path: Path) -> None:
    (tmp_path / "kubeconfig").write_text("clusters: []", encoding="utf-8")
    (tmp_path / "kubeconfig").chmod(0o644)
    with pytest.raises(InventoryError, match="can be read by others"):
        from_kubeconfig(tmp_path / "kubeconfig", Redactor())


def kubeconfig(folder: Path, server: str, user: Mapping[str, Any]) -> Path:
    """With all else beside it."""
    cluster = {"server": server, "certificate-authority": "ca.crt", "tls-server-name": NAME}
    document = {
        "clusters": [{"name": "theirs", "cluster": cluster}],
        "users": [{"name": "me", "user": user}],
        "contexts": [{"name": "here", "context": {"cluster": "theirs", "user": "me"}}],
        "current-context": "here",
    }
    (folder / "kubeconfig").touch(mode=0o600)
    (folder / "kubeconfig").write_text(yaml.safe_dump(document), encoding="utf-8")
    return folder / "kubeconfig"


def beside(folder: Path, keys: Path, *names: str) -> None:
    for name in names:
        (folder / name).touch(mode=0o600)
        (folder / name).write_bytes((keys / name).read_bytes())


def test_a_kubeconfig_with_its_certificates_in_files_lets_in(
    state: State, own_listener: Listener, keys: Path, folder: Path
) -> None:
    state.token = ""
    beside(folder, keys, "ca.crt", "client.crt", "client.key")
    user = {"client-certificate": "client.crt", "client-key": "client.key"}
    api, name = from_kubeconfig(kubeconfig(folder, f"https://127.0.0.1:{own_listener.server_port}", user), Redactor())
    ready(api)
    assert name == "theirs"


@pytest.mark.parametrize("missing", ["client.crt", "client.key", "ca.crt"])
def test_a_certificate_that_is_not_there(keys: Path, folder: Path, missing: str) -> None:
    beside(folder, keys, *({"ca.crt", "client.crt", "client.key"} - {missing}))
    user = {"client-certificate": "client.crt", "client-key": "client.key"}
    with pytest.raises(InventoryError) as raised:
        from_kubeconfig(kubeconfig(folder, "https://127.0.0.1:1", user), Redactor())
    assert f"{folder / missing}: No such file or directory" in raised.value.message


def test_a_program_is_not_started(keys: Path, folder: Path) -> None:
    beside(folder, keys, "ca.crt")
    path = kubeconfig(folder, "https://127.0.0.1:1", {"exec": {"command": "aws"}})
    with pytest.raises(InventoryError) as raised:
        from_kubeconfig(path, Redactor())
    assert str(raised.value) == (
        f"the kubeconfig {path} logs the user me in by a program (exec: aws), which is not started. Nothing was contacted. "
        "Cure: docs/adopt.md has a service account with a token that can read what is needed, and no more"
    )


def test_the_token_is_hidden_in_what_is_printed(state: State, own_listener: Listener, keys: Path, folder: Path) -> None:
    redactor = Redactor()
    beside(folder, keys, "ca.crt")
    from_kubeconfig(
        kubeconfig(folder, f"https://127.0.0.1:{own_listener.server_port}", {"token": state.token}), redactor
    )
    assert redactor.hide(f"Bearer {state.token}") == "Bearer ********"


@pytest.mark.parametrize(
    "text", ["", "opaque", "a.b", "a.b.c", "a.bm90IGpzb24.c", "a.e30.c", "a.eyJleHAiOiJuZXZlciJ9.c"]
)
def test_a_token_that_says_no_end(text: str) -> None:
    assert expiry(text) is None


def test_a_run_asks_it_directly(
    state: State, opened: Callable[..., DirectApi], run_of: Callable[..., Run], monkeypatch: pytest.MonkeyPatch
) -> None:
    run = run_of("edge")
    cluster = run.intent.cluster.model_copy(update={"kubeconfig": "theirs"})
    run.intent = run.intent.model_copy(update={"cluster": cluster, "nodes": ()})
    monkeypatch.setattr(direct, "connect", lambda _: opened())
    assert list(a_cluster(run)) == []
    assert open_api(run) is run.recall(API)
    assert [request.path for request in state.requests] == ["/readyz"]
