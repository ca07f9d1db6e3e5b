"""runbooks/adopt.py on the objects of a cluster: the files it writes against golden ones, what it says, and what it refuses."""

from collections.abc import Callable
from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import Any

import pytest

from kubepeer.intent.load import load_intent
from kubepeer.run import Run
from kubepeer.settings import read_settings
from tasks.adopt import tasks
from tasks.adopt.written import CONFIG, DEFAULTS, GROUPS, HOSTS
from tasks.platforms.platform import PLATFORMS
from tests.unit.adopt.served import Adopt

GOLDEN = Path(__file__).parent / "written"


@pytest.fixture
def name(request: pytest.FixtureRequest) -> str:
    """Of the case's file."""
    called: str = request.node.callspec.id
    return called


@pytest.mark.cases("clusters")
def test_the_inventory_that_is_written(
    adopt: Adopt,
    case: dict[str, Any],
    name: str,
    capsys: pytest.CaptureFixture[str],
    pytestconfig: pytest.Config,
) -> None:
    code, to, _ = adopt(case)
    said = capsys.readouterr().out.replace(str(to), "TO")
    assert code == 0, said
    files = {path.name: path.read_text(encoding="utf-8") for path in sorted(to.iterdir())} | {"said.txt": said}
    folder = GOLDEN / name
    if pytestconfig.getoption("update_golden"):
        folder.mkdir(exist_ok=True)
        for file, text in files.items():
            (folder / file).write_text(text, encoding="utf-8")
    assert set(files) == {CONFIG, HOSTS, GROUPS, DEFAULTS, "said.txt"}
    for file, text in files.items():
        assert text == (folder / file).read_text(encoding="utf-8"), file


@pytest.mark.cases("clusters")
def test_a_run_on_it_knows_the_nodes_from_the_api(
    adopt: Adopt, case: dict[str, Any], run_of: Callable[..., Run], monkeypatch: pytest.MonkeyPatch
) -> None:
    code, to, served = adopt(case)
    assert code == 0
    intent = load_intent(read_settings(to / CONFIG), PLATFORMS)
    assert intent.nodes == ()
    run = run_of(*(router.name for router in intent.routers), intent=intent)
    monkeypatch.setattr(tasks, "open_api", lambda _, **__: served)
    tasks.know_members(run)
    wanted = case["nodes"]
    assert {node.name: node.address for node in run.intent.nodes} == {
        node: ip_address(said["address"]) for node, said in wanted.items()
    }
    for node in run.intent.nodes:
        said = wanted[node.name]
        assert (node.as_number, node.role, list(node.routers)) == (said["as_number"], said["role"], said["routers"])
        assert (node.rack and node.rack.network) == (ip_network(said["rack"]) if "rack" in said else None)
    assert any("known by its API alone" in line for line in run.warnings)


@pytest.mark.cases("refusals")
def test_what_is_refused_is_one_line_and_writes_nothing(
    adopt: Adopt, case: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    code, to, _ = adopt(case)
    (line,) = capsys.readouterr().out.replace(str(to), "TO").splitlines()
    assert line == case["says"]
    assert code == case["code"]
    there = {case["there"]} if "there" in case else set()
    assert ({path.name for path in to.iterdir()} if to.exists() else set()) == there
    assert all((to / file).read_text(encoding="utf-8") == "mine" for file in there)


def test_the_second_time_nothing_is_overwritten(adopt: Adopt, capsys: pytest.CaptureFixture[str]) -> None:
    case = {
        "arguments": ["--router", "edge=10.5.0.1:frr"],
        "api": {
            "/api/v1/nodes": [
                {"metadata": {"name": "a", "annotations": {"projectcalico.org/IPv4Address": "10.5.0.11/24"}}}
            ],
            "/apis/crd.projectcalico.org/v1/bgppeers": [
                {"metadata": {"name": "edge"}, "spec": {"peerIP": "10.5.0.1", "asNumber": 64513}}
            ],
        },
    }
    code, to, _ = adopt(case)
    assert code == 0
    before = {path.name: path.stat().st_mtime_ns for path in to.iterdir()}
    capsys.readouterr()
    code, to, served = adopt(case)
    assert (code, served.asked) == (2, [])
    assert "is there already" in capsys.readouterr().out
    assert {path.name: path.stat().st_mtime_ns for path in to.iterdir()} == before
