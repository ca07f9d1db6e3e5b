"""BGPFilters as BIRD's functions, as confd writes them (confd/pkg/resource/template/template_funcs.go).

A rule's `interface` is compared with the interface by which a route leaves (BIRD's pattern, `*` and `?`): a learned route to
another node's block has the uplink or vxlan.calico, a blackhole none, so that a node's own block and its services never
match. `source: RemotePeers` means learned by BGP: routes that Felix wrote into the kernel are not.
"""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass

from cluster_api.objects import Json, name, spec

from calico_node.versions import FILTER_INTERFACE, FILTER_PREFIX_LENGTH, FILTER_SOURCE, Version

SYMBOL_LENGTH = 64  # BIRD's, for a name of a function
HASH_LENGTH = 16
_OPERATORS = {"Equal": "=", "NotEqual": "!=", "In": "~", "NotIn": "!~"}
_LONGEST_PREFIX = 32


@dataclass(frozen=True)
class Filter:
    """The IPv4 rules of a BGPFilter, each a statement of BIRD."""

    name: str
    imports: tuple[str, ...]
    exports: tuple[str, ...]

    def function(self, direction: str) -> str:
        """Name a function; a long name is cut and told apart by a hash."""
        prefix, suffix = "bgp_", f"_{direction}FilterV4"
        room = SYMBOL_LENGTH - len(prefix) - len(suffix)
        text = self.name
        if len(text) > room:
            digest = hashlib.sha256(text.encode()).hexdigest().upper()[:HASH_LENGTH]
            text = f"{text[: room - HASH_LENGTH - 1]}_{digest}"
        return f"'{prefix}{text}{suffix}'"

    def definitions(self) -> list[str]:
        """Write the functions."""
        lines: list[str] = []
        for direction, rules in (("import", self.imports), ("export", self.exports)):
            if rules:
                lines += [f"function {self.function(direction)} () {{", *(f"  {rule}" for rule in rules), "}"]
        return lines


def filters(items: Iterable[Json], version: Version) -> dict[str, Filter]:
    """Read the BGPFilters."""
    found: dict[str, Filter] = {}
    for item in sorted(items, key=name):
        fields = spec(item)
        imports, exports = (
            tuple(_statement(rule, version) for rule in fields.get(key) or []) for key in ("importV4", "exportV4")
        )
        found[name(item)] = Filter(name(item), imports, exports)
    return found


def calls(filters: Iterable[Filter], direction: str) -> list[str]:
    """Call the functions of one direction, in the order that the BGPPeer names."""
    return [
        f"{one.function(direction)}();" for one in filters if (one.imports if direction == "import" else one.exports)
    ]


def _statement(rule: Json, version: Version) -> str:
    """Write one rule: all that it names must hold; a rule that names nothing holds for every route."""
    action = {"accept": "accept;", "reject": "reject;"}[str(rule["action"]).lower()]
    conditions: list[str] = []
    if rule.get("cidr"):
        conditions.append(f"(net {_OPERATORS[str(rule['matchOperator'])]} {_networks(rule, version)})")
    if rule.get("source") and version.has(FILTER_SOURCE):
        conditions.append("((defined(source))&&(source ~ [ RTS_BGP ]))")
    if rule.get("interface") and version.has(FILTER_INTERFACE):
        conditions.append(f'((defined(ifname))&&(ifname ~ "{rule["interface"]}"))')
    return f"if ({'&&'.join(conditions)}) then {{ {action} }}" if conditions else action


def _networks(rule: Json, version: Version) -> str:
    cidr, length = str(rule["cidr"]), rule.get("prefixLength")
    if length is None or not version.has(FILTER_PREFIX_LENGTH):
        return cidr
    shortest = max(int(cidr.partition("/")[2]), length.get("min", 0))
    longest = min(_LONGEST_PREFIX, length.get("max", _LONGEST_PREFIX))
    return f"[ {cidr}{{{shortest},{longest}}} ]"
