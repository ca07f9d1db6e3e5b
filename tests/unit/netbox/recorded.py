"""What a real NetBox 4.7.3 has answered: tests/lab/test_netbox.py has entered the cluster there, and compares each time."""

import json
import re
from pathlib import Path
from typing import Any

from kubepeer.given import Given
from tests.unit.netbox.tutorial import groups_file, mapped, seed

FOLDER = Path(__file__).parent / "recorded"
REFUSALS = FOLDER / "refusals.json"
TIME = re.compile(r'"20\d\d-\d\d-\d\dT[\d:.]+Z"')
SOME_TIME = '"2026-11-02T09:14:37.118203Z"'
LONGEST = 200  # of a page of HTML that is no answer of the API


def as_recorded(results: list[dict[str, Any]]) -> str:
    """A list as it is kept: one page, an object a line; when it was made is not the same twice."""
    lines = ",\n".join(json.dumps(one, ensure_ascii=False) for one in results)
    text = f'{{"count": {len(results)}, "next": null, "previous": null, "results": [\n{lines}\n]}}\n'
    return TIME.sub(SOME_TIME, text)


def refusals() -> dict[str, dict[str, Any]]:
    """What was asked, by whom, and how it was refused; by what is wrong."""
    found: dict[str, dict[str, Any]] = json.loads(REFUSALS.read_text(encoding="utf-8"))
    return found


def given(table: dict[str, Any]) -> Given:
    """The inventory by a table, of what the filters let through: devices, prefixes and AS numbers with a tag."""
    lists = seed("recorded")
    for name in ("devices", "prefixes", "as_numbers"):
        lists[name] = [one for one in lists[name] if one["tags"]]
    return mapped(lists, table, groups_file())
