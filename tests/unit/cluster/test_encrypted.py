"""What is in etcd already is written again, once a key; what somebody else writes meanwhile is as good."""

from collections.abc import Callable
from typing import Any

import pytest

from kubepeer.run import Run
from tasks.cluster import encrypted
from tasks.cluster.api import KubernetesApi
from tasks.cluster.refusal import ApiRefusal

STATE = encrypted.STATE


class Api:
    """Secrets in pages, some of which cannot be written."""

    def __init__(self, count: int) -> None:
        self.secrets = [
            {"metadata": {"namespace": "default", "name": f"s{number}", "resourceVersion": "1"}}
            for number in range(count)
        ]
        self.written: list[str] = []
        self.refusals: dict[str, list[int]] = {}
        self.state: dict[str, Any] | None = None
        self.expired = 0

    def get(self, path: str, query: dict[str, str] | None = None) -> Any:
        if path == STATE:
            return self.state
        assert path == "/api/v1/secrets"
        assert query is not None
        if query.get("continue") and self.expired:
            self.expired -= 1
            raise ApiRefusal(410, path, "The provided continue parameter is too old")
        begin = int(query.get("continue", "0"))
        end = begin + int(query["limit"])
        return {"items": self.secrets[begin:end], "metadata": {"continue": str(end) if end < len(self.secrets) else ""}}

    def call(self, method: str, path: str, *, query: Any, body: Any) -> Any:
        assert (method, query, body["kind"]) == ("PUT", {"fieldManager": "kubepeer"}, "Secret")
        name = body["metadata"]["name"]
        if self.refusals.get(name):
            raise ApiRefusal(self.refusals[name].pop(), path, "no")
        self.written.append(name)
        return body

    def apply(self, manifest: dict[str, Any], *, dry_run: bool) -> Any:
        assert not dry_run
        self.state = manifest
        return manifest


Rewrite = Callable[..., Any]


@pytest.fixture
def rewrite(run_of: Callable[..., Run], monkeypatch: pytest.MonkeyPatch) -> Rewrite:
    monkeypatch.setattr(encrypted, "PAGE", 3)
    monkeypatch.setattr(encrypted, "RETRY_SECONDS", 0.001)

    def make(api: Any, keys: dict[str, str], **options: Any) -> Any:
        return encrypted.rewrite(run_of("one", **options), api, keys)

    return make


def test_every_secret_is_written_again_and_only_once_a_key(rewrite: Rewrite) -> None:
    api = Api(8)
    change = rewrite(api, {"secrets": "key-1"})
    assert (change.before, change.after) == (None, "secrets: key-1\n")
    assert sorted(api.written) == [f"s{number}" for number in range(8)]
    assert rewrite(api, {"secrets": "key-1"}) is None
    assert rewrite(api, {"secrets": "key-2"}).before == "secrets: key-1\n"
    assert len(api.written) == 16


def test_where_nothing_was_ever_encrypted_nothing_is_written(rewrite: Rewrite) -> None:
    api = Api(2)
    assert rewrite(api, {"secrets": encrypted.PLAIN}) is None
    assert api.written == []


def test_a_dry_run_says_so_and_writes_nothing(rewrite: Rewrite) -> None:
    api = Api(2)
    assert rewrite(api, {"secrets": "key-1"}, dry_run=True).after == "secrets: key-1\n"
    assert (api.written, api.state) == ([], None)


def test_a_list_that_has_expired_is_begun_again(rewrite: Rewrite) -> None:
    api = Api(8)
    api.expired = 1
    rewrite(api, {"secrets": "key-1"})
    assert set(api.written) == {f"s{number}" for number in range(8)}


@pytest.mark.parametrize("status", [409, 404])
def test_what_somebody_has_written_or_deleted_meanwhile_is_as_good(rewrite: Rewrite, status: int) -> None:
    api = Api(2)
    api.refusals["s1"] = [status]
    assert rewrite(api, {"secrets": "key-1"}) is not None
    assert api.written == ["s0"]


def test_a_server_that_fails_for_a_moment_is_asked_again(rewrite: Rewrite) -> None:
    api = Api(2)
    api.refusals["s1"] = [500, 500]
    assert rewrite(api, {"secrets": "key-1"}) is not None
    assert sorted(api.written) == ["s0", "s1"]


def test_where_one_cannot_be_written_the_next_run_begins_again(rewrite: Rewrite) -> None:
    api = Api(2)
    api.refusals["s1"] = [403]
    with pytest.raises(ApiRefusal):
        rewrite(api, {"secrets": "key-1"})
    assert api.state is None


def test_the_same_by_a_real_server(connected: KubernetesApi, server: Any, run_of: Callable[..., Run]) -> None:
    metadata = {"namespace": "default", "name": "one", "resourceVersion": "3"}
    server.state.objects["/api/v1/secrets"] = {"items": [{"metadata": metadata, "data": {"a": "Yg=="}}]}
    path = "/api/v1/namespaces/default/secrets/one"
    server.state.objects[path] = {"metadata": metadata, "data": {"a": "Yg=="}}
    assert encrypted.rewrite(run_of("one"), connected, {"secrets": "key-1"}) is not None
    assert server.state.written() == [path, STATE]
    assert server.state.objects[path]["data"] == {"a": "Yg=="}
    assert server.state.objects[STATE]["data"] == {"secrets": "key-1"}
    assert encrypted.rewrite(run_of("one"), connected, {"secrets": "key-1"}) is None
