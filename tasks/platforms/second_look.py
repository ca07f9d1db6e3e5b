"""What a router is asked when something is wrong: its own side of the sessions, its policies, what it lets through. Pure."""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Protocol, runtime_checkable

from kubepeer.intent.families import Address, Network, Version
from kubepeer.intent.model import ConfigurationFiles
from tasks.linux.observe import Answer

BGP = 179  # RFC 4271, 1
# iptables-save(8) with -c: [packets:bytes] before each rule
COUNTED_RULE = re.compile(r"^\[(?P<packets>\d+):\d+\] (?P<rule>-A .* -j (?:DROP|REJECT)\b.*)$")
OF_BGP = re.compile(r"--(?:dport|sport|dports|sports|port|ports) \S*\b(?:179|bgp)\b")
DROPS = "for table in raw mangle filter; do iptables-save -c -t $table 2>/dev/null; done | grep -E -- '-j (DROP|REJECT)' || true"
LISTENING = "ss -Htln 2>/dev/null | awk '{print $4}' || true"
NEIGHBOURS = "ip neigh show || true"
# What stands for a password: its digest with a salt that lives as long as the run. By the shell itself: no process list has it.
DIGESTED = r"""digest() { printf '%s' "$salt$1" | sha256sum | cut -c 1-16; }
while IFS= read -r line; do case $line in
  *'password "'*) head=${line%%'password "'*}; rest=${line#*'password "'}; value=${rest%%'"'*}
    printf '%spassword "%s"%s\n' "$head" "$(digest "$value")" "${rest#*'"'}" ;;
  *' password '*) printf '%s password %s\n' "${line%%' password '*}" "$(digest "${line#*' password '}")" ;;
  *) printf '%s\n' "$line" ;;
esac; done"""


@dataclass(frozen=True)
class Limit:
    """A line of the router's own configuration, or of what it shows of it: what it says, and where.

    Attributes:
        off: the router has it, and it is not turned on.
        owners: what its owner is to write there, where that is not Kubepeer's to write; "" where deploy.py does it.

    """

    value: int
    line: str
    off: bool = False
    owners: str = ""


@dataclass(frozen=True)
class ConfiguredPeer:
    """A neighbour as the router has it configured.

    Attributes:
        remote_as: that it expects; None where any will do, or nothing tells.
        local_as: that it speaks as; None where nothing tells.
        lines: the lines that decide, by their subject: remote-as, password, ttl, policy.
        password: a digest of it with the run's salt; "" where there is none, None where nothing tells.
        ttl_security: whether it demands that packets come from one hop away (RFC 5082); None where nothing tells.
        refused: how many announcements its policy has refused since the session is up; None where it does not count.
        said: the last notification, and who sent it.

    """

    remote_as: int | None = None
    local_as: int | None = None
    lines: Mapping[str, str] = field(default_factory=dict)
    password: str | None = None
    ttl_security: bool | None = None
    refused: int | None = None
    said: str = ""


class Policy(Protocol):
    """What decides which prefixes of a neighbour are taken."""

    def refusal(self, prefix: Network) -> str:
        """What refuses a prefix: the list's name and the number of the entry; "" where nothing is proved to."""


@dataclass(frozen=True)
class RouterLook:
    """A router's own account.

    Attributes:
        unseen: why it could not be asked; "" where it could.
        asked: what was asked, by subject: the command, as a person would type it.
        peers: its neighbours.
        policies: by neighbour what it takes in.
        maximum_paths: how many equal paths it uses, by the version of the family, with the line that says so.
        router_id: its own; "" where nothing tells.
        listens: whether anything listens on BGP's port; None where nothing tells.
        drops: rules of its firewall that have dropped packets of BGP.
        near: what it knows of the link-layer address of a neighbour: REACHABLE, STALE, FAILED (ip-neighbour(8)).

    """

    unseen: str = ""
    asked: Mapping[str, str] = field(default_factory=dict)
    peers: Mapping[Address, ConfiguredPeer] = field(default_factory=dict)
    policies: Mapping[Address, Policy] = field(default_factory=dict)
    maximum_paths: Mapping[Version, Limit] = field(default_factory=dict)
    router_id: str = ""
    listens: bool | None = None
    drops: tuple[str, ...] = ()
    near: Mapping[str, str] = field(default_factory=dict)


@runtime_checkable
class LooksAgain(Protocol):
    """A reader whose routers can be asked for their own account."""

    def second_questions(self, salt: str, files: ConfigurationFiles) -> dict[str, str]:
        """Shell commands by name, one round trip; passwords leave the router as digests alone.

        Args:
            salt: of the digests.
            files: where the configuration lies, where that is not where its package puts it.

        """

    def second_look(self, answers: Mapping[str, Answer], files: ConfigurationFiles) -> RouterLook:
        """Read the answers."""


def linux_questions() -> dict[str, str]:
    """What every router that is Linux is asked beside its daemon."""
    return {"drops": DROPS, "listening": LISTENING, "near": NEIGHBOURS}


def digested(command: str, salt: str) -> str:
    """A command whose output's passwords are replaced by digests before it leaves the machine."""
    return f"salt={salt}\n{{ {command}\n}} 2>&1 | {{ {DIGESTED}\n}}"


def dropped(lines: Iterable[str]) -> tuple[str, ...]:
    """The rules for BGP's port that have met packets."""
    return tuple(_dropped(lines))


def _dropped(lines: Iterable[str]) -> Iterator[str]:
    for line in lines:
        found = COUNTED_RULE.match(line.strip())
        if found and int(found["packets"]) and OF_BGP.search(found["rule"]):
            yield f"{found['rule']} ({found['packets']} packets)"


def listens(lines: Iterable[str]) -> bool | None:
    """Whether an address of `ss -tln` is of BGP's port; None where nothing was shown at all."""
    shown = list(lines)
    return any(line.strip().endswith(f":{BGP}") for line in shown) if shown else None


def near(lines: Iterable[str]) -> dict[str, str]:
    """What `ip neigh` says of each address: the last word is the state."""
    return {words[0]: words[-1] for line in lines if len(words := line.split()) > 1}
