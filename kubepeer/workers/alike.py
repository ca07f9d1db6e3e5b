"""What a worker must have as the controller has it: compared by digests, which are sealed on their way."""

import hashlib
import json

from nornir.core import Nornir

from kubepeer.intent import Intent
from kubepeer.workers.messages import Alike

REACHED_BY = ("hostname", "port", "username", "platform")
CURES = {
    "sources": "bring both to the same commit, and start the worker again",
    "inventory": "bring its inventory and ssh_config to the controller's",
    "logins": "give it the same secrets (access.sudo_password)",
}
NAMES = {"sources": "other sources", "inventory": "another inventory", "logins": "other passwords of the logins"}


def alike(sources: str, intent: Intent, nornir: Nornir) -> Alike:
    """The digests of this process.

    Args:
        sources: what it runs, which may not be what is on its disk by now.
        intent: of its inventory.
        nornir: with the nodes as it would reach them.

    """
    hosts = [nornir.inventory.hosts[node.name] for node in intent.nodes]
    reached = [[host.name, *(str(getattr(host, key)) for key in REACHED_BY)] for host in hosts]
    passwords = [(host.connection_options["netmiko"].extras or {}).get("secret") for host in hosts]
    return Alike(sources, _digest(intent.model_dump_json() + json.dumps(reached)), _digest(json.dumps(passwords)))


def differing(ours: Alike, theirs: Alike) -> tuple[str, str]:
    """What a worker has otherwise than the controller, and the cure; both "" where nothing."""
    key = next((name for name in NAMES if getattr(ours, name) != getattr(theirs, name)), None)
    return (NAMES[key], CURES[key]) if key else ("", "")


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
