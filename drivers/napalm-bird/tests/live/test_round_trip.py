"""A full configuration, every kind of statement and protocol: ours is merged, and nothing else moves.

It stands in the owner's file, beside ours; or in ours, where the driver itself must find its way between them.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
from napalm_unix_router.testing.live import shell

from napalm_bird import BIRDDriver
from napalm_bird.protocols import protocols

FULL = (Path(__file__).parents[1] / "full" / "every-kind.conf").read_text(encoding="utf-8")
STANDING = "protocol bgp node_2 from nodes {\n\tneighbor 10.31.90.2;\n}\n"
REPLACED = 'protocol bgp node_2 from nodes {\n\tneighbor 10.31.90.2;\n\tdescription "the second; }";\n}\n'
NEW = 'protocol bgp node_9 from nodes {\n\tneighbor 10.31.90.9;\n\tpassword "hunter4";\n}\n'
CHANGED = {"node_2", "node_9"}
OURS, OWNERS = "/etc/bird/conf.d/napalm.conf", "/etc/bird/bird.conf"
RECKONED = 0.05  # BIRD reckons a moment anew at each look: it may be told a millisecond otherwise


def running(router: BIRDDriver) -> str:
    return router.get_config("running")["running"]


def second(moment: str) -> float:
    """Turn a time as BIRD shows it (12:00:00.000) into the second of the day."""
    hours, minutes, rest = moment.split(":")
    return int(hours) * 3600 + int(minutes) * 60 + float(rest)


class Loaded(NamedTuple):
    """What BIRD works with: the protocols that are not ours to change, and everything that has a name."""

    states: dict[str, str]
    since: dict[str, float]
    """Since when they are in that state. BIRD tells another moment of a disabled one each time it reads its files."""
    names: set[str]


def loaded(router: BIRDDriver) -> Loaded:
    shown = [one for one in protocols(shell(router, "birdc show protocols")) if one.name not in CHANGED]
    since = {one.name: second(one.since) for one in shown if one.state != "down"}
    names = shell(router, "birdc show symbols").splitlines()[1:]
    return Loaded({one.name: one.state for one in shown}, since, set(names))


def owners(router: BIRDDriver) -> str:
    look = "-exec sha256sum {} + -exec stat -c '%n %U %G %a %Y' {} +"
    return shell(router, f"find /etc/bird ! -path {OURS} -type f {look}")


@pytest.fixture(params=["the owner's file", "ours"])
def everything(request: pytest.FixtureRequest, router: BIRDDriver) -> Iterator[BIRDDriver]:
    """A router with all that; what it had before is there again at the end."""
    print(router.get_facts()["os_version"])
    if request.param == "ours":
        router.load_replace_candidate(config=running(router) + FULL)
        router.commit_config()
        yield router
        return
    shell(router, f"cp -p {OWNERS} /tmp/owners.conf")
    include = shell(router, f"tail -n 1 {OWNERS}")
    said = shell(router, f"sed -i '$d' {OWNERS}; cat >>{OWNERS} <<'END'\n{FULL}\n{include}END\nbirdc configure")
    assert "Reconfigur" in said.splitlines()[-1], said
    yield router
    shell(router, f"cp -p /tmp/owners.conf {OWNERS}; birdc configure")


def test_our_statements_come_and_go_and_nothing_else_moves(everything: BIRDDriver) -> None:
    before, files, at_first = running(everything), owners(everything), loaded(everything)
    assert {f"full_{kind}" for kind in ("ospf", "rip", "babel", "peer", "pipe", "mrt", "flows")} <= set(at_first.states)
    print(len(at_first.states), "protocols", len(at_first.names), "names")

    for load in (everything.load_merge_candidate, everything.load_replace_candidate):
        load(config=before)
        assert everything.compare_config() == ""

    everything.load_merge_candidate(config=REPLACED + NEW)
    everything.commit_config(revert_in=60)
    assert running(everything) == before.replace(STANDING, REPLACED) + "\n" + NEW
    then = loaded(everything)
    assert (then.states, then.since) == (at_first.states, pytest.approx(at_first.since, abs=RECKONED))
    assert {line.split()[0] for line in then.names ^ at_first.names} == {"node_9"}

    everything.confirm_commit()
    assert shell(everything, f"cat {OURS}") == running(everything)
    assert owners(everything) == files
    everything.rollback()
    assert (running(everything), owners(everything)) == (before, files)
    then = loaded(everything)
    assert then == (at_first.states, pytest.approx(at_first.since, abs=RECKONED), at_first.names)
