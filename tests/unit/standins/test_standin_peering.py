"""confd's part: when BIRD gets another configuration, and what waits for the next start of calico-node."""

import threading
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from calico_node.bgp import PasswordReference
from calico_node.bird import Bird
from calico_node.datastore import Datastore, Snapshot, paths
from calico_node.peering import Peering
from calico_node.versions import Version
from cluster_api import client as client_module

from tests.unit.standins.api_server import Plain, Reader, Server, serving, until
from tests.unit.standins.test_standin_supervision import calls, started, supervised

__all__ = ["calls"]  # a fixture

NODE = {"metadata": {"name": "n1", "annotations": {"projectcalico.org/IPv4Address": "10.31.90.1/16"}}}


class NoPasswords:
    """A datastore of which nothing but passwords is asked; there are none."""

    def passwords(self, _: Iterable[PasswordReference]) -> dict[PasswordReference, str]:
        return {}


def snapshot(**default: Any) -> Snapshot:
    configuration = {"metadata": {"name": "default"}, "spec": {"nodeToNodeMeshEnabled": False} | default}
    nothing: dict[str, list[Any]] = {kind: [] for kind in paths(Version())}
    return Snapshot(**(nothing | {"nodes": [NODE], "configurations": [configuration]}))


@pytest.fixture
def peering(calls: Path) -> Iterator[Peering]:
    bird = Bird(calls.parent / "configuration" / "bird.cfg", calls.parent / "run")
    yield Peering("n1", Version(), NoPasswords(), bird)  # type: ignore[arg-type]
    bird.kill()


def text(calls: Path) -> str:
    return (calls.parent / "configuration" / "bird.cfg").read_text()


def test_another_place_to_listen_waits_for_the_next_start(peering: Peering, calls: Path) -> None:
    peering.bring_about(snapshot(listenPort=179))
    supervised(peering.bird, lambda: len(started(calls)) == 1)
    before = text(calls)
    peering.bring_about(snapshot(listenPort=1790, bindMode="NodeIP"))
    assert text(calls) == before
    assert len(started(calls)) == 1
    peering.bird.kill()
    peering.bring_about(snapshot(listenPort=1790, bindMode="NodeIP"))
    assert "local port 1790 as 64512;" in text(calls)
    assert "strict bind on;" in text(calls)


def test_a_node_without_an_address_has_no_configuration_yet(peering: Peering, calls: Path) -> None:
    without = snapshot()
    without.nodes[:] = [{"metadata": {"name": "n1"}}]
    peering.bring_about(without)
    assert not (calls.parent / "configuration" / "bird.cfg").exists()


@pytest.mark.parametrize(
    ("version", "kind", "path"),
    [
        ("3.24.5", "endpoints", "/api/v1/endpoints"),
        ("3.32.1", "endpoints", "/apis/discovery.k8s.io/v1/endpointslices"),
        ("3.25.2", "filters", None),
        ("3.26.0", "filters", "/apis/crd.projectcalico.org/v1/bgpfilters"),
        ("3.32.1", "peers", "/apis/crd.projectcalico.org/v1/bgppeers"),
    ],
)
def test_each_version_watches_what_it_knows(version: str, kind: str, path: str | None) -> None:
    assert paths(Version(version)).get(kind) == path


@pytest.mark.parametrize(
    ("text", "version"), [("v3.24.5", "3.24.5"), (" 3.30.7 ", "3.30.7"), ("", "3.32.1"), (None, "3.32.1")]
)
def test_the_version_is_read_from_the_environment(
    text: str | None, version: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("CALICO_VERSION", raising=False)
    if text is not None:
        monkeypatch.setenv("CALICO_VERSION", text)
    assert Version.from_environment().text == version


def test_a_password_is_read_by_the_name_of_its_secret_which_is_all_that_a_role_may_allow(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client_module, "Connection", Plain)
    (tmp_path / "token").write_text("secret")
    wanted = PasswordReference("bgp-passwords", "router")
    with serving(Server(patient=True)) as server:
        server.answering.clear()
        datastore = Datastore(Reader("127.0.0.1", server.port, tmp_path), "calico-system", Version(), threading.Event())
        with pytest.raises(LookupError, match="not read yet"):
            datastore.passwords([wanted])
        server.answering.set()
        asked = "/api/v1/namespaces/calico-system/secrets?fieldSelector=metadata.name=bgp-passwords"
        until(lambda: asked in server.asked)
        until(lambda: any(one.startswith(f"{asked}&watch=true") for one in server.asked))
        assert not [one for one in server.asked if "secrets" in one and "fieldSelector" not in one]
        assert datastore.passwords([wanted]) == {}, "an empty answer: there is no such Secret"
        assert datastore.passwords([]) == {}


def test_without_a_role_for_its_secret_a_node_speaks_without_a_password(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client_module, "Connection", Plain)
    (tmp_path / "token").write_text("secret")
    with serving(Server()) as server:
        server.listing = 403
        datastore = Datastore(Reader("127.0.0.1", server.port, tmp_path), "calico-system", Version(), threading.Event())
        wanted = [PasswordReference("bgp-passwords", "router")]

        def answered() -> bool:
            with suppress(LookupError):
                return datastore.passwords(wanted) == {}
            return False

        until(answered)
