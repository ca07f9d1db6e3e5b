"""The task: it asks again until all is well or time is up, and what it asks moves with the cluster."""

from pathlib import Path
from types import SimpleNamespace

import pytest
import yaml

from kubepeer.errors import CommandError, RefusedError
from kubepeer.intent.peering import Peering
from kubepeer.run import WAITING, Options, Run
from tasks.cluster.access import API
from tasks.linux.observe import Answer
from tasks.linux.shell import Completed
from tasks.routes import announcing, expected, metallb, reading, recovery, tasks
from tasks.routes.causes import asking
from tests.unit.answering import answered
from tests.unit.platforms.recordings import BLOCKS, NODES, answers
from tests.unit.routes.intents import intent

ANSWERS = Path(__file__).parent.parent / "platforms/eos/answers"


class Router:
    """A shell that gives recorded answers: the first, then the next, the last one for ever."""

    def __init__(self, *recordings):
        self.recordings = list(recordings)
        self.asked = 0

    def run(self, script, **_):
        self.asked += 1
        name = self.recordings.pop(0) if len(self.recordings) > 1 else self.recordings[0]
        second = "brought" in script  # asked where the first answers say that there is more
        given = {question: said for question, said in answers(name).items() if question.startswith("brought") == second}
        if "hash policy" in script:  # the recordings are older than the question
            given["hash policy"] = Answer(0, "1")
        if not second:
            given["lookups"] = Answer(
                0, ""
            )  # they are of fewer addresses than are asked for: as of an ip without fibmatch
        assert all(question in script for question in given)
        return Completed(0, answered(script, given), b"")


class Cluster:
    """The API of the tutorial's cluster."""

    def get(self, path, query=None):  # noqa: ARG002  the real one has it
        kind = path.rpartition("/")[2]
        if kind == "nodes":
            return {"items": [self.node(address) for address in NODES]}
        if kind == "blockaffinities":
            return {"items": [self.block(octet, node) for octet, node in BLOCKS.items()]}
        if path.endswith("bgpconfigurations/default"):
            return {
                "spec": {
                    "serviceClusterIPs": [{"cidr": "10.33.128.0/18"}],
                    "serviceExternalIPs": [{"cidr": "10.33.192.0/18"}],
                }
            }
        return {"items": []}

    def node(self, address):
        return {
            "metadata": {"name": f"node-{address}"},
            "status": {"addresses": [{"type": "InternalIP", "address": str(address)}]},
        }

    def block(self, octet, node):
        return {
            "spec": {
                "cidr": f"10.33.{octet}.0/24",
                "node": f"node-{NODES[node - 1]}",
                "state": "confirmed",
                "deleted": "false",
            }
        }


def nobody(*_):
    raise CommandError("nobody is asked further")


@pytest.fixture
def verify(monkeypatch):
    """Verify router r1 with these answers; gives the result and how often the router was asked."""

    def start(*recordings, chosen=(), platform="frr", others=(), failed=(), peering=None, **options):
        router = Router(*recordings)
        monkeypatch.setattr(reading, "open_shell", lambda *_: router)
        monkeypatch.setattr(announcing, "open_api", lambda _: Cluster())
        monkeypatch.setattr(asking, "open_shell", nobody)  # what both ends say further is test_causes' subject
        monkeypatch.setattr(asking, "open_api", lambda _: Cluster())
        for module in (tasks, announcing):
            monkeypatch.setattr(module, "INTERVAL_SECONDS", 0.01)
        addresses = {f"n{number}": str(address) for number, address in enumerate(NODES, 1)}
        nornir = SimpleNamespace(data=SimpleNamespace(failed_hosts=set(failed)), inventory=SimpleNamespace(hosts={}))
        run = Run(
            intent(platform, others, peering=peering, **addresses),
            None,
            Options(),
            nornir,
            frozenset(chosen),
            filtered=bool(chosen),
        )
        task = SimpleNamespace(host=SimpleNamespace(name="r1"))
        return tasks.verify(task, run, **options), router.asked

    return start


def test_a_healthy_router_passes_in_one_round_trip(verify):
    result, asked = verify("healthy")
    assert not result.failed
    assert result.result == "6 of 6 sessions, 8 prefixes right"
    assert len(result.findings) == 31
    assert asked == 1


def test_a_bird_router_passes_in_one_round_trip_too(verify):
    result, asked = verify("bird/healthy", platform="bird")
    assert not result.failed
    assert result.result == "6 of 6 sessions, 8 prefixes right"
    assert asked == 1


@pytest.mark.parametrize("platform", ["frr", "bird"])
def test_what_a_node_brings_outside_of_the_networks_is_asked_for_by_name_where_its_count_says_so(verify, platform):
    result, asked = verify(f"{'bird/' if platform == 'bird' else ''}filter-opened-by-hand", platform=platform)
    assert asked == 2
    (leak,) = (finding for finding in result.findings if finding.check == "leak")
    assert leak.subject == "10.31.90.4"
    assert leak.unexpected == ("0.0.0.0/0", "10.31.0.0/16", "172.17.0.0/16", "192.168.7.0/24")
    assert result.result.endswith(", leak wrong, as path wrong")


def test_communities_that_the_router_should_add_are_asked_for_and_missed(verify):
    result, asked = verify("with-communities", peering=Peering(communities=("64512:7",)))
    assert asked == 1
    wrong = [finding for finding in result.findings if not finding.ok]
    assert {finding.check for finding in wrong} == {"community"}
    assert {finding.subject for finding in wrong} == {str(node) for node in NODES}


def test_a_platform_that_nobody_reads_is_refused_at_once_and_in_words(verify, monkeypatch):
    monkeypatch.setattr(tasks.time, "sleep", pytest.fail)
    monkeypatch.setattr(reading.PLATFORMS["eos"], "reader", None)
    with pytest.raises(RefusedError, match="platform eos cannot be read yet") as caught:
        verify("healthy", platform="eos", wait_seconds=30)
    assert caught.value.host == "r1"
    assert caught.value.cure.startswith("leave it out: --group bird --group frr --group ios")


def test_nodes_behind_a_hop_are_not_judged_by_a_drivers_answers(verify, monkeypatch):
    """Its tables show the gateways, and nobody has said by which the router resolves a node."""
    peering = Peering(multihop=2)
    monkeypatch.setattr(tasks.time, "sleep", pytest.fail)
    with pytest.raises(RefusedError, match=r"nodes behind a hop .* cannot be verified yet on platform eos"):
        verify("healthy", platform="eos", peering=peering)


@pytest.mark.parametrize(
    ("chosen", "says"),
    [((), "not verified: r1 (eos), r2 (eos)"), (("r1", "r2"), "configured, not verified: r1 (eos), r2 (eos)")],
)
def test_at_the_end_of_a_deployment_one_line_says_what_nobody_reads(monkeypatch, chosen, says):
    monkeypatch.setattr(reading, "open_shell", lambda *_: pytest.fail("nobody is asked"))
    monkeypatch.setattr(reading.PLATFORMS["eos"], "reader", None)
    run = Run(intent("eos", ["r2"]), None, Options(), SimpleNamespace(), frozenset(chosen))
    run.keep(API, Cluster())
    for name in ("r1", "r2"):
        task = SimpleNamespace(host=SimpleNamespace(name=name))
        result = tasks.verify_when_settled(task, run)
        assert (result.failed, result.result) == (False, "not verified")
    (line,) = run.warnings
    assert line.startswith(f"{says}: their routes cannot be read yet, of bird and frr and ios")


def test_a_router_that_is_read_is_verified_beside_one_that_is_not(verify, monkeypatch):
    """The warning is of the other's task."""
    asked = []
    monkeypatch.setattr(tasks, "verify", lambda task, *_, **__: asked.append(task.host.name))
    run = Run(intent("frr", ["r2"]), None, Options(), SimpleNamespace(), frozenset())
    run.keep(API, Cluster())
    tasks.verify_when_settled(SimpleNamespace(host=SimpleNamespace(name="r1")), run)
    assert (asked, run.warnings) == (["r1"], [])


def test_a_lost_session_fails_at_once_without_waiting(verify):
    result, asked = verify("peer-disabled", "healthy")
    assert result.failed
    assert result.result == "5 of 6 sessions, 3 of 8 prefixes wrong"
    assert asked == 1


def test_it_asks_again_until_all_is_well(verify):
    result, asked = verify("killed", "peer-disabled", "healthy", wait_seconds=30)
    assert not result.failed
    assert asked == 3


def test_it_gives_up_at_the_deadline_with_what_it_saw_last(verify):
    result, asked = verify("killed", "peer-disabled", wait_seconds=0.1)
    assert result.failed
    assert asked > 1
    assert "Cease/Administrative Shutdown" in next(finding.reason for finding in result.findings if not finding.ok)


def test_a_daemon_that_is_not_there_yet_is_waited_for(verify):
    result, asked = verify("bgpd-not-running", "healthy", wait_seconds=30)
    assert not result.failed
    assert asked == 2


def test_a_daemon_that_is_not_there_is_an_error_with_the_routers_name(verify):
    with pytest.raises(CommandError, match="bgpd is not running") as caught:
        verify("bgpd-not-running")
    assert caught.value.host == "r1"


def test_only_chosen_nodes_are_judged(verify):
    result, _ = verify("peer-disabled", chosen={"n5"})
    assert not result.failed
    assert {finding.subject for finding in result.findings if finding.check == "session"} == {"10.31.90.5"}
    result, _ = verify("peer-disabled", chosen={"n6"})
    assert result.failed


def test_all_next_hops_are_judged_when_a_router_was_chosen(verify):
    result, _ = verify("peer-disabled", chosen={"r1"})
    assert result.failed


@pytest.mark.parametrize(("chosen", "asked"), [({"r1"}, ["r1"]), ({"n1"}, ["r1"]), ({"r1", "n1"}, ["r1"])])
def test_all_routers_are_asked_when_only_nodes_were_chosen(chosen, asked):
    run = Run(intent(n1="10.31.90.1"), None, Options(), None, frozenset(chosen), filtered=True)
    assert list(tasks.routers_to_ask(run)) == asked


def test_a_node_that_waits_for_a_router_that_failed_is_waited_for_beyond_the_deadline_and_told(verify):
    told = []
    before = WAITING.set(told.append)
    try:
        result, asked = verify(
            "bird-recovers", "bird-recovers", "healthy", wait_seconds=0, recovery=True, others=("r2",), failed=("r2",)
        )
    finally:
        WAITING.reset(before)
    assert not result.failed
    assert asked == 3
    said = "n6 waits for the session with r2 (BIRD recovers from a restart, RFC 4724): up to 226 s more"
    assert told == [said, said]
    assert [finding.reason for finding in result.findings if finding.check == "remark"] == [said]
    assert result.result == "6 of 6 sessions, 8 prefixes right"


def test_when_its_time_is_over_and_it_is_silent_it_is_judged(verify, monkeypatch):
    monkeypatch.setattr(recovery, "RECOVERY_SECONDS", 10)
    result, asked = verify("bird-recovers", wait_seconds=0, recovery=True, others=("r2",), failed=("r2",))
    assert result.failed
    assert asked == 1
    assert result.result == "6 of 6 sessions, 3 of 8 prefixes wrong"


def test_a_session_that_comes_and_goes_is_not_waited_for_without_end(verify, monkeypatch):
    """Each time that it is up anew, its node could wait for the other router as long as ever."""
    monkeypatch.setattr(tasks, "RECOVERY_SECONDS", 2.0)
    monkeypatch.setattr(tasks, "EXCHANGE_SECONDS", 0.1)
    result, asked = verify("bird-recovers", wait_seconds=0, recovery=True, others=("r2",), failed=("r2",))
    assert result.failed
    assert asked > 1
    assert "n6 waits for the session with r2 " in next(finding.reason for finding in result.findings if not finding.ok)


def test_a_verification_with_a_deadline_of_its_own_keeps_it_and_names_the_reason(verify):
    result, asked = verify("bird-recovers", others=("r2",), failed=("r2",))
    assert result.failed
    assert asked == 1
    assert "n6 waits for the session with r2 " in next(finding.reason for finding in result.findings if not finding.ok)


def test_copies_of_other_nodes_blocks_are_a_remark_and_no_fault(verify):
    result, _ = verify("every-node-announces-every-block")
    assert not result.failed
    assert result.result == "6 of 6 sessions, 8 prefixes right"
    (remark,) = [finding for finding in result.findings if finding.check == "remark"]
    assert remark.ok
    assert remark.reason.startswith("10.31.90.1-6 announce other nodes' routes as well")


def test_a_block_that_others_alone_announce_is_wrong(verify):
    result, _ = verify("announced-by-others-alone")
    assert result.failed
    wrong = [finding for finding in result.findings if finding.subject == "10.33.93.0/24"]
    assert [finding.ok for finding in wrong] == [False] * 3
    assert all("announced only by others (10.31.90.1-5)" in finding.reason for finding in wrong)


def of_vrf(platform):
    router = intent(platform).routers[0]
    return router.model_copy(update={"peering": router.peering.model_copy(update={"vrf": "RED"})})


def test_a_router_is_read_in_the_vrf_of_its_sessions():
    reader = reading.reader_of(of_vrf("frr"))
    assert reader.vrf == "RED"
    assert reading.reader_of(intent("frr").routers[0]).vrf is None


def test_a_platform_whose_vrfs_nobody_reads_yet_is_refused_in_words(monkeypatch):
    class Other:
        """A reader of the default tables alone."""

    monkeypatch.setattr(reading, "PLATFORMS", {"frr": SimpleNamespace(reader=Other())})
    with pytest.raises(RefusedError, match="VRF cannot be read yet on platform frr"):
        reading.reader_of(of_vrf("frr"))


class Leaf:
    """A driver's device that gives the answers of a case."""

    def __init__(self, case):
        self.answers = case["answers"]
        self.asked = 0

    def get_bgp_neighbors(self):
        return self.answers["sessions"]

    def cli(self, commands, encoding):
        assert encoding == "json"
        self.asked += 1
        kind, key = ("bgp", "bgpRouteEntries") if " bgp " in commands[0] else ("rib", "routes")
        said = [answer["vrfs"]["default"][key] for name, answer in self.answers.items() if name.startswith(f"{kind} ")]
        return {
            commands[0]: {"vrfs": {"default": {key: {prefix: one for some in said for prefix, one in some.items()}}}}
        }


@pytest.mark.parametrize(
    ("transport", "password"), [("ssh", None), ("https", "secret"), (None, "secret"), ("https", None)]
)
def test_a_router_with_a_driver_is_read_by_it_when_the_way_is_clear(monkeypatch, transport, password):
    case = yaml.safe_load((ANSWERS / "healthy.yaml").read_text(encoding="utf-8"))
    device = Leaf(case)
    options = SimpleNamespace(extras={"optional_args": {"transport": transport}})
    host = SimpleNamespace(get_connection_parameters=lambda _: options, password=password)
    nornir = SimpleNamespace(data=SimpleNamespace(failed_hosts=set()), inventory=SimpleNamespace(hosts={"r1": host}))
    monkeypatch.setattr(reading, "connection", lambda *_: device)
    monkeypatch.setattr(reading, "open_shell", lambda *_: pytest.fail("its shell is none"))
    monkeypatch.setattr(announcing, "open_api", lambda _: Cluster())
    run = Run(intent("eos", n1="10.31.90.1"), None, Options(), nornir, frozenset(), filtered=False)
    router = run.intent.routers[0]

    def findings_now():
        return tasks.findings_of(run, "r1", reading.reader_of(router), announcing.what_is_announced(run, router))

    if transport is None or (transport == "https" and not password):
        with pytest.raises(RefusedError, match="Nothing was contacted"):
            findings_now()
        assert device.asked == 0
        return
    findings = findings_now()
    right = {finding.subject for finding in findings if finding.ok and finding.layer == "kernel"}
    assert "10.33.5.0/24" in right
    assert {finding.subject for finding in findings if finding.check == "session" and finding.ok} == {
        "10.31.90.1",
        "10.31.90.2",
        "10.31.90.3",
    }
    assert device.asked == 2, "neighbouring networks are one question"


@pytest.mark.parametrize("speaks", [False, True])
def test_what_is_announced_is_read_once_for_all_routers_and_anew_each_time(monkeypatch, speaks):
    read = []

    def objects(_):
        read.append(speaks)
        return metallb.MetalLBObjects() if speaks else expected.ClusterObjects()

    monkeypatch.setattr(announcing, "open_api", lambda _: Cluster())
    monkeypatch.setattr(
        announcing, "read_objects", lambda api: objects(api) if not speaks else pytest.fail("not asked")
    )
    monkeypatch.setattr(announcing.metallb_cluster, "read_objects", objects)
    found = intent("frr", ["r2"], n1="10.31.90.1")
    found = found.model_copy(update={"load_balancer": SimpleNamespace(speaks=speaks)})
    run = Run(found, None, Options(), SimpleNamespace(), frozenset())
    for times in (1, 2):
        assert list(announcing.announced_now(run, ["r1", "r2"])) == ["r1", "r2"]
        assert len(read) == times
