"""What a router still has of a node that is taken out. Pure."""

from collections.abc import Iterable

from kubepeer.intent.families import Address
from tasks.platforms.seen import RouterSeen


def left(seen: RouterSeen, addresses: Iterable[Address], *, dynamic: bool) -> str:
    """Which of a node's addresses is still a neighbour of the router; "" where none is.

    Args:
        seen: on the router.
        addresses: of the node.
        dynamic: whoever connects from the nodes' network is a neighbour, and one that has gone may be remembered.

    """
    found = (seen.sessions.get(address) for address in addresses)
    still = [one for one in found if one is not None and (one.established or not dynamic)]
    return "; ".join(f"still has the neighbour {one.peer} ({one.state})" for one in still)
