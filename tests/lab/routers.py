"""The lab's routers, each asked in its own tongue."""

from collections.abc import Mapping

from tests.lab.router import Router
from tests.lab.router_bird import Bird
from tests.lab.router_frr import Frr

DEVICES: Mapping[str, Router] = {"openwrt": Frr(), "tiny-unraid": Bird()}
