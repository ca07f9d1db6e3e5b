"""An API server on loopback for the tests of this folder, and Kubepeer's connection to it."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tasks.cluster import api
from tasks.cluster.api import KubernetesApi
from tests.conftest import unavailable
from tests.unit.cluster.api_server import NAME, ApiServer, Listener, State, certificates, kubeconfig, listening, serving


@pytest.fixture(scope="session")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Path:
    if shutil.which("openssl") is None:
        unavailable("openssl is not there")
    folder = tmp_path_factory.mktemp("keys")
    certificates(folder)
    return folder


@pytest.fixture(scope="session")
def listener(keys: Path) -> Iterator[Listener]:
    """The one server of all tests."""
    with serving(listening(keys, State())) as listener:
        yield listener


@pytest.fixture
def server(listener: Listener, keys: Path) -> ApiServer:
    """The server, as one that has just started: it knows nothing of the tests before."""
    listener.state = State()
    return ApiServer(listener.state, f"https://127.0.0.1:{listener.server_port}", kubeconfig(keys))


@pytest.fixture
def connected(server: ApiServer, monkeypatch: pytest.MonkeyPatch) -> KubernetesApi:
    """The connection; between its attempts it waits for a moment instead of seconds."""
    monkeypatch.setattr(api, "RETRY_SECONDS", 0.001)
    return KubernetesApi(server.kubeconfig, server.address, NAME)
