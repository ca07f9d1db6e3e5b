"""An API server on loopback for the tests of this folder, and Kubepeer's connection to it."""

import shutil
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from tasks.cluster import api
from tasks.cluster.api import KubernetesApi
from tests.conftest import unavailable
from tests.unit.cluster.api_server import NAME, ApiServer, State, certificates, kubeconfig, listening


@pytest.fixture(scope="session")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Path:
    if shutil.which("openssl") is None:
        unavailable("openssl is not there")
    folder = tmp_path_factory.mktemp("keys")
    certificates(folder)
    return folder


@pytest.fixture
def server(keys: Path) -> Iterator[ApiServer]:
    state = State()
    listener = listening(keys, state)
    thread = threading.Thread(target=listener.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield ApiServer(state, f"https://127.0.0.1:{listener.server_port}", kubeconfig(keys))
    listener.shutdown()
    listener.server_close()
    thread.join()


@pytest.fixture
def connected(server: ApiServer, monkeypatch: pytest.MonkeyPatch) -> KubernetesApi:
    """The connection; between its attempts it waits for a moment instead of seconds."""
    monkeypatch.setattr(api, "RETRY_SECONDS", 0.01)
    return KubernetesApi(server.kubeconfig, server.address, NAME)
