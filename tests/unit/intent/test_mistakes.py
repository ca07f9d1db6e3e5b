"""A mistake in the inventory is one line with file, host or key, before anything connects."""

from typing import Any

import pytest

from kubepeer.errors import UsageError
from kubepeer.intent.load import load_intent
from tasks.platforms.platform import PLATFORMS


@pytest.mark.cases("mistakes")
def test_a_mistake_in_the_inventory_is_one_line(case: dict[str, Any], project: Any) -> None:
    settings = project(**case["edit"])
    with pytest.raises(UsageError) as raised:
        load_intent(settings, PLATFORMS)
    said = str(raised.value)
    assert said == case["says"].strip()
    assert raised.value.exit_code == 2
