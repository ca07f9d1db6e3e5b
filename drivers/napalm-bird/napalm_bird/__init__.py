"""NAPALM driver for BIRD 2; NAPALM finds it as ``get_network_driver("bird")``."""

from napalm_bird.bird import BIRDDriver

__all__ = ["BIRDDriver"]
