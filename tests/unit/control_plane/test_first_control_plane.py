"""What the first control plane makes of an API that answers, while kubeadm init had not come to its end."""

from collections.abc import Callable, Mapping

import pytest

from kubepeer.errors import CommandError, UnreachableError
from kubepeer.run import Run
from tasks.cluster.api import KubernetesApi
from tasks.cluster.refusal import ApiRefusal
from tasks.control_plane import standing
from tasks.control_plane.birth import Elsewhere
from tasks.control_plane.membership import ADMIN_CONF, KUBELET_CONF, MEMBER, MemberSeen
from tasks.linux.shell import Completed
from tests.unit.cluster.api_server import ApiServer

NAMES = [f"k8s-calico-master-10-31-90-{number}" for number in (1, 2, 3)]
FORBIDDEN = '{"kind": "Status", "message": "nodes is forbidden: User \\"kubernetes-admin\\" cannot list resource"}'


def holding(*leftovers: str) -> MemberSeen:
    return MemberSeen(leftovers, api_ready=False, admin_conf="", ca="", kubeconfigs=())


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
    assert standing.registered_nodes(run, run.intent.nodes[0], connected) == {}


def test_where_another_control_plane_is_there_it_is_a_fault(
    run: Run, connected: KubernetesApi, server: ApiServer
) -> None:
    server.state.raw["/api/v1/nodes"] = (403, FORBIDDEN)
    run.keep(MEMBER, holding(ADMIN_CONF), of=NAMES[1])
    with pytest.raises(ApiRefusal, match=r'nodes is forbidden: User "kubernetes-admin"'):
        standing.registered_nodes(run, run.intent.nodes[0], connected)


class Machines:
    """Shells of machines by what they hold; None is one that cannot be reached. Each notes that it was opened."""

    def __init__(self, held: Mapping[str, str | None]) -> None:
        self.held, self.opened = held, list[str]()

    def open(self, _: object, name: str) -> "Machine":
        self.opened.append(name)
        held = self.held[name]
        if held is None:
            raise UnreachableError(f"{name} does not answer", host=name)
        return Machine(held)


class Machine:
    def __init__(self, said: str) -> None:
        self.said, self.scripts = said, list[str]()

    def run(self, script: str, *, stdin: bytes | None = None, deadline: float = 60) -> Completed:  # noqa: ARG002  the real one has them
        self.scripts.append(script)
        return Completed(0, self.said.encode(), b"")

    check = run


@pytest.fixture
def machines(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Machines]:
    def make(**held: str | None) -> Machines:
        machines = Machines({NAMES[int(key[-1])]: said for key, said in held.items()})
        monkeypatch.setattr(standing, "open_shell", machines.open)
        return machines

    return make


def test_what_the_others_hold_is_asked_once_of_those_that_were_left_out(
    run_of: Callable[..., Run], machines: Callable[..., Machines]
) -> None:
    run, asked = run_of(*NAMES), machines(n1=f"{KUBELET_CONF}\n", n2=None)
    for _ in range(2):
        assert standing.elsewhere(run, NAMES[0]) == Elsewhere(
            [(NAMES[1], KUBELET_CONF)], [(NAMES[2], f"{NAMES[2]} does not answer")]
        )
    assert asked.opened == NAMES[1:]


def test_what_was_observed_is_not_asked_again(run: Run, machines: Callable[..., Machines]) -> None:
    asked = machines()
    run.keep(MEMBER, holding(ADMIN_CONF), of=NAMES[1])
    assert standing.elsewhere(run, NAMES[0]) == Elsewhere([(NAMES[1], ADMIN_CONF)], [])
    assert asked.opened == []


@pytest.mark.parametrize(
    ("status", "says"), [("000", "no API that can be used answers"), ("200", "answers (HTTP 200)")]
)
def test_kubeadm_init_is_refused_while_a_control_plane_cannot_be_asked(
    run_of: Callable[..., Run], machines: Callable[..., Machines], status: str, says: str
) -> None:
    machines(n1="", n2=None)
    first = Machine(status)
    with pytest.raises(CommandError) as raised:
        standing.refuse_second_cluster(run_of(*NAMES), first, NAMES[0], holding())
    assert f"{NAMES[2]} cannot be asked" in str(raised.value)
    assert says in str(raised.value)
    assert first.scripts
    assert "https://10.31.90.0:8443/readyz" in first.scripts[0]


def test_bare_machines_that_all_answer_are_no_reason_and_nothing_more_is_asked(
    run_of: Callable[..., Run], machines: Callable[..., Machines]
) -> None:
    machines(n1="", n2="")
    first = Machine("000")
    standing.refuse_second_cluster(run_of(*NAMES), first, NAMES[0], holding())
    assert first.scripts == []
