"""Whether a cluster may be born on the first control plane, by what is known of all of them."""

from typing import Any

import pytest

from tasks.control_plane.birth import Elsewhere, Situation, refusal
from tasks.control_plane.membership import MemberSeen
from tests.unit.cluster.api_server import ApiServer


@pytest.mark.cases("births")
def test_no_second_cluster_is_born(case: dict[str, Any], server: ApiServer) -> None:
    here = MemberSeen(
        tuple(case["here"]),
        api_ready=case.get("api_ready", False),
        admin_conf=case.get("admin_conf", server.kubeconfig),
        ca="",
        kubeconfigs=(),
    )
    others = Elsewhere(*(tuple(map(tuple, case.get(key, ()))) for key in ("holders", "unknown")))
    answered, replaced = case.get("answered", ""), case.get("replaced", False)
    found = refusal(Situation("one", "10.31.90.0:8443", here, others, answered, "have it written anew", replaced))
    if case["says"] is None:
        assert found is None
    else:
        assert found is not None
        assert (found.message, found.cure, found.asked) == (case["says"], case["cure"], case.get("asked", ""))
