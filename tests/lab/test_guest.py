"""On a router Kubepeer is a guest: what was its owner's is what it was."""

import json

import pytest

from tests.lab.conftest import Guest, guest
from tests.lab.devices import FOREIGN_PEER, foreign
from tests.lab.laboratory import ROUTERS, Laboratory

ROUNDING_SECONDS = 2  # FRR reckons the moment anew each time, from how long the session is up
pytestmark = [pytest.mark.lab, pytest.mark.usefixtures("cluster")]


@pytest.mark.parametrize("router", ROUTERS)
def test_the_foreign_configuration_is_byte_for_byte_what_it_was(
    lab: Laboratory, guests: dict[str, Guest], router: str
) -> None:
    now, before = guest(lab, router), guests[router]
    assert "KUBEPEER" in now.running
    assert foreign(now.running) == foreign(before.running)
    assert "KUBEPEER" in now.startup
    assert foreign(now.startup) == foreign(before.startup) == before.startup


@pytest.mark.parametrize("router", ROUTERS)
def test_the_foreign_session_has_not_flapped(lab: Laboratory, guests: dict[str, Guest], router: str) -> None:
    now, before = guest(lab, router), guests[router]
    assert now.counters == before.counters == ("Established", 1, 0)
    assert abs(now.since - before.since) <= ROUNDING_SECONDS


@pytest.mark.parametrize(("router", "gateway"), [("openwrt", FOREIGN_PEER), ("tiny-unraid", "10.31.254.253")])
def test_the_foreign_routes_are_still_in_use(lab: Laboratory, router: str, gateway: str) -> None:
    (route,) = json.loads(lab.inside(router, "ip -j route show 198.51.100.0/24"))
    assert (route["gateway"], route["protocol"]) == (gateway, "bgp")
