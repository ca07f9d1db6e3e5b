"""Which password the nodes have for each router, and by which keys of one Secret they come to another. Pure.

Calico's nodes watch the Secret that a BGPPeer names and write BIRD's configuration anew when it changes (calico: confd/pkg/backends/calico,
secret_watcher.go, OnUpdate, and client.go, recheckPeerConfig): one Secret for all peers would end the sessions with every router at once.
So a new password comes into a key of its own, which nobody refers to yet, and one router's peers after the other refer to it. It is a key
and no Secret, since that one is watched already; and where the text of bird.cfg stays the same, BIRD is not told anything.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from kubepeer.intent import Intent, Router
from tasks.cluster.bgp_objects import PASSWORD_KEY, SECRET, peers_of
from tasks.control_plane.join_secrets import decoded

NAMESPACE = "calico-system"
NEXT = "next-{}"  # keys that stand while a password is changed


@dataclass(frozen=True)
class NodeEnd:
    """The nodes' end of the sessions.

    Attributes:
        values: key of the Secret -> password.
        keys: name of a BGPPeer that stands -> the key that it refers to; None for no password.
        foreign: BGPPeer -> the Secret of somebody else's that it refers to.

    """

    values: Mapping[str, str] = field(default_factory=dict, repr=False)
    keys: Mapping[str, str | None] = field(default_factory=dict)
    foreign: Mapping[str, str] = field(default_factory=dict)

    @property
    def used(self) -> frozenset[str]:
        """The keys that some peer refers to."""
        return frozenset(key for key in self.keys.values() if key is not None)

    def stands(self, router: Router) -> bool:
        """Whether the router has peers in the cluster."""
        return any(name in self.keys for name in peers_of(router))

    def has(self, router: Router) -> frozenset[str | None]:
        """The passwords that the nodes have for a router: one, or two where a run was cut off between two families; None: without any.

        Of a key that the Secret has not they speak without one.
        """
        keys = [self.keys[name] for name in peers_of(router) if name in self.keys]
        return frozenset(None if key is None else self.values.get(key) for key in keys)

    def key_of(self, router: Router) -> str | None:
        """The key that the router's first peer refers to."""
        return next((self.keys[name] for name in peers_of(router) if name in self.keys), None)

    def key_for(self, wanted: str | None) -> str | None:
        """The key in which the new password can stand without anybody's having it by that: the usual one where nobody refers to it."""
        if wanted is None:
            return None
        every = (PASSWORD_KEY, *(NEXT.format(number) for number in range(1, len(self.keys) + 2)))
        holding = (key for key in every if self.values.get(key) == wanted)
        return next(holding, None) or next(key for key in every if key not in self.used)

    def secret_for(self, wanted: str | None) -> dict[str, str] | None:
        """The Secret's keys before the first router changes; None where nothing is missing."""
        key = self.key_for(wanted)
        if key is None or wanted is None or self.values.get(key) == wanted:
            return None
        return {name: value for name, value in self.values.items() if name in self.used} | {key: wanted}

    def is_settled(self, wanted: str | None) -> bool:
        """Whether it is as deploy.py would have written it."""
        usual = None if wanted is None else PASSWORD_KEY
        values = {} if wanted is None else {PASSWORD_KEY: wanted}
        return dict(self.values) == values and all(key == usual for key in self.keys.values())


def node_end(intent: Intent, secret: Mapping[str, Any] | None, peers: Iterable[Mapping[str, Any]]) -> NodeEnd:
    """Read from the Secret and the BGPPeers; those that are not the inventory's routers' say nothing.

    Args:
        intent: the routers.
        secret: as the API has it; None where there is none.
        peers: BGPPeer, all that there are.

    """
    ours = {name for router in intent.routers for name in peers_of(router)}
    keys: dict[str, str | None] = {}
    foreign: dict[str, str] = {}
    for peer in peers:
        name = peer["metadata"]["name"]
        if name not in ours:
            continue
        reference = (peer["spec"].get("password") or {}).get("secretKeyRef") or {}
        keys[name] = reference.get("key")
        if reference and reference.get("name") != SECRET:
            foreign[name] = str(reference.get("name"))
    data = (secret or {}).get("data") or {}
    return NodeEnd({key: decoded({"data": data}, key) for key in data}, keys, foreign)


def other_routers(end: NodeEnd, routers: Iterable[Router], wanted: str | None) -> list[str]:
    """The routers for which the nodes have another password than this one."""
    return [router.name for router in routers if end.stands(router) and end.has(router) != {wanted}]
