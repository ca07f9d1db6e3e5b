"""The chain for natOutgoing: what iptables-restore is given, for what iptables-save has shown."""

from typing import Any

import pytest
from calico_node import nat, resources


@pytest.mark.cases("nat")
def test_the_chain_is_brought_about(case: dict[str, Any]) -> None:
    pools = [
        resources.pool({"metadata": {"name": cidr}, "spec": {"cidr": cidr, "natOutgoing": masqueraded}})
        for cidr, masqueraded in case["pools"].items()
    ]
    assert nat.restore(case["saved"], nat.rules(pools)) == case["restore"]
