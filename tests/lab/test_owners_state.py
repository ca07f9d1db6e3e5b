"""On a router Kubepeer changes its own part alone: what was its owner's is what it was."""

import json

import pytest

from tests.lab.conftest import OwnersState, owners_state
from tests.lab.devices import FOREIGN_PEER
from tests.lab.laboratory import ROUTERS, Laboratory
from tests.lab.routers import DEVICES

pytestmark = [pytest.mark.lab, pytest.mark.usefixtures("cluster")]
# FRR counts whole seconds, and an answer may come late on a busy machine; whatever we could have done to the session came later than that.
RECKONED_SECONDS = 5


@pytest.mark.parametrize("router", ROUTERS)
def test_the_foreign_configuration_is_byte_for_byte_what_it_was(
    lab: Laboratory, owners_states: dict[str, OwnersState], router: str
) -> None:
    now, before = owners_state(lab, router), owners_states[router]
    device = DEVICES[router]
    assert device.mark in now.running
    assert device.foreign(now.running) == device.foreign(before.running)
    assert device.mark in now.startup
    assert device.foreign(now.startup) == device.foreign(before.startup) == before.startup


@pytest.mark.parametrize("router", ROUTERS)
def test_the_foreign_session_has_not_flapped(
    lab: Laboratory, owners_states: dict[str, OwnersState], router: str
) -> None:
    now, before = owners_state(lab, router), owners_states[router]
    device = DEVICES[router]
    assert now.session.established
    assert now.session.counters == before.session.counters == device.never_down
    assert abs(now.session.since - before.session.since) <= RECKONED_SECONDS


@pytest.mark.parametrize(
    ("router", "gateway", "protocol"), [("openwrt", FOREIGN_PEER, "bgp"), ("tiny-unraid", "10.31.254.253", "bird")]
)
def test_the_foreign_routes_are_still_in_use(lab: Laboratory, router: str, gateway: str, protocol: str) -> None:
    (route,) = json.loads(lab.kernel(router, "-j", "route", "show", "198.51.100.0/24"))
    assert (route["gateway"], route["protocol"]) == (gateway, protocol)
