"""Two statements of an inventory that cannot both be meant. Pure."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Contradiction:
    """Two statements of the inventory that cannot both be meant.

    Attributes:
        what: in words.
        host: the host whose entry is wrong, or "".
        key: the key that is wrong: of the host if there is one, else of the cluster; "" where it is who is in which group.
        cure: what the reader can do, or "".

    """

    what: str
    host: str = ""
    key: str = ""
    cure: str = ""
