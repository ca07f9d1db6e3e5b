"""An API that answers and is not ready is refused before anything is changed, for all hosts and with one question."""

import re
from collections.abc import Callable
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest

from kubepeer.errors import RefusedError
from kubepeer.run import Run
from tasks.cluster import access
from tasks.cluster.api import KubernetesApi
from tasks.control_plane import preflight
from tasks.control_plane.membership import ADMIN_CONF, MEMBER, MemberSeen
from tasks.control_plane.preflight import refuse_unready_api
from tasks.observe import preflight as preflight_of_all
from tasks.observe import preflight_with_cluster
from tests.unit.cluster.api_server import ApiServer

FIRST, SECOND = "k8s-calico-master-10-31-90-1", "k8s-calico-master-10-31-90-2"
ROUTER = "openwrt"
NOT_READY = (500, "[+]ping ok\n[-]etcd failed: reason withheld\nreadyz check failed")


def holding(*leftovers: str) -> MemberSeen:
    return MemberSeen(leftovers, api_ready=False, admin_conf="", ca="", kubeconfigs=())


@pytest.fixture
def run(run_of: Callable[..., Run], connected: KubernetesApi, monkeypatch: pytest.MonkeyPatch) -> Run:
    monkeypatch.setattr(access, "_connect", lambda _: connected)
    monkeypatch.setattr(access, "ASK_SECONDS", 0.001)
    monkeypatch.setattr(preflight, "API_SECONDS", 0.05)
    run = run_of(FIRST, SECOND)
    for name in (FIRST, SECOND):
        run.keep(MEMBER, holding(ADMIN_CONF), of=name)
    return run


def test_every_host_is_refused_routers_too_and_the_api_was_asked_for_once(run: Run, server: ApiServer) -> None:
    server.state.raw["/readyz"] = NOT_READY
    said, asked = set(), set()
    for name in (FIRST, SECOND, ROUTER):
        task: Any = SimpleNamespace(host=SimpleNamespace(name=name))
        with pytest.raises(RefusedError) as caught:
            preflight_of_all(task, run)
        said.add(str(caught.value))
        asked.add(len(server.state.requests))
    assert len(asked) == 1
    (line,) = said
    assert re.match(
        r"k8s-calico: .*etcd failed: reason withheld\. Nothing was changed on any host\. Cure: look at ", line
    )


def test_a_restore_that_was_cut_off_holds_every_host_up_and_no_api_is_asked(run: Run, server: ApiServer) -> None:
    run.keep(MEMBER, replace(holding(), restoring=True), of=SECOND)
    for name in (FIRST, ROUTER):
        task: Any = SimpleNamespace(host=SimpleNamespace(name=name))
        with pytest.raises(RefusedError) as caught:
            preflight_with_cluster(task, run)
        assert str(caught.value) == (
            f"k8s-calico: restore.py has not come to its end ({SECOND}). Nothing was changed on any host."
            " Cure: run it again (python runbooks/restore.py BACKUP)"
        )
    assert server.state.requests == []


def test_an_api_that_becomes_ready_is_no_reason(run: Run, server: ApiServer) -> None:
    server.state.raw["/readyz"] = (200, "ok")
    server.state.faults = [503] * 6
    refuse_unready_api(run)


def test_an_init_that_was_cut_off_is_no_reason(run: Run, server: ApiServer) -> None:
    run.keep(MEMBER, holding(), of=SECOND)
    server.state.raw["/readyz"] = NOT_READY
    refuse_unready_api(run)


def test_bare_machines_ask_no_api(run: Run, server: ApiServer) -> None:
    for name in (FIRST, SECOND):
        run.keep(MEMBER, holding(), of=name)
    refuse_unready_api(run)
    assert server.state.requests == []


def test_an_api_that_does_not_answer_is_no_reason(run: Run, server: ApiServer, monkeypatch: pytest.MonkeyPatch) -> None:
    lost = KubernetesApi(server.kubeconfig, "https://127.0.0.1:1", "name")
    monkeypatch.setattr(access, "_connect", lambda _: lost)
    refuse_unready_api(run)
