"""A password that cannot be used is refused before anything is changed, for every host in the same words."""

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from kubepeer.errors import RefusedError
from kubepeer.intent import Intent
from kubepeer.run import Run
from tasks.control_plane.preflight import refuse_unusable_passwords
from tasks.observe import observe_when_usable

CONTROL_PLANE, WORKER, ROUTER = "k8s-calico-master-10-31-90-1", "k8s-calico-worker-10-31-90-4", "openwrt"


@pytest.fixture
def run(run_of: Callable[..., Run], intent_of: Callable[..., Intent], folder: Path) -> Callable[..., Run]:
    def make(bgp: str = "", vrrp: str = "", chosen: tuple[str, ...] = (CONTROL_PLANE, WORKER, ROUTER)) -> Run:
        cluster: dict[str, Any] = {}
        for section, password in (("bgp", bgp), ("endpoint", vrrp)):
            if password:
                (path := folder / f"{section}.txt").write_text(password)
                path.chmod(0o600)
                cluster[section] = {"password": {"file": str(path)}}
        intent = intent_of(groups={"fabric": {"data": {"cluster": cluster}}})
        return run_of(CONTROL_PLANE, WORKER, ROUTER, intent=intent, chosen=list(chosen))

    return make


@pytest.mark.parametrize(
    ("passwords", "said"),
    [
        ({"bgp": 'a"b'}, "the BGP password (cluster.bgp.password) has a quotation mark"),
        ({"bgp": "x" * 81}, "the BGP password (cluster.bgp.password) has 81 bytes"),
        ({"vrrp": "ninesigns"}, "the VRRP password is not one that keepalived takes whole"),
    ],
)
def test_it_is_refused_for_every_host_alike_before_any_is_contacted(
    run: Any, passwords: dict[str, str], said: str
) -> None:
    running = run(**passwords)
    told = set()
    for host in (CONTROL_PLANE, WORKER, ROUTER):
        task: Any = SimpleNamespace(host=SimpleNamespace(name=host))
        with pytest.raises(RefusedError) as caught:
            observe_when_usable(task, running)
        told.add(str(caught.value))
    (line,) = told
    assert line.startswith(f"k8s-calico: {said}")
    assert "Nothing was changed on any host. Cure: choose a" in line


def test_passwords_that_can_be_used_are_hidden_from_then_on(run: Any) -> None:
    running = run(bgp="peering", vrrp="virtual")
    refuse_unusable_passwords(running)
    assert running.redactor.hide("peering virtual") == "******** ********"


@pytest.mark.parametrize(
    ("chosen", "passwords"), [((WORKER,), {"bgp": 'a"b', "vrrp": "ninesigns"}), ((ROUTER,), {"vrrp": "ninesigns"})]
)
def test_one_that_nobody_needs_is_not_looked_at(run: Any, chosen: tuple[str, ...], passwords: dict[str, str]) -> None:
    refuse_unusable_passwords(run(**passwords, chosen=chosen))
