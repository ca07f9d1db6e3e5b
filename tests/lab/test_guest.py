"""On a router Kubepeer is a guest: what was its owner's is what it was."""

import pytest

from tests.lab.conftest import Guest, guest
from tests.lab.devices import FOREIGN_PEER, foreign, statements
from tests.lab.laboratory import ROUTERS, Laboratory

pytestmark = [pytest.mark.lab, pytest.mark.usefixtures("cluster")]


@pytest.mark.parametrize("router", ROUTERS)
def test_the_foreign_configuration_is_byte_for_byte_what_it_was(
    lab: Laboratory, guests: dict[str, Guest], router: str
) -> None:
    now, before = guest(lab, router), guests[router]
    assert "KUBEPEER" in now.running
    assert foreign(now.running) == foreign(before.running)
    assert statements(foreign(now.startup)) == statements(foreign(before.startup))


@pytest.mark.parametrize("router", ROUTERS)
def test_the_foreign_session_has_not_flapped(lab: Laboratory, guests: dict[str, Guest], router: str) -> None:
    assert guest(lab, router).counters == guests[router].counters
    assert guests[router].counters[0] == "Established"


@pytest.mark.parametrize(("router", "gateway"), [("openwrt", FOREIGN_PEER), ("tiny-unraid", "10.31.254.253")])
def test_the_foreign_routes_are_still_in_use(lab: Laboratory, router: str, gateway: str) -> None:
    assert lab.inside(router, "ip route show 198.51.100.0/24 proto bgp").startswith(f"198.51.100.0/24 via {gateway} ")
    assert lab.inside(router, "ip route show 198.51.100.0/24").count("198.51.100.0/24") == 1
