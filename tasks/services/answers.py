"""What a probing host has answered, and the verdict on each cell. Pure."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field

from kubepeer.words import listed
from tasks.services.matrix import Cell

# curl(1), EXIT CODES; of wget and timeout(1): anything but 0
WORDS = {
    "curl: (7)": "no connection",
    "curl: (28)": "timed out",
    "curl: (52)": "closed without an answer",
    "curl: (56)": "reset",
}
OTHERWISE = "no answer"


@dataclass(frozen=True)
class Counted:
    """What became of a cell's connections.

    Attributes:
        seen: the source addresses that the servers saw, and how often.
        failed: what went wrong, and how often.
        size: the whole packets that were sent, where they were.
        echoes: answers to ICMP echoes of that size; None where none were sent.
        told: the MTU that a router on the way has told of instead (RFC 1191); 0 where none has.

    """

    seen: Mapping[str, int] = field(default_factory=dict)
    failed: Mapping[str, int] = field(default_factory=dict)
    size: int = 0
    echoes: int | None = None
    told: int = 0

    @property
    def tried(self) -> int:
        """All connections."""
        return sum(self.seen.values()) + self.lost

    @property
    def lost(self) -> int:
        """Those that were not answered."""
        return sum(self.failed.values())


def parse(text: str) -> dict[int, Counted]:
    """What a host has counted, by the cell's number; lines that are none of ours are passed over (a shell's warnings)."""
    seen: dict[int, dict[str, int]] = {}
    failed: dict[int, dict[str, int]] = {}
    sizes: dict[int, int] = {}
    echoes: dict[int, tuple[int, int]] = {}
    for line in text.splitlines():
        match line.split(maxsplit=3):
            case [cell, "from", number, address] if cell.isdigit():
                seen.setdefault(int(cell), {})[address] = int(number)
            case [cell, "not", number, why] if cell.isdigit():
                word = WORDS.get(why, why if why.startswith(("curl", "answer")) else OTHERWISE)
                there = failed.setdefault(int(cell), {})
                there[word] = there.get(word, 0) + int(number)
            case [cell, "size", size] if cell.isdigit():
                sizes[int(cell)] = int(size)
            case [cell, "echo", came, told] if cell.isdigit():
                echoes[int(cell)] = (int(came), int(told))
    return {
        cell: Counted(
            seen.get(cell, {}),
            failed.get(cell, {}),
            sizes.get(cell, 0),
            echoes[cell][0] if cell in echoes else None,
            echoes[cell][1] if cell in echoes else 0,
        )
        for cell in {*seen, *failed, *sizes, *echoes}
    }


def owned(text: str) -> frozenset[str]:
    """A host's own addresses, without those of the loopback."""
    return frozenset(line.strip() for line in text.splitlines() if line.strip() and not line.startswith("127."))


def complaint(cell: Cell, counted: Counted, expected: Collection[str]) -> str:
    """What is wrong with a cell, in words; "" where nothing is."""
    lost = f"{counted.lost} of {counted.tried} not answered ({', '.join(counted.failed)})" if counted.lost else ""
    if cell.full:
        told = f", a router on the way told of {counted.told}" if counted.told else ""
        silent = f"no echo of {counted.size} bytes came back{told}" if counted.echoes == 0 else ""
        return "; ".join(part for part in (lost, silent) if part)
    if not counted.tried:
        return "nothing was tried before the time was up"
    strangers = [address for address in counted.seen if address not in expected]
    wrong = f"the server saw {_shown(strangers)} instead of {_shown(expected)}" if strangers else ""
    return "; ".join(part for part in (lost, wrong) if part)


MOST = 3  # addresses that are named


def _shown(addresses: Iterable[str]) -> str:
    return listed(sorted(addresses), MOST) or "nobody's address"
