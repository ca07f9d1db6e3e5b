"""What is said of nodes that announce others' blocks as well, where nothing is written into the cluster."""

from ipaddress import IPv4Address, IPv4Network

import pytest

from tasks.platforms.seen import Path, RouterSeen
from tasks.routes.case import REMARK, Case
from tasks.routes.checks import judge
from tasks.routes.expected import Announced, ExpectedRoute
from tasks.routes.intended import Intended

OWNER, OTHER, ROUTER = map(IPv4Address, ("10.31.90.1", "10.31.90.4", "10.31.254.253"))
BLOCK = IPv4Network("10.244.7.64/26")


@pytest.mark.parametrize(
    ("theirs", "copied", "end"),
    [
        pytest.param(True, True, "deploy.py writes that of the router", id="theirs, and the router has copies"),
        pytest.param(False, True, "deploy.py writes the filters", id="ours, and the router has copies"),
        pytest.param(True, False, "a BGPFilter is the cluster's owner's to write", id="theirs, and the router keeps them out"),
        pytest.param(False, False, "deploy.py writes the filter", id="ours, and the router keeps them out"),
    ],
)  # fmt: skip
def test_the_cure_is_one_that_would_be_done(*, theirs: bool, copied: bool, end: str) -> None:
    senders = (OWNER, OTHER) if copied else (OWNER,)
    paths = tuple(Path(hop=str(OWNER), peer=sender, chosen=True) for sender in senders)
    seen = RouterSeen(bgp={BLOCK: paths}, layers=frozenset({"bgp"}))
    announced = Announced(
        (ExpectedRoute(BLOCK, frozenset({OWNER}), "pod block of cp1"),),
        {OWNER: "cp1", OTHER: "blade-a"},
        unfiltered={ROUTER: ("uplink-east",)},
    )
    wanted = Intended(64512, frozenset({65010}), theirs=theirs)
    findings = judge(Case("edge", announced, seen, (BLOCK,), addresses=(ROUTER,), intended=wanted))
    (remark,) = (one for one in findings if one.check == REMARK)
    assert remark.ok
    assert remark.reason.endswith(end)
