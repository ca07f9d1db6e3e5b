"""A plan that somebody else approves: it is what a dry run shows; whatever moves before it is applied keeps every host as it is."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.lab.conftest import HEALED_SECONDS
from tests.lab.devices import Kubectl
from tests.lab.laboratory import CHECKOUT, MASTERS, ROUTERS, WORKERS, Laboratory
from tests.lab.routers import DEVICES
from tests.lab.runbooks import Project, Runbooks

pytestmark = pytest.mark.lab
HAPROXY = "/etc/haproxy/haproxy.cfg"
CRICTL = "/etc/crictl.yaml"
PEER = "bgppeers.projectcalico.org/openwrt-peer"
TO_DO = {
    (WORKERS[0], CRICTL),
    (MASTERS[1], HAPROXY),
    (MASTERS[0], "BGPPeer openwrt-peer"),
    (ROUTERS[0], DEVICES[ROUTERS[0]].change),
}


@pytest.fixture(scope="module")
def plan(lab: Laboratory, cluster: Kubectl, runbooks: Runbooks, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A node, the endpoint, the cluster and a router are not as they should be, and the plan of it is written."""
    lab.inside(WORKERS[0], f"echo 'debug: true' >>{CRICTL}")
    lab.inside(MASTERS[1], f"sed -i 's/retries 3/retries 9/' {HAPROXY}")
    cluster("patch", PEER, "--type=merge", '--patch={"spec":{"nextHopMode":"Self"}}')
    DEVICES[ROUTERS[0]].loosen_by_hand(lab, ROUTERS[0])
    path = tmp_path_factory.mktemp("plan") / "plan.json"
    shown = runbooks.deploy("--dry-run", "--output", "json").ended(0).changes
    runbooks.deploy("--plan-out", str(path)).ended(0)
    assert changes_of(path) == shown
    assert set(shown) == TO_DO
    return path


def changes_of(path: Path) -> dict[tuple[str, str], str]:
    document: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return {
        (host, one["what"]): one["diff"]
        for phase in document["phases"]
        for host, entries in phase["hosts"].items()
        for one in entries
    }


def moved_host(lab: Laboratory) -> Iterator[None]:
    """Somebody edits a file of which the plan has a change."""
    lab.inside(WORKERS[0], f"cp -p {CRICTL} {CRICTL}.kept && echo 'timeout: 9' >>{CRICTL}")
    yield
    lab.inside(WORKERS[0], f"mv {CRICTL}.kept {CRICTL}")


def moved_package(lab: Laboratory) -> Iterator[None]:
    """A package is held no longer, and would move with the machine's next update."""
    lab.inside(WORKERS[1], "apt-mark unhold kubectl >/dev/null")
    yield
    lab.inside(WORKERS[1], "apt-mark hold kubectl >/dev/null")


def moved_router(lab: Laboratory) -> Iterator[None]:
    """The other router's owner edits what is ours."""
    loose, right = DEVICES[ROUTERS[1]].loosen_by_hand(lab, ROUTERS[1])
    assert loose != right
    yield


MOVES = {"a host": (WORKERS[0], moved_host), "a package": (WORKERS[1], moved_package)}


def everything(lab: Laboratory) -> list[str]:
    """What a run could alter of what the plan names."""
    return [
        lab.inside(WORKERS[0], f"cat {CRICTL}"),
        lab.inside(MASTERS[1], f"cat {HAPROXY}"),
        *(DEVICES[router].running(lab, router) for router in ROUTERS),
    ]


@pytest.mark.parametrize("what", MOVES)
def test_what_moves_keeps_every_host_as_it_is(lab: Laboratory, runbooks: Runbooks, plan: Path, what: str) -> None:
    host, move = MOVES[what]
    moving = move(lab)
    next(moving)
    try:
        before = everything(lab)
        answer = runbooks.deploy("--apply", str(plan), "--output", "json").ended(1)
        assert set(answer.json["differences"]) == {host}
        assert "Nothing was changed on any host." in answer.json["error"]
        assert everything(lab) == before
    finally:
        next(moving, None)
    runbooks.deploy("--apply", str(plan), "--dry-run").ended(0)


def test_an_inventory_that_moved_is_refused_before_anything_is_contacted(
    lab: Laboratory, project: Project, plan: Path
) -> None:
    opened = lab.connections_opened()
    answer = project.edited(defaults={"data": {"time_servers": ["10.31.0.9"]}}).deploy("--apply", str(plan)).ended(1)
    assert "   intent.time_servers: " in answer.text
    assert "Nothing was contacted" in answer.text
    assert lab.connections_opened() == opened


def test_a_page_shows_it(plan: Path, tmp_path: Path) -> None:
    page = tmp_path / "plan.html"
    script = str(CHECKOUT / "runbooks" / "show_plan.py")
    said = subprocess.run(
        [sys.executable, script, str(plan), "--report", str(page)], capture_output=True, text=True, check=True
    ).stdout
    for host, what in TO_DO:
        assert host in said
        assert what in said
    assert "retries 9" in page.read_text(encoding="utf-8")


def test_to_apply_it_does_that_and_nothing_else(lab: Laboratory, runbooks: Runbooks, plan: Path) -> None:
    answer = runbooks.deploy("--apply", str(plan), "--output", "json").ended(0)
    assert answer.changes == changes_of(plan)
    assert "  retries 3\n" in lab.inside(MASTERS[1], f"cat {HAPROXY}")
    assert runbooks.drift().ended(0).lines[-1].startswith(" no drift in ")
    runbooks.verify("--wait", str(HEALED_SECONDS), deadline=HEALED_SECONDS + 120).ended(0)


def test_a_router_that_moved_keeps_every_host_as_it_is(lab: Laboratory, runbooks: Runbooks, tmp_path: Path) -> None:
    """After an empty plan: there is nothing to do, until somebody edits a router."""
    path = tmp_path / "plan.json"
    runbooks.deploy("--plan-out", str(path)).ended(0)
    assert changes_of(path) == {}
    next(moved_router(lab))
    before = everything(lab)
    answer = runbooks.deploy("--apply", str(path), "--output", "json").ended(1)
    assert set(answer.json["differences"]) == {ROUTERS[1]}
    assert everything(lab) == before
    runbooks.deploy().ended(0)
    assert runbooks.drift().ended(0).lines[-1].startswith(" no drift in ")
