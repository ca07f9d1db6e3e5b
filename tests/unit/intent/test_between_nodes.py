"""Which cure of the one AS applies, by what the inventory says of pools, AS numbers and routers."""

from typing import Any

import pytest

from kubepeer.intent.between_nodes import way
from kubepeer.intent.load import load_intent
from tasks.platforms.platform import PLATFORMS


@pytest.mark.cases("between_nodes")
def test_the_first_cure_that_fits_is_chosen(case: dict[str, Any], project: Any) -> None:
    found = way(load_intent(project(**case["edit"]), PLATFORMS), PLATFORMS)
    assert (found.cure, found.asked, found.announced) == (case["cure"], case["asked"], case["announced"])
    assert found.allowed_own_as == case.get("allowed_own_as")
    said = "as cluster.bgp.between_nodes says" if case["asked"] else "chosen"
    assert str(found).endswith(f"({case['cure']}, {said})")
