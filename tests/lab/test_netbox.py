"""The inventory in a real NetBox, the lab's optional machine: entered by its API, read back by the runbooks, refused where it is wrong.

What it answers stands in tests/unit/netbox/recorded, where the tests without a lab have it; `--update-golden` records it anew.
"""

import json
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from kubepeer.intent.load import load_intent
from kubepeer.settings import read_settings
from tasks.platforms.platform import PLATFORMS
from tests.conftest import CHECKOUT, DEFAULTS, untouched
from tests.lab import netbox_machine
from tests.lab.conftest import Measure
from tests.lab.devices import Kubectl
from tests.lab.laboratory import Laboratory
from tests.lab.netbox_machine import CLUSTER, NetBox
from tests.unit.netbox.recorded import FOLDER, LISTS, REFUSALS, plain

pytestmark = [pytest.mark.lab, pytest.mark.long("layouts")]
SEED = (CHECKOUT / DEFAULTS["seed"]).read_text(encoding="utf-8")
EVERY = 1000


@pytest.fixture(scope="module")
def netbox(lab: Laboratory, tmp_path_factory: pytest.TempPathFactory) -> Iterator[NetBox]:
    """With the cluster of the checkout's inventory."""
    with netbox_machine.up(lab, tmp_path_factory.mktemp("netbox")) as found:
        yield found


def test_the_seeds_cluster_read_back_is_the_very_same_intent_as_its_files(netbox: NetBox, tmp_path: Path) -> None:
    runbooks = netbox.runbooks(tmp_path / "project", SEED)
    written = tmp_path / "written"
    runbooks.inventory("show", "--into", str(written)).ended(0)
    files = {"host_file": "hosts", "group_file": "groups", "defaults_file": "defaults"}
    paths = {key: written / f"{name}.yaml" for key, name in files.items()}
    settings = read_settings(runbooks.config).model_copy(update={**paths, "source": None})
    assert load_intent(settings, PLATFORMS) == untouched("seed")
    assert f"NetBox device openwrt, {netbox_machine.URL}/dcim/devices/" in paths["host_file"].read_text(encoding="utf-8")


@pytest.mark.parametrize("name", LISTS)
def test_it_answers_as_the_tests_without_a_lab_have_it(netbox: NetBox, name: str, pytestconfig: Any) -> None:
    file = FOLDER / f"{name}.json"
    status, answered = netbox.ask(f"{LISTS[name]}/?limit={EVERY}", "--token", str(netbox.folder / "token"))
    assert status == 200
    pages = [answered]
    while pages[-1]["next"]:
        path = pages[-1]["next"].partition("/api/")[2]
        pages.append(netbox.ask(path, "--token", str(netbox.folder / "token"))[1])
    assert len(pages) > 1 or answered["count"] == len(answered["results"])
    found = plain({**answered, "next": None, "results": [one for page in pages for one in page["results"]]})
    if pytestconfig.getoption("update_golden"):
        file.write_text(found, encoding="utf-8")
    assert found == file.read_text(encoding="utf-8")


@pytest.mark.parametrize("what", REFUSALS)
def test_it_refuses_as_the_tests_without_a_lab_have_it(netbox: NetBox, what: str, pytestconfig: Any) -> None:
    ...
