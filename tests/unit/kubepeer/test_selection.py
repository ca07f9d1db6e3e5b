"""Which hosts a command line chooses."""

from typing import Any

import pytest
from nornir.core import Nornir

from kubepeer.commandline import parse, select
from kubepeer.errors import UsageError
from kubepeer.inventory import build_nornir

MASTERS = {f"k8s-calico-master-10-31-90-{number}" for number in (1, 2, 3)}
WORKERS = {f"k8s-calico-worker-10-31-90-{number}" for number in (4, 5, 6)}
ROUTERS = {"openwrt", "tiny-unraid"}
GROUPS = (
    "Groups: fabric (8), linux (6), kubernetes (6), probes (0), control_plane (3), worker (3), routers (2), frr (1), "
    "bird (1), eos (0), ios (0), nxos (0), junos (0), vyos (0)."
)


@pytest.fixture
def nornir(project: Any) -> Nornir:
    return build_nornir(project())


@pytest.mark.parametrize(
    ("groups", "hosts", "expected"),
    [
        pytest.param([], [], MASTERS | WORKERS | ROUTERS, id="nothing_named_means_everything"),
        pytest.param(["worker"], [], WORKERS, id="a_group"),
        pytest.param(["kubernetes"], [], MASTERS | WORKERS, id="a_parent_group"),
        pytest.param(["linux"], [], MASTERS | WORKERS, id="a_parent_of_a_parent"),
        pytest.param(["routers"], [], ROUTERS, id="routers_of_every_platform"),
        pytest.param(["fabric"], [], MASTERS | WORKERS | ROUTERS, id="the_root_of_all_groups"),
        pytest.param(["worker", "frr"], [], WORKERS | {"openwrt"}, id="two_groups_are_added"),
        pytest.param([], ["openwrt"], {"openwrt"}, id="a_host"),
        pytest.param(["worker"], ["openwrt"], WORKERS | {"openwrt"}, id="a_host_is_added_to_a_group"),
        pytest.param(["worker", "worker"], [], WORKERS, id="a_group_named_twice"),
    ],
)
def test_the_chosen_hosts_are(nornir: Nornir, groups: list[str], hosts: list[str], expected: set[str]) -> None:
    assert select(nornir, groups, hosts) == expected


def test_an_unknown_group_is_an_error_that_lists_what_there_is(nornir: Nornir) -> None:
    with pytest.raises(UsageError) as raised:
        select(nornir, ["router"], [])
    assert str(raised.value) == f"No host matches --group router. {GROUPS}"


def test_an_unknown_host_is_an_error_that_lists_what_there_is(nornir: Nornir) -> None:
    with pytest.raises(UsageError) as raised:
        select(nornir, ["worker"], ["openwrd"])
    assert str(raised.value).startswith("No host matches --host openwrd. Hosts: k8s-calico-master-10-31-90-1, ")
    assert str(raised.value).endswith("openwrt, tiny-unraid.")


def test_a_group_without_hosts_is_an_error_and_not_an_empty_success(project: Any) -> None:
    nornir = build_nornir(project())
    with pytest.raises(UsageError, match=r"^No host matches --group eos\. .*eos \(0\)"):
        select(nornir, ["eos"], [])


def test_selecting_does_not_narrow_the_inventory_itself(nornir: Nornir) -> None:
    select(nornir, ["worker"], [])
    assert len(nornir.inventory.hosts) == 8


def test_the_command_line_is_read_as_the_contract_says() -> None:
    line = "-g worker --group frr -H openwrt --dry-run --detailed-exitcode --workers 3 --output json --junit j.xml --wait 2.5"
    given = parse("deploy", "", line.split())
    assert (given.groups, given.hosts) == (("worker", "frr"), ("openwrt",))
    assert (given.dry_run, given.detailed_exitcode, given.workers, given.output) == (True, True, 3, "json")
    assert (str(given.junit), given.report, given.verbose, given.wait_seconds) == ("j.xml", None, False, 2.5)


def test_nothing_said_means_the_checkouts_configuration_and_a_table() -> None:
    given = parse("deploy", "", [])
    assert given.config.name == "config.yaml"
    assert given.config.is_absolute()
    assert given.config.exists()
    assert (given.output, given.dry_run, given.wait_seconds) == ("table", False, 0)


@pytest.mark.parametrize(
    "line", ["--workers 0", "--workers many", "--output yaml", "--gruop worker", "stray", "--wait soon"]
)
def test_a_mistake_on_the_command_line_exits_with_2(line: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as raised:
        parse("deploy", "", line.split())
    assert raised.value.code == 2
    assert "Traceback" not in capsys.readouterr().err
