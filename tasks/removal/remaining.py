"""The inventory as it will be without a node. Pure."""

from collections.abc import Collection

from kubepeer.intent import Intent


def of_members(intent: Intent, registered: Collection[str]) -> Intent:
    """The same intent of the cluster's own nodes: what was removed before, and may still be in the inventory, is none of what is left."""
    for node in intent.nodes:
        if node.full_name not in registered:
            intent = without(intent, node.name)
    return intent


def without(intent: Intent, name: str) -> Intent:
    """The same intent without a node: whoever stands behind it moves up, in keepalived's priorities, too, as it will when it is read again.

    Args:
        intent: of the whole inventory.
        name: of the node.

    """
    left = [node for node in intent.nodes if node.name != name]
    priorities = (node.priority for node in intent.nodes)
    moved = (node.model_copy(update={"priority": one}) for node, one in zip(left, priorities, strict=False))
    return intent.model_copy(update={"nodes": tuple(moved)})
