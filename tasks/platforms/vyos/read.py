"""VyOS's answers: those of FRR and of Linux, which it is made of, by the shell of a login. Pure.

`vtysh` and `ip` are asked as on any FRR router: an account of level admin is in the group frrvty (vyos-1x, system login). A VRF of
VyOS is a device of Linux with the same name (vyos-documentation, docs/configuration/vrf/index.rst).
"""

from tasks.platforms.frr.read import Frr as Vyos

__all__ = ["Vyos"]
