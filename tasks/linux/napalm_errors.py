"""NAPALM's exceptions for who has to catch them, without NAPALM: it brings the libraries of all vendors, half of what a run loads."""

import sys

MODULE = "napalm.base.exceptions"


class NeverRaisedError(Exception):
    """Nobody raises it."""


def napalm_error(name: str) -> type[Exception]:
    """The class of that name, for an except clause, which asks for it when something was raised.

    Where NAPALM is not loaded, nobody can have raised one of its exceptions.
    """
    module = sys.modules.get(MODULE)
    return NeverRaisedError if module is None else getattr(module, name)
