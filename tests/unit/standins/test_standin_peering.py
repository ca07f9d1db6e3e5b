"""confd's part: when BIRD gets another configuration, and what waits for the next start of calico-node."""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest
from calico_node.bgp import PasswordReference
from calico_node.bird import Bird
from calico_node.datastore import Snapshot, paths
from calico_node.peering import Peering
from calico_node.versions import Version

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
