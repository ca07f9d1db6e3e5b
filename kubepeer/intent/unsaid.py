"""What an inventory need not say of a cluster that Kubepeer did not build: asked for all the same, it is one line. Pure."""

from typing import TypeVar

from kubepeer.errors import InventoryError

Said = TypeVar("Said")


def said(value: Said | None, key: str) -> Said:
    """A value of the inventory.

    Raises:
        InventoryError: nobody has said it, as nobody need where somebody else has built the cluster.

    """
    if value is None:
        raise unsaid(key)
    return value


def unsaid(key: str) -> InventoryError:
    """The error of a key that is asked for and not said."""
    return InventoryError(
        f"{key}: is not said: an inventory of routers alone has none, and this runbook asks for it",
        cure="of a cluster that Kubepeer did not build verify_routes.py, drift.py, rollback_routers.py and deploy.py are for the routers",
    )
