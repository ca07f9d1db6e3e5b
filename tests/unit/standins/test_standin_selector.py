"""Calico's selectors: which labels each of them takes."""

from typing import Any

import pytest
from calico_node.selector import SelectorError, parse


@pytest.mark.cases("selector")
def test_a_selector_takes_the_labels_that_it_should(case: dict[str, Any]) -> None:
    if case.get("fails"):
        with pytest.raises(SelectorError):
            parse(case["selector"])
        return
    selector = parse(case["selector"])
    assert [labels for labels in case["matches"] if not selector(labels)] == []
    assert [labels for labels in case["rejects"] if selector(labels)] == []
