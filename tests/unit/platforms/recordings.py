"""Read the recorded answers of routers, as the program would have got them."""

import json
from ipaddress import IPv4Address, IPv4Network
from pathlib import Path

from tasks.linux.observe import Answer
from tasks.platforms.platform import PLATFORMS
from tasks.platforms.reader import ReadsVrfs, RouterReader
from tasks.routes.expected import Announced, ExpectedRoute
from tasks.routes.selection import probes_for

FOLDER = Path(__file__).parent
NODES = [IPv4Address(f"10.31.90.{number}") for number in range(1, 7)]
BLOCKS = {5: 1, 12: 5, 23: 2, 26: 4, 57: 3, 93: 6}  # third octet of a pod block -> its node, as in the tutorial
NETWORKS = tuple(map(IPv4Network, ("10.33.0.0/17", "10.33.128.0/18", "10.33.192.0/18")))


def tutorial() -> Announced:
    """What the cluster of the tutorial announces."""
    blocks = [
        ExpectedRoute(IPv4Network(f"10.33.{octet}.0/24"), frozenset({NODES[node - 1]}), "pod block")
        for octet, node in BLOCKS.items()
    ]
    services = [ExpectedRoute(network, frozenset(NODES), "service network") for network in NETWORKS[1:]]
    return Announced((*blocks, *services), {address: f"node-{address}" for address in NODES})


PROBES = probes_for(route.prefix for route in tutorial().routes)


def path_of(name: str, kind: str = "recorded", suffix: str = ".json") -> Path:
    """The file of one recording, or of what belongs to it."""
    platform, _, stem = name.rpartition("/")
    return FOLDER / (platform or "frr") / kind / f"{stem}{suffix}"


def names(kind: str, suffix: str) -> list[str]:
    """All recordings that have a file of this kind."""
    paths = sorted(FOLDER.glob(f"*/{kind}/*{suffix}"))
    found = [(path.relative_to(FOLDER).parts[0], path.stem) for path in paths]
    return [stem if platform == "frr" else f"{platform}/{stem}" for platform, stem in found]


def answers(name: str) -> dict[str, Answer]:
    """All answers of one recording; bird/NAME is one of a BIRD router, the others are FRR's."""
    return as_answers(path_of(name))


def as_answers(path: Path) -> dict[str, Answer]:
    """The answers of a file: JSON as it is, or lines."""
    document = json.loads(path.read_text(encoding="utf-8"))
    return {question: Answer(answer["code"], _text(question, answer["said"])) for question, answer in document.items()}


def _text(question: str, said: object) -> str:
    if isinstance(said, str):
        return said
    if isinstance(said, list) and all(isinstance(line, str) for line in said):
        return "\n".join(said)
    return json.dumps(said)


def reader(name: str) -> RouterReader:
    """The reader of a recording's platform; of the table `blue` where it is of a VRF."""
    found = PLATFORMS[name.rpartition("/")[0] or "frr"].reader
    assert found is not None
    return found.in_vrf("blue") if "/vrf" in name.replace("bird3-", "") and isinstance(found, ReadsVrfs) else found
