"""Timers of a cluster that somebody else has built: judged once somebody has said them, and not by what Kubepeer would write."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from kubepeer.intent.load import load_intent
from kubepeer.settings import read_settings
from tasks.platforms.attributes import Terms
from tasks.platforms.platform import PLATFORMS
from tasks.platforms.seen import RouterSeen, Session
from tasks.routes.case import Case
from tasks.routes.expected import Announced
from tasks.routes.intended import intended
from tasks.routes.session_terms import TIMERS, SessionTerms
from tests.conftest import merged
from tests.unit.adopt.served import Adopt

NODE = {"metadata": {"name": "a", "annotations": {"projectcalico.org/IPv4Address": "10.5.0.11/24"}}}
API = {
    "/api/v1/nodes": [NODE],
    "/apis/crd.projectcalico.org/v1/bgppeers": [
        {"metadata": {"name": "edge"}, "spec": {"peerIP": "10.5.0.1", "asNumber": 64513}}
    ],
}


def said(folder: Path, more: dict[str, Any]) -> None:
    """A person completes what adopt.py has written."""
    path = folder / "groups.yaml"
    document = merged(
        yaml.safe_load(path.read_text(encoding="utf-8")), {"fabric": {"data": {"cluster": {"bgp": more}}}}
    )
    path.write_text(yaml.safe_dump(document), encoding="utf-8")


@pytest.mark.parametrize(
    ("more", "wrong"),
    [
        pytest.param({}, [], id="nobody has said any"),
        pytest.param({"connect_seconds": 5}, [], id="another one is said"),
        pytest.param({"hold_seconds": 180}, [TIMERS], id="the hold time is said, and is another"),
        pytest.param({"keepalive_seconds": 80, "hold_seconds": 240}, [], id="they are said, and are those"),
    ],
)
def test_bird_and_a_node_with_their_own_240_seconds(adopt: Adopt, more: dict[str, Any], wrong: list[str]) -> None:
    code, folder, _ = adopt({"arguments": ["--router", "edge=10.5.0.1:bird"], "api": API})
    assert code == 0
    said(folder, more)
    intent = load_intent(read_settings(folder / "config.yaml"), PLATFORMS)
    router = intent.router("edge")
    node = router.address + 10
    wanted = replace(intended(intent, router, Announced()), nodes={node: 64512})
    session = Session(node, "Established", terms=Terms(hold_seconds=240, keepalive_seconds=80))
    case = Case("edge", Announced(), RouterSeen({node: session}), (), {node: ""}, intended=wanted)
    assert [one.check for one in SessionTerms().findings(case) if not one.ok] == wrong
