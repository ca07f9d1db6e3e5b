"""BGPFilters as BIRD's functions, as confd writes them (confd/pkg/resource/template/template_funcs.go).

A rule's `interface` is compared with the interface by which a route leaves (BIRD's pattern, `*` and `?`): a learned route to
another node's block has the uplink or vxlan.calico, a blackhole none, so that a node's own block and its services never
match. `source: RemotePeers` means learned by BGP: routes that Felix wrote into the kernel are not.
"""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass

from cluster_api.objects import Json, name, spec

from calico_node.family import IPV4, Family
from calico_node.versions import FILTER_INTERFACE, FILTER_PREFIX_LENGTH, FILTER_SOURCE, Version

SYMBOL_LENGTH = 64  # BIRD's, for a name of a function
HASH_LENGTH = 16
_OPERATORS = {"Equal": "=", "NotEqual": "!=", "In": "~", "NotIn": "!~"}


@dataclass(frozen=True)
class Filter:
    """The rules of a BGPFilter for one family, each a statement of BIRD."""

    name: str
    imports: tuple[str, ...]
    exports: tuple[str, ...]
    family: Family = IPV4

    def function(self, direction: str) -> str:
        """Name a function; a long name is cut and told apart by a hash."""
        prefix, suffix = "bgp_", f"_{direction}FilterV{self.family.version}"
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


def filters(items: Iterable[Json], version: Version, family: Family = IPV4) -> dict[str, Filter]:
    """Read the BGPFilters."""
    found: dict[str, Filter] = {}
    for item in sorted(items, key=name):
        fields = spec(item)
        imports, exports = (
            tuple(_statement(rule, version, family) for rule in fields.get(f"{direction}V{family.version}") or [])
            for direction in ("import", "export")
        )
        found[name(item)] = Filter(name(item), imports, exports, family)
    return found


def calls(filters: Iterable[Filter], direction: str) -> list[str]:
    """Call the functions of one direction, in the order that the BGPPeer names."""
    return [
        f"{one.function(direction)}();" for one in filters if (one.imports if direction == "import" else one.exports)
    ]


def _statement(rule: Json, version: Version, family: Family) -> str:
    """Write one rule: all that it names must hold; a rule that names nothing holds for every route."""
    action = {"accept": "accept;", "reject": "reject;"}[str(rule["action"]).lower()]
    conditions: list[str] = []
    if rule.get("cidr"):
        conditions.append(f"(net {_OPERATORS[str(rule['matchOperator'])]} {_networks(rule, version, family)})")
    if rule.get("source") and version.has(FILTER_SOURCE):
        conditions.append("((defined(source))&&(source ~ [ RTS_BGP ]))")
    if rule.get("interface") and version.has(FILTER_INTERFACE):
        conditions.append(f'((defined(ifname))&&(ifname ~ "{rule["interface"]}"))')
    return f"if ({'&&'.join(conditions)}) then {{ {action} }}" if conditions else action


def _networks(rule: Json, version: Version, family: Family) -> str:
    cidr, length = str(rule["cidr"]), rule.get("prefixLength")
    if length is None or not version.has(FILTER_PREFIX_LENGTH):
        return cidr
    shortest = max(int(cidr.partition("/")[2]), length.get("min", 0))
    longest = min(family.bits, length.get("max", family.bits))
    return f"[ {cidr}{{{shortest},{longest}}} ]"
