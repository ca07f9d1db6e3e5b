"""Answers that are not of the form that is expected: whatever stands somewhere in them, it ends in an inventory or in one line."""

import copy
import random
from collections.abc import Iterator
from typing import Any

import pytest

from kubepeer.errors import InventoryError
from kubepeer.intent.load import load_intent
from tasks.platforms.platform import PLATFORMS
from tests.conftest import merged
from tests.unit.netbox.tutorial import TABLE, groups_file, mapped, seed

OTHERS: tuple[Any, ...] = (
    None,
    "",
    "text",
    0,
    -1,
    1 << 70,
    True,
    1.5,
    [],
    [None],
    [[]],
    {},
    {"url": "x"},
    {"a": None},
    "\x1b[31m",
)
ROUNDS = 60
FULL = merged(
    TABLE,
    {
        "nodes": {"address": {"interface": "eth0"}, "labels": {"zone": "site"}},
        "racks": {"of": "site", "network": {"role": "k8s-nodes"}, "as_number": "custom_fields.asn"},
        "tags": {"gpu": "kubernetes"},
    },
)
SITE = {
    "id": 1,
    "url": "https://netbox.example.org/api/dcim/sites/1/",
    "display": "Homelab",
    "name": "Homelab",
    "slug": "homelab",
    "custom_fields": {"asn": 64517},
}


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    yield path
    if isinstance(value, dict | list):
        for key, below in value.items() if isinstance(value, dict) else enumerate(value):
            yield from places(below, (*path, key))


def with_another(lists: Any, path: tuple[Any, ...], other: Any) -> Any:
    found = copy.deepcopy(lists)
    below = found
    for step in path[:-1]:
        below = below[step]
    if other is ...:
        del below[path[-1]]
    else:
        below[path[-1]] = other
    return found


@pytest.mark.parametrize("number", range(8))
def test_a_mangled_answer_is_an_inventory_or_one_line(project: Any, number: int) -> None:
    draw = random.Random(number)  # noqa: S311  no secret
    lists = seed() | {"sites": [SITE]}
    inside = [path for path in places(lists) if len(path) > 2]  # Rest has seen that lists are lists of objects with ids
    settings, groups = project("seed", groups={"fabric": {"data": None}}), groups_file()
    said = []
    for _ in range(ROUNDS):
        mangled = with_another(lists, draw.choice(inside), draw.choice((*OTHERS, ...)))
        try:
            given = mapped(mangled, FULL, groups)
            load_intent(settings.model_copy(update={"given": given}), PLATFORMS)
        except InventoryError as error:
            said.append(str(error))
    assert [line for line in said if not line.isprintable()] == []
