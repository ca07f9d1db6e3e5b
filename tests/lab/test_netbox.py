"""The inventory in a real NetBox, the lab's optional machine: entered by its API, read back by the runbooks, refused where it is wrong.

What it answers stands in tests/unit/netbox/recorded, where the tests without a lab have it; `--update-golden` records it anew.
"""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from kubepeer.intent import Intent
from kubepeer.intent.load import load_intent
from kubepeer.settings import read_settings
from tasks.platforms.platform import PLATFORMS
from tests.conftest import CHECKOUT, DEFAULTS, merged, untouched
from tests.lab import netbox_machine
from tests.lab.conftest import Measure
from tests.lab.devices import Kubectl
from tests.lab.laboratory import MASTERS, ROUTERS, Laboratory
from tests.lab.netbox_entry import NARROW, SOME, VIEWER
from tests.lab.netbox_machine import URL, NetBox
from tests.lab.runbooks import Answer, Runbooks
from tests.unit.netbox.recorded import FOLDER, REFUSALS, as_recorded, given, refusals
from tests.unit.netbox.tutorial import LISTS, TABLE

pytestmark = [pytest.mark.lab, pytest.mark.long("layouts")]
SEED = (CHECKOUT / DEFAULTS["seed"]).read_text(encoding="utf-8")
NOBODYS = "nbt_Zr4tU7wXyA1b.0f1e2d3c4b5a69788796a5b4c3d2e1f001234567"


@pytest.fixture(scope="module")
def netbox(lab: Laboratory, tmp_path_factory: pytest.TempPathFactory, measure: Measure) -> Iterator[NetBox]:
    """With the cluster of the checkout's inventory."""
    with netbox_machine.up(lab, tmp_path_factory.mktemp("netbox")) as found:
        (found.folder / "wrong").touch(mode=0o600)
        (found.folder / "wrong").write_text(NOBODYS, encoding="utf-8")
        yield found


def read_back(runbooks: Runbooks, folder: Path) -> tuple[Answer, Intent]:
    """The inventory as the runbook writes it into files, and what they come to."""
    answer = runbooks.inventory("show", "--into", str(folder)).ended(0)
    paths = {
        key: folder / f"{name}.yaml"
        for key, name in (("host_file", "hosts"), ("group_file", "groups"), ("defaults_file", "defaults"))
    }
    return answer, load_intent(read_settings(runbooks.config).model_copy(update={**paths, "source": None}), PLATFORMS)


def test_the_seeds_cluster_read_back_is_the_very_same_intent_as_its_files(
    netbox: NetBox, tmp_path: Path, measure: Measure
) -> None:
    answer, intent = read_back(netbox.runbooks(tmp_path / "project", SEED), tmp_path / "written")
    measure("inventory.py show --into, out of NetBox", answer.seconds)
    assert intent == untouched("seed")
    written = (tmp_path / "written" / "hosts.yaml").read_text(encoding="utf-8")
    assert f"# primary_ip, NetBox device openwrt, {URL}/dcim/devices/7/" in written


@pytest.mark.parametrize("path", LISTS.values())
def test_it_answers_as_the_tests_without_a_lab_have_it(netbox: NetBox, path: str, pytestconfig: pytest.Config) -> None:
    file = FOLDER / f"{path.partition('/')[2]}.json"
    found = as_recorded(netbox.every(path))
    if pytestconfig.getoption("update_golden"):
        file.write_text(found, encoding="utf-8")
    assert found == file.read_text(encoding="utf-8")


def test_it_refuses_as_the_tests_without_a_lab_have_it(netbox: NetBox, pytestconfig: pytest.Config) -> None:
    found = {}
    for what, asked in refusals().items():
        status, body = netbox.ask(asked["path"], asked["token"])
        found[what] = {**asked, "status": status, "body": body}
    if pytestconfig.getoption("update_golden"):
        lines = ",\n".join(f"  {json.dumps(what)}: {json.dumps(asked)}" for what, asked in found.items())
        REFUSALS.write_text(f"{{\n{lines}\n}}\n", encoding="utf-8")
    assert found == refusals()


@pytest.mark.parametrize("name", ["a_site_as_a_rack", "a_room_as_a_rack", "addresses_of_routers"])
def test_a_larger_table_asks_for_what_it_needs(netbox: NetBox, tmp_path: Path, name: str) -> None:
    """Racks, addresses and their filters over the wire come to what the recorded answers come to."""
    case = yaml.safe_load((FOLDER.parent / "real" / f"{name}.yaml").read_text(encoding="utf-8"))
    table = merged(TABLE, case["map"])
    runbooks = netbox.runbooks(tmp_path / "project", SEED, map=table)
    _, intent = read_back(runbooks, tmp_path / "written")
    settings = read_settings(runbooks.config).model_copy(update={"given": given(table)})
    assert intent == load_intent(settings, PLATFORMS)


def test_where_a_device_has_both_families_its_primary_address_is_that_of_the_second(
    netbox: NetBox, tmp_path: Path
) -> None:
    """NetBox' PREFER_IPV4 is off by default. With primary_ip4 in the table it is the same cluster."""
    name = "k8s-calico-worker-10-31-90-4"
    (device,) = netbox.ask(f"dcim/devices/?name={name}")[1]["results"]
    (second,) = netbox.ask("ipam/ip-addresses/?family=6")[1]["results"]
    assert netbox.ask(f"dcim/devices/{device['id']}/", change={"primary_ip6": second["id"]})[0] == 200
    try:
        answer = netbox.runbooks(tmp_path / "default", SEED).inventory("show").ended(2)
        assert name in answer.stderr
        assert "fd00:10:31:90::4" in answer.stderr
        table = {**TABLE, "hostname": "primary_ip4"}
        _, intent = read_back(netbox.runbooks(tmp_path / "said", SEED, map=table), tmp_path / "written")
        assert intent == untouched("seed")
    finally:
        assert netbox.ask(f"dcim/devices/{device['id']}/", change={"primary_ip6": None})[0] == 200


def test_a_token_that_may_view_some_objects_is_given_these_and_no_word_of_the_others(netbox: NetBox) -> None:
    """A constraint of a permission is no refusal: docs/netbox.md says so."""
    status, answered = netbox.ask("dcim/devices/", SOME)
    assert (status, answered["count"]) == (200, len(MASTERS))
    assert {device["name"] for device in answered["results"]} == {*MASTERS}


def test_what_is_refused_is_one_line_without_a_token(netbox: NetBox, tmp_path: Path) -> None:
    token = {"file": str(netbox.folder / "wrong")}
    narrow = {"file": str(netbox.folder / NARROW)}
    viewer = (netbox.folder / VIEWER).read_text(encoding="utf-8")
    for number, (options, code, says) in enumerate(
        (
            ({"token": token}, 3, f"NetBox {URL} refuses the token for dcim/devices (HTTP 403: Invalid v2 token)."),
            (
                {"token": narrow},
                3,
                f"NetBox {URL} refuses the token for ipam/prefixes (HTTP 403: You do not have permission",
            ),
            ({"filter_parameters": {"tags": "k8s-calico"}}, 2, "its role office is not in inventory.options.map.roles"),
            (
                {"filter_parameters": {"tag": "k8s"}},
                2,
                "does not take the parameters of dcim/devices: tag: Select a valid choice.",
            ),
            ({"prefix_parameters": {}}, 2, "cluster.networks.pods is one."),
            ({"url": f"{URL}/netbox"}, 2, "there is no /api/dcim/devices/: no NetBox answers there."),
            ({"ca_file": None}, 3, f"NetBox {URL}: self-signed certificate."),
            ({"url": "http://10.31.0.4", "allow_http": True}, 3, "Connection refused."),
        )
    ):
        answer = netbox.runbooks(tmp_path / str(number), SEED, **options).inventory("show").ended(code)
        assert says in answer.stderr, answer.stderr
        assert len(answer.stderr.splitlines()) == 1, answer.stderr
        assert NOBODYS not in answer.text
        assert viewer not in answer.text


def test_the_cluster_that_was_deployed_from_files_is_no_change_from_netbox(
    netbox: NetBox, cluster: Kubectl, tmp_path: Path, measure: Measure
) -> None:
    assert cluster
    answer = netbox.runbooks(tmp_path).deploy("--dry-run", "--output", "json").ended(0)
    measure("deploy.py --dry-run with nothing to do, out of NetBox", answer.seconds)
    assert answer.changes == {}
    hosts = {host for phase in answer.json["phases"] for host in phase["hosts"]}
    assert len(hosts) >= len(untouched("lab").nodes) + len(untouched("lab").routers)


def test_what_somebody_changes_in_netbox_is_what_the_next_run_would_change(
    netbox: NetBox, cluster: Kubectl, tmp_path: Path
) -> None:
    """A config context: NetBox renders those of devices anew, later; who asks meanwhile is given the new one."""
    assert cluster
    (context,) = netbox.ask("extras/config-contexts/?name=k8s-calico")[1]["results"]
    path = f"extras/config-contexts/{context['id']}/"
    changed = merged(context["data"], {"kubepeer": {"cluster": {"bgp": {"maximum_prefixes": 900}}}})
    assert netbox.ask(path, change={"data": changed})[0] == 200
    try:
        answer = netbox.runbooks(tmp_path).deploy("--dry-run", "--output", "json").ended(0)
    finally:
        assert netbox.ask(path, change={"data": context["data"]})[0] == 200
    assert {host for host, _ in answer.changes} == {*ROUTERS}
    assert all("900" in diff for diff in answer.changes.values())
