"""What deploy.py refuses of machines that died and were installed anew: one small file a case."""

from typing import Any

import pytest

from tasks.control_plane.membership import Membership
from tasks.replacement import judge
from tasks.replacement.judge import Replaced
from tests.unit.drain.test_drain_plans import control_plane


@pytest.mark.cases("judgements")
def test_a_node_is_replaced_where_its_machine_is_bare_and_nobody_reports_as_it(case: dict[str, Any]) -> None:
    replaced = []
    for one in case.get("replaced", ()):
        state = Membership[one["state"]] if one["state"] else None
        texts = {key: one[key] for key in ("ready", "held", "quorum") if key in one}
        replaced.append(Replaced(control_plane(one["node"]), state, **texts))
    found = judge.said(
        [
            *judge.left_out(case.get("left_out", ())),
            *judge.unasked("k8s", [control_plane(name) for name in case.get("stale", ())]),
            *judge.refusals("k8s", replaced),
        ]
    )
    assert (found or ("", "")) == (case["says"], case.get("cure", ""))
