"""The end: the lab goes down, and the host is what it was before."""

import time

import pytest

from tests.lab import host
from tests.lab.conftest import HostBefore, Measure
from tests.lab.laboratory import Laboratory

pytestmark = pytest.mark.lab
SETTLE_SECONDS = 60  # the kernel buries namespaces and control groups a moment after their last process


def test_after_lab_down_the_host_is_what_it_was(
    lab: Laboratory, host_before: HostBefore | None, measure: Measure
) -> None:
    if host_before is None:
        pytest.skip("the standing lab stays up")
    began = time.monotonic()
    lab.must("down")
    measure("lab down, with a cluster on the machines", time.monotonic() - began)
    ends = time.monotonic() + SETTLE_SECONDS
    while (found := differences(lab, host_before)) and time.monotonic() < ends:
        time.sleep(0.5)  # nobody tells when the kernel is done
    assert found == {}


def differences(lab: Laboratory, before: HostBefore) -> dict[str, list[str]]:
    others = before.others | host.other_instances(lab.name)
    ours = frozenset({lab.name, str(lab.instance.cache.path)})
    return host.listing().differences(before.listing, ours=ours, others=others)
