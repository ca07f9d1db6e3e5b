"""The table of what FRR prints with ``no``: sound in itself, true to the recordings and, where they are, the sources.

NAPALM_FRR_SOURCES   unpacked releases of FRR, separated by blanks (``apt-get source frr``)
"""

from __future__ import annotations

import importlib.util
import os
import re
from pathlib import Path

import pytest

from napalm_frr.configuration import read
from napalm_frr.contexts import kind_of
from napalm_frr.denials import Default, default_of, ever_printed

HERE = Path(__file__).parent
TABLE = HERE.parents[1] / "napalm_frr" / "denials.tsv"
ROWS = [line.split("\t") for line in TABLE.read_text(encoding="utf-8").splitlines()]
FULL = sorted((HERE.parent / "full").glob("*.conf"))
OF_VTYSH = "service integrated-vtysh-config"
"""vtysh's own, from a file of its own."""


@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row[1]}: {row[2]}")
def test_a_row_is_whole(row: list[str]) -> None:
    defaults, kind, pattern, releases, files = row
    assert all(word in set(Default) for word in defaults.split(" "))
    assert len(defaults.split(" ")) in (1, len(releases.split(" ")))
    assert re.fullmatch(r"[a-z0-9]+/\w+\.c(?: [a-z0-9]+/\w+\.c)*", files)
    line = pattern.replace(r"\S+", "X")
    assert ever_printed(kind, line)
    assert default_of(kind, line, (99, 0)) is not None


@pytest.mark.parametrize("path", FULL, ids=lambda path: path.stem)
def test_every_denial_that_a_daemon_printed_is_in_the_table(path: Path) -> None:
    running = read(path.read_text(encoding="utf-8"))
    denials = [one for one in running.paths if one[-1].startswith("no ") and one[-1] != f"no {OF_VTYSH}"]
    assert len(denials) > 5
    unknown = [one for one in denials if not ever_printed(kind_of(one[:-1]), one[-1][3:])]
    assert unknown == []


@pytest.mark.parametrize("path", FULL, ids=lambda path: path.stem)
def test_what_a_daemon_printed_is_not_said_to_be_silent(path: Path) -> None:
    """A line that is on by default is never printed; these were."""
    running = read(path.read_text(encoding="utf-8"))
    lines = [one for one in running.paths if not one[-1].startswith("no ")]
    silent = [one for one in lines if default_of(kind_of(one[:-1]), one[-1], running.generation) is Default.ON]
    assert silent == []


def test_what_is_new_in_a_release_is_not_expected_of_an_older_one() -> None:
    assert default_of("router bgp", "bgp enforce-first-as", (8, 4)) is None
    assert default_of("router bgp", "bgp enforce-first-as", (10, 3)) is Default.ON
    assert default_of("router bgp", "bgp reject-as-sets", (10, 3)) is None
    assert default_of("router bgp", "bgp reject-as-sets", (10, 7)) is Default.ON


def test_the_table_is_what_the_sources_print() -> None:
    trees = os.environ.get("NAPALM_FRR_SOURCES", "").split()
    if not trees:
        pytest.skip("no sources: set NAPALM_FRR_SOURCES (see above)")
    specification = importlib.util.spec_from_file_location("scan", HERE / "scan.py")
    assert specification is not None
    assert specification.loader is not None
    scan = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(scan)
    assert scan.table([Path(tree) for tree in trees], scan.standing()) == TABLE.read_text(encoding="utf-8").splitlines()
