"""Whatever an owner's configuration is and whatever is wanted: the lines that go are ours, and everything else is byte-equal after it.

A router is drawn (owners.py), two inventories one after the other are applied to it, and what it then has is told by simulated.py, by
FRR's driver or by BIRD's: none of them has code of the plans.
"""

import re
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import pytest
from hypothesis import Phase, assume, event, given, settings
from hypothesis import strategies as st
from napalm_bird.merge import overlay
from napalm_bird.syntax import statements
from napalm_frr.candidate import Candidate
from napalm_frr.configuration import read

from kubepeer.errors import RefusedError
from kubepeer.intent import Intent
from kubepeer.intent.abilities import inabilities
from kubepeer.intent.model import Router
from kubepeer.intent.peering import Peering
from tasks.linux.templates import render
from tasks.platforms.platform import PLATFORMS, context
from tests.conftest import untouched
from tests.unit.platforms.owners import CONFIGURATIONS, Path
from tests.unit.platforms.simulated import Indented, Statements, text_of

INDENTED = ("eos", "ios", "nxos")
# of the process or of the whole router, and raised or added only: docs/routers.md, "Process-wide"
PROCESS_WIDE = re.compile(
    r"maximum-paths \d+|bgp listen limit \d+|(bgp )?bestpath as-path multipath-relax|feature (bgp|bfd)|address-family ipv4( unicast)?"
    r"|router bgp \d+|vrf \S+|address-family ipv4 vrf \S+"
)
PROCESS_WIDE_STATEMENTS = re.compile(
    r"(vrf name \S+ )?protocols bgp (parameters bestpath as-path multipath-relax|system-as \d+)"
    r"|(vrf name \S+ )?protocols bgp address-family ipv4-unicast maximum-paths ebgp \d+"
    r"|system ip multipath layer4-hashing"
)
by_name = re.compile(
    r"(ip prefix-list KUBEPEER-|ip as-path access-list (KUBEPEER|464) |bgp as-path access-list KUBEPEER "
    r"|route-map KUBEPEER-|peer-filter KUBEPEER ).*"
)
rapid = settings(max_examples=40, deadline=None, derandomize=True, database=None, phases=[Phase.generate])


@st.composite
def peerings(draw: st.DrawFn, vrf: str | None) -> Peering:
    """What may be asked of a router."""
    return Peering(
        vrf=vrf,
        neighbours=draw(st.sampled_from(["static", "static", "dynamic"])),
        multihop=draw(st.sampled_from([None, 2])),
        bfd=draw(st.booleans()),
        default_route=draw(st.booleans()),
        communities=draw(st.sampled_from([(), ("64512:300",), ("64512:20", "64512:300")])),
    )


@st.composite
def intents(draw: st.DrawFn, platform: str, vrf: str | None) -> Intent:
    """An inventory with one router of this platform before some of the tutorial's nodes, in one AS or in several."""
    whole = untouched("today")
    kept = draw(st.lists(st.sampled_from(whole.nodes), min_size=3, max_size=6, unique_by=lambda node: node.name))
    racks = draw(st.sampled_from([(64517,), (64601, 64602)]))
    nodes = tuple(
        node.model_copy(update={"routers": ("edge",), "as_number": racks[place % len(racks)]})
        for place, node in enumerate(node for node in whole.nodes if node in kept)
    )
    router = Router(
        name="edge", platform=platform, as_number=64512, address="10.31.254.253", peering=draw(peerings(vrf))
    )  # type: ignore[arg-type]
    assume(not list(inabilities(PLATFORMS, router, {node.as_number for node in nodes})))
    return whole.model_copy(update={"nodes": nodes, "routers": (router,)})


def candidate(intent: Intent, running: str, password: str | None) -> str:
    (router,) = intent.routers
    platform = PLATFORMS[router.platform]
    rendered = render(platform.template, **context(intent, router, running, password))
    return platform.candidate(intent, router, rendered, running)


def neighbours(intent: Intent, members: Iterable[str]) -> set[str]:
    static = intent.routers[0].peering.neighbours == "static"
    return {*members, *(str(node.address) for node in intent.nodes if static)}


def section(platform: str, vrf: str | None) -> Path:
    if vrf is None:
        return ()
    return (f"address-family ipv4 vrf {vrf}",) if platform == "ios" else (f"vrf {vrf}",)


def is_ours(platform: str, vrf: str | None, path: Path, peers: set[str]) -> bool:
    """Ours by its name, or of a neighbour that is ours where our sessions are; written from docs/routers.md alone."""
    if path[0] != "router bgp 64512":
        return bool(by_name.fullmatch(f"{path[0]} "))
    below, where = path[1:], section(platform, vrf)
    if platform == "nxos":
        inside = below[len(where) :] if below[: len(where)] == where else ()
        of_peer = bool(inside) and inside[0].startswith("neighbor ") and inside[0].split()[1] in peers
        return of_peer or below[:1] == ("template peer KUBEPEER",)
    family = () if platform == "ios" and vrf else ("address-family ipv4",)
    of_members = (where, (*where, *family))
    of_group = of_members if platform == "ios" else (*of_members, (), family)
    words = below[-1].removeprefix("no ").split() if below else [""]
    if words[:3] == ["bgp", "listen", "range"]:
        return below[:-1] == where and words[5] == "KUBEPEER"
    if words[0] != "neighbor":
        return False
    return below[:-1] in (of_group if words[1] == "KUBEPEER" else of_members) and words[1] in (*peers, "KUBEPEER")


def members(platform: str, vrf: str | None, paths: Iterable[Path]) -> set[str]:
    where = section(platform, vrf)
    if platform == "nxos":
        headers = [path[-2] for path in paths if path[-1] == "inherit peer KUBEPEER" and path[1:-2] == where]
        return {header.split()[1] for header in headers}
    lines = [path[-1].split() for path in paths if path[0] == "router bgp 64512" and path[1:-1] == where]
    return {line[1] for line in lines if line[2:] in (["peer-group", "KUBEPEER"], ["peer", "group", "KUBEPEER"])}


def nothing_of_the_owners_moved(
    before: Sequence[Path], after: Sequence[Path], ours: Callable[[Path], bool], process_wide: re.Pattern[str]
) -> None:
    """Byte for byte, in its order; what is process-wide may have been raised in its place or added."""
    raised = {
        path for path in before if path not in after and re.search(r"maximum-paths|bgp listen limit", " ".join(path))
    }
    for path in raised:
        (higher,) = (
            other
            for other in after
            if other[:-1] == path[:-1] and other[-1].split()[:-1] == path[-1].split()[:-1] and other not in before
        )
        assert int(higher[-1].split()[-1]) > int(path[-1].split()[-1])
    theirs = [path for path in before if not ours(path) and path not in raised]
    known = set(before)
    assert text_of(path for path in after if not ours(path) and path in known) == text_of(theirs)
    added = [path for path in after if not ours(path) and path not in known]
    assert [
        path
        for path in added
        if not process_wide.fullmatch(path[-1] if process_wide is PROCESS_WIDE else " ".join(path))
    ] == []


vrfs = st.sampled_from([None, None, "CLUSTER", "CUSTOMER"])
passwords = st.sampled_from([None, "tutorial"])


@pytest.mark.parametrize("platform", INDENTED)
def test_on_a_router_of_indented_lines(platform: str) -> None:
    @rapid
    @given(st.data())
    def check(data: st.DataObject) -> None:
        paths, vrf = data.draw(CONFIGURATIONS[platform]()), data.draw(vrfs)
        for intent in (data.draw(intents(platform, vrf)), data.draw(intents(platform, vrf))):
            password = data.draw(passwords)
            try:
                said = candidate(intent, text_of(paths), password)
            except RefusedError as error:
                event(f"refused: {error.message[:40]}")
                return
            router = Indented(platform, paths)
            router.told(said)
            peers = neighbours(intent, members(platform, vrf, [*paths, *router.paths]))

            def ours(path: Path, peers: set[str] = peers) -> bool:
                return is_ours(platform, vrf, path, peers)

            nothing_of_the_owners_moved(paths, router.paths, ours, PROCESS_WIDE)
            assert candidate(intent, text_of(router.paths), password) == "", said
            paths = router.paths

    check()


@pytest.mark.parametrize("platform", ["junos", "vyos"])
def test_on_a_router_of_statements(platform: str) -> None:
    @rapid
    @given(st.data())
    def check(data: st.DataObject) -> None:
        standing, vrf = data.draw(CONFIGURATIONS[platform]()), data.draw(vrfs)
        instance = () if vrf is None else ("routing-instances", vrf) if platform == "junos" else ("vrf", "name", vrf)
        bgp = (*instance, "protocols", "bgp")
        for intent in (data.draw(intents(platform, vrf)), data.draw(intents(platform, vrf))):
            password = data.draw(passwords)
            text = "".join(f"set {' '.join(map(repr, one))}\n" for one in standing)
            try:
                said = candidate(intent, text, password)
            except RefusedError as error:
                event(f"refused: {error.message[:40]}")
                return
            router = Statements(standing)
            router.told(said)
            inside = [one[len(bgp) :] for one in standing if one[: len(bgp)] == bgp]
            peers = neighbours(intent, [one[1] for one in inside if one[2:] == ("peer-group", "KUBEPEER")])

            def ours(one: Path, peers: set[str] = peers) -> bool:
                if one[0] in ("policy-options", "policy"):
                    return one[2] == "KUBEPEER" or one[2].startswith("KUBEPEER-")
                if one[-1] == "KUBEPEER-BALANCE":
                    return True
                below = one[len(bgp) :] if one[: len(bgp)] == bgp else ()
                group = below[:2] in (("group", "KUBEPEER"), ("peer-group", "KUBEPEER"))
                return group or (platform == "vyos" and below[:1] == ("neighbor",) and below[1] in peers)

            nothing_of_the_owners_moved(standing, router.statements, ours, PROCESS_WIDE_STATEMENTS)
            again = "".join(f"set {' '.join(map(repr, one))}\n" for one in router.statements)
            assert candidate(intent, again, password) == "", said
            standing = router.statements

    check()


def test_on_frr_with_the_drivers_own_merge() -> None:
    @rapid
    @given(st.data())
    def check(data: st.DataObject) -> None:
        text = text_of(data.draw(CONFIGURATIONS["frr"]()))
        for intent in (data.draw(intents("frr", None)), data.draw(intents("frr", None))):
            password = data.draw(passwords)
            try:
                said = candidate(intent, text, password)
            except RefusedError as error:
                event(f"refused: {error.message[:40]}")
                return
            effective = Candidate(said, replaces=False).plan(text).effective
            before = read(text).paths
            inside = [path[-1].split() for path in before if path[0] == "router bgp 64512"]
            peers = {one[1] for one in inside if one[0] == "neighbor" and one[2:] == ["peer-group", "KUBEPEER"]}
            peers |= {
                str(node.address) for node in intent.nodes
            }  # one that is listed by hand would escape the range's filters

            def ours(path: Path, peers: set[str] = peers) -> bool:
                if path[0] != "router bgp 64512":
                    return bool(by_name.fullmatch(f"{path[0]} "))
                words = path[-1].removeprefix("no ").split()
                return (words[0] == "neighbor" and words[1] in (*peers, "KUBEPEER")) or words[-1] == "KUBEPEER"

            nothing_of_the_owners_moved(before, effective.paths, ours, PROCESS_WIDE)
            text = text_of(effective.paths)

    check()


BIRD_PIECES = (
    "filter nodes { accept; }\n",
    "protocol bgp spine { local as 64512; neighbor 10.255.1.0 as 64500; ipv4 { import filter nodes; export none; }; }\n",
    "protocol bgp node { local as 64512; neighbor 10.31.90.1 as 64517; ipv4 { import none; export none; }; }\n",
    "protocol bgp kubepeer { local as 64512; neighbor 10.31.90.2 as 64517; ipv4 { import none; export none; }; }\n",
    "protocol static { ipv4; route 10.33.0.0/16 via 10.31.90.1; }\n",
    "define KUBEPEER = 7;\n",
)


def test_on_bird_where_its_own_file_is_all_that_is_written() -> None:
    """Every statement of the file has a name of ours: laid over whatever an owner has, none of his is replaced."""

    @rapid
    @given(intents("bird", None), st.lists(st.sampled_from(BIRD_PIECES), unique=True), passwords)
    def check(intent: Intent, pieces: list[str], password: str | None) -> None:
        owners = "".join(pieces)
        said = candidate(intent, owners, password)
        assert said == candidate(intent, said, password)
        found: Any = statements(said)[0]
        assert found
        assert all(any(str(word).startswith("kubepeer_") for word in (one.key or ())) for one in found)
        after = overlay(owners, said).text
        assert [piece for piece in pieces if piece not in after] == []

    check()
