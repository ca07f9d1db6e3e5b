"""Find in FRR's own sources every line of a configuration that its daemons print with ``no``.

Usage: scan.py SOURCE_TREE... >denials.new, where a tree is an unpacked release (``apt-get source frr``); the result
takes the place of napalm_frr/denials.tsv. Rows are: what is the default, kind of the context, pattern of what follows
the ``no``, releases that print it, the file that does. The first column is carried over from the table that stands; a
new row gets ``?`` until somebody has set and denied the line on a daemon and looked: ``on`` is switched on by default,
so that the line itself is never printed; ``off`` is off by default, and ``no`` is printed only where something else (a
group, a process-wide setting) switched it on; ``both`` is printed either way. One word for all releases, or for each.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

DAEMONS = (
    *("babeld", "bfdd", "bgpd", "eigrpd", "isisd", "ldpd", "lib", "mgmtd", "nhrpd", "ospf6d", "ospfd", "pathd", "pbrd"),
    *("pimd", "ripd", "ripngd", "staticd", "vrrpd", "zebra"),
)
TABLE = Path(__file__).parents[2] / "napalm_frr" / "denials.tsv"
CALL = re.compile(r"\bvty_out\s*\(")
FUNCTION = re.compile(r"^(?:static |extern )?[A-Za-z][\w *]*?\b(\w+)\s*\([^;{}]*\)\s*\{", re.MULTILINE)
STRING = re.compile(r'"((?:[^"\\]|\\.)*)"')
CONVERSION = re.compile(r"%(?:\*|-|\+|#)?\d*(?:pFX|pSU|pI[46]s?|pBD|pPA|hhu|ll?[du]|[sdulxgf])")
MACROS = {
    "PIM_AF_NAME": ("ip", "ipv6"),
    "PROTO_NAME": ("isis", "openfabric"),
    "GM_AF_DBG": ("igmp", "mld"),
}
COMMANDS_ONLY = re.compile(r"debug |test |match found|error")

SHOWS = re.compile(r"show_")
"""Functions that answer a show command, not those that write the configuration (cli_show_...)."""

INTERFACE = re.compile(
    r"(?:ip|ipv6) (?:ospf|ospf6|rip|ripng|pim|igmp|mld|nd|router) |(?:isis|openfabric|babel|evpn mh) |vrrp \\S\+ |"
    r"link-detect|shutdown|ptm-enable|multicast"
)
"""What begins so is said of an interface wherever the daemon prints it."""
OF_INSTANCE = re.compile(r"zebra (?:(?:ip|ipv6) nht|mpls fec)")
"""What is said outside all contexts, or in a VRF."""
PLACES: dict[str, tuple[str, ...]] = {
    "ospfd": ("router ospf",),
    "ospf6d": ("router ospf6",),
    "ripd": ("router rip",),
    "ripngd": ("router ripng",),
    "isisd": ("router isis",),
    "pimd": ("router pim", "router pim6"),
    "bfdd": ("bfd peer", "bfd profile"),
}
FILES: dict[str, tuple[str, ...]] = {
    "isisd/isisd.c": ("router openfabric",),
    "lib/vty.c": ("line",),
    "lib/zlog_5424_cli.c": ("log",),
    "bgpd/bgp_evpn_vty.c": ("bgp address-family",),
    "bgpd/bgp_bmp.c": ("router bgp bmp",),
}


class Printed(NamedTuple):
    """A call that prints: the file, the function, the format with its macros, and the other arguments."""

    file: str
    function: str
    form: str
    rest: str


def arguments(text: str, begin: int) -> list[str]:
    """Split the arguments of a call; ``begin`` is the place after its bracket."""
    found, depth, start, place = [], 0, begin, begin
    while place < len(text):
        letter = text[place]
        if letter in "\"'":
            place = closing(text, place)
        elif letter in "([{":
            depth += 1
        elif letter in ")]}":
            depth -= 1
            if depth < 0:
                return [*found, text[start:place]]
        elif letter == "," and depth == 0:
            found.append(text[start:place])
            start = place + 1
        place += 1
    return []


def closing(text: str, place: int) -> int:
    """Return the place of the quote that ends what begins here."""
    quote = text[place]
    place += 1
    while text[place] != quote:
        place += 2 if text[place] == "\\" else 1
    return place


def form(argument: str) -> str:
    """Join the strings of a format; a macro between them stays as its name in angle brackets."""
    parts, place = [], 0
    for found in STRING.finditer(argument):
        between = argument[place : found.start()].strip()
        parts += [f"<{word}>" for word in between.split()] + [found.group(1)]
        place = found.end()
    return "".join(parts)


def printed(tree: Path) -> Iterator[Printed]:
    """List every call of vty_out in the daemons."""
    for daemon in DAEMONS:
        for file in sorted((tree / daemon).glob("*.c")):
            text = file.read_text(encoding="utf-8", errors="replace")
            functions = [(one.start(), one.group(1)) for one in FUNCTION.finditer(text)]
            for call in CALL.finditer(text):
                words = arguments(text, call.end())
                names = [name for start, name in functions if start < call.start()]
                if len(words) > 1 and names and not SHOWS.match(names[-1]):
                    yield Printed(f"{daemon}/{file.name}", names[-1], form(words[1]), " ".join(words[2:]))


def denials(tree: Path) -> Iterator[tuple[str, str, str]]:
    """Find what is printed with ``no``: the kind of context, the pattern of what follows it, the file."""
    calls = list(printed(tree))
    for number, one in enumerate(calls):
        text = one.form.replace("\\n", "")
        if re.fullmatch(r" *no *", text):  # the word alone: the call after it prints what is denied
            following = next((each for each in calls[number + 1 :] if each.function == one.function), None)
            text = text.rstrip() + " " + following.form.replace("\\n", "").strip() if following else ""
        elif re.match(r"(?:%\*?s| )*%s", text) and re.search(r'"no ?"', one.rest) and '"yes"' not in one.rest:
            lead = re.match(r"((?:%\*s| )*)%s *", text)
            text = f"{lead.group(1)}no {text[lead.end() :]}" if lead else text
        found = re.match(r"((?:%\*?s| )*)no (?=\S)(.*)", text)
        if not found or COMMANDS_ONLY.match(found.group(2)):
            continue
        for body in spelled(found.group(2).strip()):
            for kind in kinds(one.file, body, found.group(1)):
                yield kind, body, one.file


def spelled(text: str) -> list[str]:
    """Write a format as a pattern, once for each meaning of a macro."""
    words = [text]
    for macro, meanings in MACROS.items():
        words = [each.replace(f"<{macro}>", meaning) for each in words for meaning in meanings]
    written = [re.escape(CONVERSION.sub("\0", word)).replace("\0", r"\S+").replace("\\ ", " ") for word in words]
    return list(dict.fromkeys(one.replace("\\-", "-") for one in written))


def kinds(file: str, body: str, lead: str) -> tuple[str, ...]:
    """Name the kinds of context in which a line is printed; ``lead`` is what its format has before the ``no``."""
    daemon, indent = file.partition("/")[0], len(lead)
    if file in FILES:
        return FILES[file]
    if daemon == "bgpd":
        return (("top",), ("router bgp",), ("bgp address-family",))[min(indent, 2)]
    if daemon == "bfdd":
        return PLACES[daemon]
    # pimd indents a process-wide setting where it is a VRF's
    if OF_INSTANCE.match(f"{daemon} {body}") or (daemon == "pimd" and lead == "%s"):
        return ("top", "vrf")
    if INTERFACE.match(body) and (indent or daemon != "zebra") and "default" not in body.split()[:2]:
        return ("interface",)
    return PLACES.get(daemon, ("top",))


def table(trees: list[Path], measured: dict[tuple[str, str], str]) -> list[str]:
    """Make the rows for all trees."""
    found: dict[tuple[str, str], tuple[list[str], list[str]]] = {}
    for tree in trees:
        release = tree.resolve().name.removeprefix("frr-")
        for kind, body, file in denials(tree):
            releases, files = found.setdefault((kind, body), ([], []))
            releases += [release] if release not in releases else []
            files += [file] if file not in files else []
    return [
        "\t".join((measured.get(key, "?"), *key, " ".join(releases), " ".join(files)))
        for key, (releases, files) in sorted(found.items())
    ]


def standing() -> dict[tuple[str, str], str]:
    """Read the measured column of the table that the driver has."""
    rows = [line.split("\t") for line in TABLE.read_text(encoding="utf-8").splitlines()]
    return {(row[1], row[2]): row[0] for row in rows}


if __name__ == "__main__":
    print("\n".join(table([Path(name) for name in sys.argv[1:]], standing())))
