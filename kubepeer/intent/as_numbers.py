"""Which AS numbers an inventory may name: private and documentation ones, and public ones that are meant. Pure."""

from collections.abc import Iterator

from kubepeer.intent.contradiction import Contradiction
from kubepeer.intent.model import Intent

# Whose are nobody's: RFC 6996 (private use), RFC 5398 (documentation).
FREE = ((64512, 65534), (4200000000, 4294967294), (64496, 64511), (65536, 65551))
CURE = (
    "64512 to 65534 or 4200000000 to 4294967294 (private, RFC 6996), 64496 to 64511 or 65536 to 65551 (documentation, RFC 5398); "
    "or name it under cluster.bgp.public_as_numbers, if it is yours"
)


def is_free(as_number: int) -> bool:
    """Whether an AS number is for anybody's use within his own network."""
    return any(first <= as_number <= last for first, last in FREE)


def contradictions(intent: Intent) -> Iterator[Contradiction]:
    """Public AS numbers that nobody has said to be meant: each once, where it stands first."""
    meant = {*intent.cluster.bgp.public_as_numbers}
    said = [("", "cluster.bgp.as_number", intent.cluster.bgp.as_number)]
    said += [(router.name, "as_number", router.as_number) for router in intent.routers]
    said += [(node.name, "as_number", node.as_number) for node in intent.nodes]
    for host, key, as_number in said:
        if not is_free(as_number) and as_number not in meant:
            meant.add(as_number)
            yield Contradiction(f"AS {as_number} is somebody's in the Internet", host=host, key=key, cure=CURE)
