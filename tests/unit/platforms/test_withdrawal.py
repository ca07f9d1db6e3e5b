"""What deploy.py has told a router is taken away: what is left is what its owner had, by the drivers' own merge and by simulated.py."""

from typing import Any

import pytest
from napalm_frr.candidate import Candidate
from napalm_frr.configuration import read, text_of

from kubepeer.errors import RefusedError
from kubepeer.intent import Intent
from kubepeer.intent.model import Router
from kubepeer.intent.peering import Peering
from tasks.linux.templates import render
from tasks.platforms.platform import PLATFORMS, context
from tasks.platforms.withdrawal import withdrawal, without_nodes
from tests.conftest import untouched
from tests.unit.platforms import simulated
from tests.unit.platforms.simulated import Indented, Statements


def told(platform: str, configuration: str, text: str) -> str:
    """The configuration after a candidate."""
    if platform == "frr":
        return text_of(Candidate(text, replaces=False).plan(configuration).effective)
    if platform in ("junos", "vyos"):
        statements = Statements(tuple(line.replace("'", "").split()[1:]) for line in configuration.splitlines())
        statements.told(text)
        return "".join(f"set {' '.join(map(repr, one))}\n" for one in statements.statements)
    lines = Indented(platform, simulated.paths_of(configuration))
    lines.told(text)
    return simulated.text_of(lines.paths)


def lines(platform: str, configuration: str) -> set[str]:
    """Each line with what it stands under."""
    if platform == "frr":
        return {" > ".join(path) for path in read(configuration).paths}
    if platform in ("junos", "vyos"):
        return {line.replace("'", "") for line in configuration.splitlines()}
    return {" > ".join(path) for path in simulated.paths_of(configuration)}


def cluster(case: dict[str, Any]) -> Intent:
    racks = case.get("as_numbers", [64517])
    whole = untouched("today")
    nodes = tuple(
        node.model_copy(update={"routers": ("edge",), "as_number": racks[place % len(racks)]})
        for place, node in enumerate(whole.nodes)
    )
    asked = {key: case[key] for key in ("neighbours", "listen_limit") if key in case}
    router = Router(
        name="edge", platform=case["platform"], as_number=64512, address="10.31.254.253", peering=Peering(**asked)
    )
    return whole.model_copy(update={"nodes": nodes, "routers": (router,)})


def deployed(intent: Intent, configuration: str) -> str:
    (router,) = intent.routers
    platform = PLATFORMS[router.platform]
    rendered = render(platform.template, **context(intent, router, configuration, "tutorial"))
    return told(router.platform, configuration, platform.candidate(intent, router, rendered, configuration))


@pytest.mark.cases("withdrawals")
def test_what_is_left_is_what_its_owner_had(case: dict[str, Any]) -> None:
    intent, before = cluster(case), case["before"]
    (router,) = intent.routers
    platform = PLATFORMS[router.platform]
    with_us = deployed(intent, before)
    assert "KUBEPEER" in with_us
    kept = before if case.get("kept", True) else None
    after = told(router.platform, with_us, withdrawal(platform, intent, router, with_us, kept))
    assert lines(router.platform, after) == lines(router.platform, before) | set(case.get("stays", []))
    assert "KUBEPEER" not in after
    assert withdrawal(platform, intent, router, after, kept).strip() == ""


def test_another_clusters_part_is_not_taken_away() -> None:
    intent = cluster({"platform": "frr"})
    (router,) = intent.routers
    with_us = deployed(intent, "frr version 8.4.4\nrouter bgp 64512\n neighbor 10.32.0.10 remote-as 64999\nexit\n")
    other = intent.model_copy(update={"cluster": intent.cluster.model_copy(update={"name": "another"})})
    with pytest.raises(RefusedError, match="is that of another cluster"):
        withdrawal(PLATFORMS["frr"], other, router, with_us, None)


def test_a_file_of_ours_is_empty_then() -> None:
    intent = cluster({"platform": "bird"})
    (router,) = intent.routers
    platform = PLATFORMS["bird"]
    rendered = render(platform.template, **context(intent, router, "", "tutorial"))
    assert withdrawal(platform, intent, router, rendered, "") == ""
    diff = "".join(f"-{line}\n" for line in rendered.splitlines())
    assert platform.may_go_down(without_nodes(intent), router, rendered, diff) == intent.addresses_of_peers(router)
