"""The virtual IP on two control planes at once, as where VRRP is not heard: verify and drift name both, and how it is mended."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.lab.devices import Kubectl
from tests.lab.laboratory import MASTERS, VIRTUAL_IP, Laboratory, wait_for
from tests.lab.runbooks import Answer, Runbooks
from tests.lab.test_power_cut import holder

pytestmark = pytest.mark.lab
SETTLED_SECONDS = 30  # the election is over in four; a busy machine takes longer


def about_the_endpoint(answer: Answer) -> dict[str, Any]:
    """The one finding about who holds the address."""
    (found,) = [check for check in answer.json["checks"] if check["check"] == "endpoint"]
    return dict(found)


@pytest.fixture(scope="class")
def holders(lab: Laboratory, healthy: Kubectl) -> Iterator[list[str]]:
    """The control plane that keepalived has chosen, and another that has been given the address by hand; in their order."""
    assert healthy
    first = wait_for("one holder of the virtual IP", lambda: holder(lab, MASTERS), SETTLED_SECONDS)
    second = next(name for name in MASTERS if name != first)
    lab.inside(second, f"ip addr add {VIRTUAL_IP}/32 dev eth0")
    yield [name for name in MASTERS if name in (first, second)]
    lab.try_inside(second, f"ip addr del {VIRTUAL_IP}/32 dev eth0")


class TestTwoHoldersOfTheVirtualIp:
    """They answer ARP for it in turns, and nothing else tells anybody."""

    def test_verify_names_both_and_the_cure(self, holders: list[str], runbooks: Runbooks) -> None:
        found = about_the_endpoint(runbooks.verify("--output", "json").ended(1))
        assert (found["ok"], found["subject"], found["observed"]) == (False, VIRTUAL_IP, holders)
        assert found["reason"].startswith(f"held by {' and '.join(holders)} at once: ")
        assert "cluster.endpoint.unicast: true" in found["reason"]
        assert f"ip addr del {VIRTUAL_IP}/32 dev eth0" in found["reason"]

    def test_drift_names_both(self, holders: list[str], runbooks: Runbooks) -> None:
        answer = runbooks.drift().ended(1)
        assert answer.lines[-1].startswith(" 1 check failed, see above in ")
        assert f"held by {' and '.join(holders)} at once" in answer.stdout


def test_with_one_holder_all_is_well(lab: Laboratory, healthy: Kubectl, runbooks: Runbooks) -> None:
    assert healthy
    name = wait_for("one holder of the virtual IP", lambda: holder(lab, MASTERS), SETTLED_SECONDS)
    found = about_the_endpoint(runbooks.verify("--output", "json").ended(0))
    assert (found["ok"], found["observed"], found["reason"]) == (True, [name], "")
    assert runbooks.drift().ended(0).lines[-1].startswith(" no drift in ")
