"""A probing host is there for verify_services.py alone."""

from typing import Any

import pytest

from kubepeer.commandline import parse
from kubepeer.opening import USUAL, Opening
from kubepeer.runbook import prepare
from tasks.platforms.platform import PLATFORMS
from tasks.services.arguments import CONNECTIONS, SECONDS, TIMEOUT, arguments

CLIENT = {"client": {"hostname": "10.32.0.10", "groups": ["probes"]}}
EVERYONE = Opening(probes=True)


def prepared(project: Any, opening: Opening) -> Any:
    return prepare(project(hosts=CLIENT), parse("some", "", []), PLATFORMS, opening)


def test_every_other_runbook_does_not_see_it(project: Any) -> None:
    run = prepared(project, USUAL)
    assert "client" not in run.chosen
    assert "client" not in run.nornir.inventory.hosts
    assert len(run.nornir.inventory.hosts) == 8


def test_it_is_neither_node_nor_router_and_no_address_of_the_cluster(project: Any) -> None:
    run = prepared(project, EVERYONE)
    assert "client" in run.chosen
    assert [probe.name for probe in run.intent.probes] == ["client"]
    assert "client" not in [host.name for host in (*run.intent.nodes, *run.intent.routers)]


def test_how_much_and_how_long_has_defaults_and_bounds(capsys: pytest.CaptureFixture[str]) -> None:
    assert parse("some", "", [], further=arguments).further == {
        "connections": CONNECTIONS,
        "seconds": SECONDS,
        "timeout": TIMEOUT,
    }
    given = parse("some", "", ["--connections", "1000", "--seconds", "60"], further=arguments)
    assert given.further == {"connections": 1000, "seconds": 60, "timeout": TIMEOUT}
    for wrong in ("0", "-1", "many", "999999"):
        with pytest.raises(SystemExit) as raised:
            parse("some", "", [f"--connections={wrong}"], further=arguments)
        assert raised.value.code == 2
        assert "a number from 1 to 20000" in capsys.readouterr().err
