"""What the first control plane makes of an API that answers, while kubeadm init had not come to its end."""

from collections.abc import Callable

import pytest

from kubepeer.run import Run
from tasks.cluster.api import ApiRefusal, KubernetesApi
from tasks.control_plane import tasks
from tasks.control_plane.membership import ADMIN_CONF, MEMBER, MemberSeen
from tests.unit.cluster.api_server import ApiServer

NAMES = [f"k8s-calico-master-10-31-90-{number}" for number in (1, 2, 3)]
FORBIDDEN = '{"kind": "Status", "message": "nodes is forbidden: User \\"kubernetes-admin\\" cannot list resource"}'


def holding(*leftovers: str) -> MemberSeen:
    return MemberSeen(leftovers, api_ready=False, admin_conf="", ca="", kubeconfig_current=False)


@pytest.fixture
def run(run_of: Callable[..., Run]) -> Run:
    run = run_of(*NAMES)
    for name in NAMES:
        run.keep(MEMBER, holding(), of=name)
    return run


def test_an_administrator_without_rights_means_an_init_that_was_cut_off(
    run: Run, connected: KubernetesApi, server: ApiServer
) -> None:
    server.state.raw["/api/v1/nodes"] = (403, FORBIDDEN)
    assert tasks._registered(run, run.intent.nodes[0], connected) == {}


def test_where_another_control_plane_is_there_it_is_a_fault(
    run: Run, connected: KubernetesApi, server: ApiServer
) -> None:
    server.state.raw["/api/v1/nodes"] = (403, FORBIDDEN)
    run.keep(MEMBER, holding(ADMIN_CONF), of=NAMES[1])
    with pytest.raises(ApiRefusal, match=r'nodes is forbidden: User "kubernetes-admin"'):
        tasks._registered(run, run.intent.nodes[0], connected)
