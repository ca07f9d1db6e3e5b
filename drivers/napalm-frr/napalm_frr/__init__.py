"""NAPALM driver for FRRouting; NAPALM finds it as ``get_network_driver("frr")``."""

from napalm_frr.frr import FRRDriver

__all__ = ["FRRDriver"]
