"""NetBox's objects as an inventory: the tutorial's cluster is the very same intent; each mistake is one line with the object."""

from typing import Any

import pytest

from kubepeer.errors import InventoryError
from kubepeer.intent.load import load_intent
from kubepeer.settings import Settings
from tasks.platforms.platform import PLATFORMS
from tests.conftest import merged, untouched
from tests.unit.netbox.tutorial import TABLE, edited, groups_file, mapped, seed


def settings_of(project: Any, case: dict[str, Any]) -> Settings:
    """Of the seed's cluster, with a case's edits of what NetBox answers, of the table and of the group file."""
    groups = groups_file(case.get("group_file"))
    settings: Settings = project("seed", groups=merged({"fabric": {"data": None}}, case.get("group_file") or {}))
    table = merged(TABLE, case.get("map") or {})
    given = mapped(edited(seed(), case.get("answers") or {}), table, groups)
    return settings.model_copy(update={"given": given})


def test_the_tutorials_cluster_is_the_very_same_intent_as_from_its_files(project: Any) -> None:
    assert load_intent(settings_of(project, {}), PLATFORMS) == untouched("seed")


@pytest.mark.cases("mistakes")
def test_a_mistake_is_one_line_with_the_object(project: Any, case: dict[str, Any]) -> None:
    with pytest.raises(InventoryError) as raised:
        load_intent(settings_of(project, case), PLATFORMS)
    assert str(raised.value) == case["says"].strip()
    assert raised.value.exit_code == 2


@pytest.mark.cases("mapped")
def test_what_netbox_has_is_what_the_table_says(project: Any, case: dict[str, Any]) -> None:
    settings = settings_of(project, case)
    assert settings.given is not None
    for kind in ("hosts", "groups"):
        found = getattr(settings.given, kind)
        for name, entry in (case.get(kind) or {}).items():
            assert found[name] == entry, name
    if "order" in case:
        assert [*settings.given.hosts] == case["order"]
    if case.get("loads", True):
        load_intent(settings, PLATFORMS)
