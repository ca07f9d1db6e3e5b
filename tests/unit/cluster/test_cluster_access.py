"""The API is found, waited for, and its refusals are told from its absence."""

from collections.abc import Callable

import pytest

from kubepeer.errors import UnreachableError
from kubepeer.run import Run
from tasks.cluster import access
from tasks.cluster.access import API, API_PROBLEM, ApiNotReadyError, api_if_there, api_of_cluster, open_api
from tasks.cluster.api import KubernetesApi
from tests.unit.cluster.api_server import ApiServer

NOT_READY = (
    "[+]ping ok\n[-]etcd failed: reason withheld\n[-]poststarthook/start-x failed: not finished\nreadyz check failed"
)
NODES = [f"k8s-calico-master-10-31-90-{number}" for number in (1, 2, 3)]


@pytest.fixture
def run(run_of: Callable[..., Run], connected: KubernetesApi, monkeypatch: pytest.MonkeyPatch) -> Run:
    monkeypatch.setattr(access, "API_SECONDS", 0.05)
    monkeypatch.setattr(access, "ASK_SECONDS", 0.001)
    monkeypatch.setattr(access, "_connect", lambda _: connected)
    return run_of(*NODES)


def test_an_api_that_is_ready_is_kept(run: Run, server: ApiServer, connected: KubernetesApi) -> None:
    server.state.raw["/readyz"] = (200, "ok")
    assert open_api(run) is connected
    assert run.recall(API) is connected


def test_an_api_that_is_not_ready_names_the_checks_that_fail(run: Run, server: ApiServer) -> None:
    server.state.raw["/readyz"] = (500, NOT_READY)
    with pytest.raises(ApiNotReadyError) as raised:
        open_api(run)
    assert raised.value.message == (
        "the Kubernetes API at 10.31.90.0:8443 is not ready: GET /readyz: 500: "
        "etcd failed: reason withheld; poststarthook/start-x failed: not finished"
    )
    assert run.recall(API) is None


def test_what_answers_in_place_of_an_api_is_none(run: Run, server: ApiServer) -> None:
    server.state.raw["/readyz"] = (200, "<html>\nlog in</html>")
    assert api_of_cluster(run) is None
    assert run.recall(API_PROBLEM) == "GET /readyz: <html>"


def test_an_api_that_answers_503_for_long_is_never_taken_for_none(run: Run, server: ApiServer) -> None:
    server.state.raw["/readyz"] = (503, "<html>no server is available</html>")
    with pytest.raises(ApiNotReadyError, match=r"is not ready after 0 s: GET /readyz: 503: <html>no server"):
        api_of_cluster(run)


def test_it_is_waited_for_while_it_answers_that_it_is_not_ready(
    run: Run, server: ApiServer, connected: KubernetesApi
) -> None:
    server.state.raw["/readyz"] = (200, "ok")
    server.state.faults = [503] * 6
    assert api_of_cluster(run) is connected


def test_a_dry_run_does_not_wait_for_it(
    run_of: Callable[..., Run], server: ApiServer, connected: KubernetesApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(access, "_connect", lambda _: connected)
    server.state.raw["/readyz"] = (500, NOT_READY)
    with pytest.raises(ApiNotReadyError, match=r"is not ready: GET"):
        api_of_cluster(run_of(*NODES, dry_run=True))


def test_who_would_only_like_to_know_does_not_wait(
    run: Run, server: ApiServer, connected: KubernetesApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(access, "API_SECONDS", 60)
    server.state.raw["/readyz"] = (500, NOT_READY)
    assert api_if_there(run) is None
    server.state.raw["/readyz"] = (200, "ok")
    assert api_if_there(run) is connected


def test_where_nobody_answers_there_is_none(run: Run, server: ApiServer, monkeypatch: pytest.MonkeyPatch) -> None:
    lost = KubernetesApi(server.kubeconfig, "https://127.0.0.1:1", "name")
    monkeypatch.setattr(access, "_connect", lambda _: lost)
    assert api_of_cluster(run) is None
    assert "does not answer" in run.recall(API_PROBLEM)
    with pytest.raises(
        UnreachableError, match=r"is not ready: the Kubernetes API at https://127.0.0.1:1 does not answer"
    ):
        open_api(run)


def test_where_no_control_plane_has_a_kubeconfig_there_is_none(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(access, "_connect", lambda _: None)
    assert api_of_cluster(run, expected=True) is None
    assert run.recall(API_PROBLEM) == "no control plane that can be reached has a cluster"
