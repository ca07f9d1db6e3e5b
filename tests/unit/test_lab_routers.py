"""The lab's routers have the files of what they are, and start with the control groups that their systemd knows."""

import pytest

from lab.build.base import LAYER_PACKAGES
from lab.places import FILES
from lab.topology import FRR_SID, MACHINES, Machine

FRR = [one for one in MACHINES if "frr" in LAYER_PACKAGES.get(one.role, ())]


@pytest.mark.parametrize("machine", FRR, ids=lambda machine: machine.name)
def test_a_router_with_frr_runs_bgpd_and_forwards(machine: Machine) -> None:
    assert "bgpd=yes" in (FILES / machine.role.value / "etc/frr/daemons").read_text().splitlines()
    assert (FILES / machine.role.value / "etc/sysctl.d/10-router.conf").is_file()
    assert (FILES / machine.name / "etc/frr/frr.conf").is_file()


def test_debians_newest_systemd_alone_is_given_another_hierarchy_than_the_hosts() -> None:
    assert len(FRR) == 4
    assert [one for one in MACHINES if one.needs_cgroup_v2] == [FRR_SID]
