"""The next hops of a route that has several, where ip has no JSON (busybox): found by asking for many flows. Pure.

The kernel spreads them over all (net.ipv4.fib_multipath_hash_policy, net.ipv6.fib_multipath_hash_policy; source and destination count
in each of its kinds). busybox's awk may be without powers (FEATURE_AWK_LIBM), and has no numbers of more than 53 bits.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from kubepeer.intent.families import IPV4, IPV6, Address, Version

FLOWS = "@@flows"
# Where k next hops were seen, one more would be overlooked by 12 * (k + 1) flows once in 60,000 times for six, 15,000 for fifteen.
FLOWS_A_HOP, NUMBER_OF_FLOWS = 12, 192


@dataclass(frozen=True)
class _Asked:
    """How a family is asked.

    Attributes:
        ip: the command.
        addresses: what lists the router's own.
        mark: how such an address is called there, and what else its line must be.
        prefix: what the first word of a route's line is like, unless that is a type.
        bits: of an address.
        separator: of the last part of an address, which makes a neighbour of it.
        within: awk's program; of the addresses that come in those that are in one of the prefixes of $bare: "ADDRESS PREFIX".

    """

    ip: str
    addresses: str
    mark: str
    prefix: str
    bits: int
    separator: str
    within: str


# Of several prefixes the longest holds.
_LONGEST_WITHIN = """
    BEGIN { count = split(ENVIRON["bare"], bare, /[ \\n]+/) }
    { found = ""; longest = -1
      for (n = 1; n <= count; n++) {
        split(bare[n], part, "/"); long = bare[n] == "default" ? 0 : part[2] == "" ? BITS : part[2] + 0
        if (bare[n] != "" && inside($1, part[1], long) && long > longest) { longest = long; found = bare[n] }
      }
      if (found != "") print $1, found }"""
_INSIDE4 = """function number(text, part) { split(text, part, "."); return ((part[1] * 256 + part[2]) * 256 + part[3]) * 256 + part[4] }
    function inside(address, prefix, long, size, bit) { size = 1; for (bit = long; bit < 32; bit++) size *= 2
      return !long || int(number(address) / size) == int(number(prefix) / size) }"""
# An address of IPv6 as 32 digits, compared digit by digit, and the last one by what is left of it.
_INSIDE6 = """function groups(text, part, n, i, all) { all = ""; n = split(text, part, ":")
      for (i = 1; i <= n; i++) all = all substr("0000" part[i], length(part[i]) + 1); return all }
    function digits(text, half, all, rest) { split(text, half, "::"); all = groups(half[1])
      rest = index(text, "::") ? groups(half[2]) : ""; while (length(all) + length(rest) < 32) all = all "0"; return all rest }
    function value(digit) { return index("0123456789abcdef", digit) - 1 }
    function inside(address, prefix, long, whole, size) { whole = int(long / 4); address = digits(address); prefix = digits(prefix)
      if (substr(address, 1, whole) != substr(prefix, 1, whole)) return 0
      if (long % 4 == 0) return 1
      size = long % 4 == 1 ? 8 : long % 4 == 2 ? 4 : 2
      return int(value(substr(address, whole + 1, 1)) / size) == int(value(substr(prefix, whole + 1, 1)) / size) }"""
_FAMILIES: Mapping[Version, _Asked] = {
    IPV4: _Asked(
        "ip", "ip -o -4 addr show", '$3 == "inet" && $5 != "peer"', "/^[0-9]/", 32, ".",
        _INSIDE4 + _LONGEST_WITHIN.replace("BITS", "32"),
    ),
    IPV6: _Asked(
        "ip -6", "ip -o -6 addr show", '$3 == "inet6" && $4 !~ /^fe80:/ && $5 != "peer"', "/:/", 128, ":",
        _INSIDE6 + _LONGEST_WITHIN.replace("BITS", "128"),
    ),
}  # fmt: skip


def flows_question(probes: Iterable[Address]) -> str:
    """Ask for flows to those addresses alone whose route is shown without a next hop: from neighbours on a link, as if they came in."""
    listed: dict[Version, list[str]] = {version: [] for version in _FAMILIES}
    for probe in probes:
        listed[IPV4 if probe.version == IPV4 else IPV6].append(str(probe))
    return "\n".join(_question(_FAMILIES[version], found) for version, found in listed.items() if found) or "true"


def _question(asked: _Asked, probes: Iterable[str]) -> str:
    # The network of the most addresses that the router itself is in: "INTERFACE ADDRESS". Neighbours there are who the flows are from.
    widest = f"""awk '$2 != "lo" && {asked.mark} {{
    split($4, part, "/"); if (!least || part[2] < least) {{ least = part[2]; found = $2 " " part[1] }} }} END {{ print found }}'"""
    # The routes that are shown without a next hop: their prefixes.
    bare = f"""awk '($1 ~ {asked.prefix} || $1 == "default") && $0 !~ / (dev|via) / {{ print $1 }}'"""
    # Whether the route of the longest prefix that holds an address is that one: "yes".
    longest = f"""awk -v prefix="$prefix" '$1 ~ {asked.prefix} || $1 == "default" {{ split($1, part, "/")
    long = $1 == "default" ? 0 : part[2] == "" ? {asked.bits} : part[2] + 0
    if (!seen++ || long > longest) {{ longest = long; is = $1 }} }} END {{ if (is == prefix) print "yes" }}'"""
    return f"""bare=$({asked.ip} route show | {bare}); export bare
from=$({asked.addresses} | {widest}); base=${{from#* }}; base=${{base%{asked.separator}*}}
[ -z "$bare" ] || printf '%s\\n' {" ".join(probes)} | awk '{asked.within}' | while read -r address prefix; do
  [ "$({asked.ip} route show match $address | {longest})" ] || continue
  echo "{FLOWS} $address $prefix"; number=0; hops=0; seen=
  while [ $number -lt {NUMBER_OF_FLOWS} ] && [ $number -lt $(({FLOWS_A_HOP} * (hops + 1))) ]; do
    number=$((number + 1)); said=$({asked.ip} route get $address from $base{asked.separator}$number iif ${{from% *}} 2>/dev/null)
    echo "$said"
    hop=${{said#* via }}; hop=${{hop%% *}}
    case "$seen " in *" $hop "*) ;; *) seen="$seen $hop"; hops=$((hops + 1)) ;; esac
  done
done"""
