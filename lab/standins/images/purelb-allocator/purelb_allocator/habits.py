"""What a release of PureLB does otherwise than those before it."""

from dataclasses import dataclass

from cluster_api.versions import at_least


@dataclass(frozen=True)
class Habits:
    """The API it reads, and whether it is as talkative as from 0.14 on."""

    api: str = "v1"
    talkative: bool = False
    """Says how addresses are announced (purelb.io/pool-type, ipMode) and warns of what is out of date or said twice;
    an address that a service asks for decides, whatever group it names."""

    @classmethod
    def of(cls, version: str) -> "Habits":
        """Read them from the version."""
        return cls("v2" if at_least(version, "0.15.0") else "v1", at_least(version, "0.14.0"))
