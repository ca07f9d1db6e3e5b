"""The next hops of a route that has several, where ip has no JSON (busybox): found by asking for many flows. Pure.

Each flow is a process more on the router, and they are most of what a verification waits for there: several prefixes are asked about
at the same time, each stops as soon as it is sure, and the answer has each next hop once, with the number of flows that were asked for.

The kernel spreads them over all (net.ipv4.fib_multipath_hash_policy, net.ipv6.fib_multipath_hash_policy; source and destination count
in each of its kinds). busybox's awk may be without powers (FEATURE_AWK_LIBM), and has no numbers of more than 53 bits.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from kubepeer.intent.families import IPV4, IPV6, Address, Version

FLOWS = "@@flows"
# Where k next hops were seen, one more would be overlooked by 12 * (k + 1) flows once in 60,000 times for six, 15,000 for fifteen.
FLOWS_A_HOP, NUMBER_OF_FLOWS = 12, 192
AT_ONCE = 4  # prefixes: a small router has as many processors at most


@dataclass(frozen=True)
class _Asked:
    """How a family is asked.

    Attributes:
        ip: the command.
        addresses: what lists the router's own.
        mark: how such an address is called there, and what else its line must be.
        separator: of the last part of an address, which makes a neighbour of it.
        bare: awk's program: of which addresses the route is shown without a next hop.

    """

    ip: str
    addresses: str
    mark: str
    separator: str
    bare: str


# First the addresses, then the router's routes: "ADDRESS PREFIX" of those whose longest prefix is shown without a next hop. One pass, and
# nothing of it in an argument or in the environment: a router may have a hundred thousand routes. Most of them begin otherwise than every
# address does, with a prefix that is longer than that beginning: one look at the line, and it is done with.
_BARE = """BEGIN { size[BITS] = 1; for (n = BITS; n > 0; n--) size[n - 1] = 2 * size[n] }
    !listed { if ($0 == "--") listed = 1; else { asked[++count] = $0; keys[count] = key($0) }; next }
    !/^(HEADS|default)/ && !/\\/[0-9] |\\/1[0-5] / { next }
    $1 ~ PREFIX || $1 == "default" {
      split($1, part, "/"); long = $1 == "default" ? 0 : part[2] == "" ? BITS : part[2] + 0; here = key(part[1])
      for (n = 1; n <= count; n++) if ((!(n in longest) || long > longest[n]) && same(keys[n], here, long)) {
        longest[n] = long; found[n] = $0 ~ / (dev|via) / ? "" : $1
      } }
    END { for (n = 1; n <= count; n++) if (found[n] != "") print asked[n], found[n] }"""
_NUMBERS = """function key(text, part) { split(text, part, "."); return ((part[1] * 256 + part[2]) * 256 + part[3]) * 256 + part[4] }
    function same(one, other, long) { return int(one / size[long]) == int(other / size[long]) }"""
# An address of IPv6 as 32 digits, compared digit by digit, and the last one by what is left of it.
_DIGITS = """function groups(text, part, n, i, all) { all = ""; n = split(text, part, ":")
      for (i = 1; i <= n; i++) all = all substr("0000" part[i], length(part[i]) + 1); return all }
    function key(text, half, all, rest) { split(text, half, "::"); all = groups(half[1])
      rest = index(text, "::") ? groups(half[2]) : ""; while (length(all) + length(rest) < 32) all = all "0"; return all rest }
    function value(digit) { return index("0123456789abcdef", digit) - 1 }
    function same(one, other, long, whole, left) { whole = int(long / 4)
      if (substr(one, 1, whole) != substr(other, 1, whole)) return 0
      if (long % 4 == 0) return 1
      left = long % 4 == 1 ? 8 : long % 4 == 2 ? 4 : 2
      return int(value(substr(one, whole + 1, 1)) / left) == int(value(substr(other, whole + 1, 1)) / left) }"""
_FAMILIES: Mapping[Version, _Asked] = {
    IPV4: _Asked(
        "ip", "ip -o -4 addr show", '$3 == "inet" && $5 != "peer"', ".",
        _NUMBERS + _BARE.replace("BITS", "32").replace("PREFIX", "/^[0-9]/"),
    ),
    IPV6: _Asked(
        "ip -6", "ip -o -6 addr show", '$3 == "inet6" && $4 !~ /^fe80:/ && $5 != "peer"', ":",
        _DIGITS + _BARE.replace("BITS", "128").replace("PREFIX", "/:/"),
    ),
}  # fmt: skip


def flows_question(probes: Iterable[Address]) -> str:
    """Ask for flows to those addresses alone whose route is shown without a next hop: from neighbours on a link, as if they came in."""
    listed: dict[Version, list[str]] = {version: [] for version in _FAMILIES}
    for probe in probes:
        listed[IPV4 if probe.version == IPV4 else IPV6].append(str(probe))
    return "\n".join(_question(_FAMILIES[version], found) for version, found in listed.items() if found) or "true"


def _question(asked: _Asked, probes: Sequence[str]) -> str:
    # The network of the most addresses that the router itself is in: "INTERFACE ADDRESS". Neighbours there are who the flows are from.
    widest = f"""awk '$2 != "lo" && {asked.mark} {{
    split($4, part, "/"); if (!least || part[2] < least) {{ least = part[2]; found = $2 " " part[1] }} }} END {{ print found }}'"""
    heads = "|".join(
        dict.fromkeys(re.escape(probe.partition(asked.separator)[0] + asked.separator) for probe in probes)
    )
    bare = asked.bare.replace("HEADS", heads)
    return f"""from=$({asked.addresses} | {widest}); base=${{from#* }}; base=${{base%{asked.separator}*}}
{{ printf '%s\\n' {" ".join(probes)} --; {asked.ip} route show; }} | awk '{bare}' | {{ prefixes=0; while read -r address prefix; do
  {{ number=0; told=0; hops=0; seen=; lines=
    while [ $number -lt {NUMBER_OF_FLOWS} ] && [ $number -lt $(({FLOWS_A_HOP} * (hops + 1))) ]; do
      number=$((number + 1)); said=$({asked.ip} route get $address from $base{asked.separator}$number iif ${{from% *}} 2>/dev/null)
      [ -n "$said" ] || continue
      told=$((told + 1)); hop=${{said#* via }}; hop=${{hop%% *}}
      case "$seen " in *" $hop "*) ;; *) seen="$seen $hop"; hops=$((hops + 1)); lines="$lines
$said" ;; esac
    done
    echo "{FLOWS} $address $prefix $told$lines"; }} &
  prefixes=$((prefixes + 1)); [ $((prefixes % {AT_ONCE})) -ne 0 ] || wait
done; wait; }}"""
