"""One cluster for all tests of this folder: bare machines, one first run, trials, and at the end nothing.

The order is fixed, since building a cluster takes minutes: what only looks comes before what changes, and `lab down` is last.
With KUBEPEER_STANDING=1 the cluster that stands is used, for work on a single test: nothing is reset, built or taken down.
"""

import os
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from lab import places, requirements
from lab.errors import LabError
from lab.places import Instance
from tests.conftest import unavailable
from tests.lab import host, tiers
from tests.lab.bare import Bare, all_listed
from tests.lab.devices import FOREIGN_PEER, Kubectl
from tests.lab.laboratory import CHECKOUT, ROUTERS, Laboratory, wait_for
from tests.lab.router import Session
from tests.lab.routers import DEVICES
from tests.lab.runbooks import SHIPPED, Answer, Project, Runbooks

ORDER = (
    "test_report_page", "test_prometheus_files",
    "test_lab_machines", "test_napalm_frr", "test_napalm_bird", "test_bare_machines", "test_rpm_machine", "test_bootstrap", "test_access",
    "test_first_run", "test_reboot", "test_versions", "test_traffic", "test_services", "test_second_run", "test_rpm_member", "test_drift",
    "test_certificates", "test_backup", "test_etcd", "test_rotation",
    "test_approved_plan", "test_two_runs", "test_announcements", "test_pytest_plugin", "test_drain", "test_calico",
    "test_broken_routes", "test_route_faults", "test_watch", "test_endpoint", "test_bad_input", "test_hostile_node",
    "test_power_cut", "test_kubeadm_settings", "test_owners_state", "test_safe_change", "test_joins", "test_remove_node", "test_replace",
    "test_adopted", "test_interrupted_runs", "test_upgrade",
    "test_phases_cut_off", "test_old_calico", "test_netbox", "test_far_peers", "test_two_racks", "test_dual_stack", "test_metallb",
    "test_built_by_hand", "test_reset", "test_lab_down",
)  # fmt: skip
STANDING = "KUBEPEER_STANDING"
SHIPPED_INSTANCE = "kubepeer-lab"
BUILD_SECONDS = 3600  # from an empty cache, on a slow machine
FIRST_RUN_SECONDS = 1200
FOREIGN_SECONDS = (
    300  # until a router's owner's session is up: its peer calls every 5 s, and waits up to 30 s after an error
)
HEALED_SECONDS = (
    300  # BIRD refuses a node for a minute after an error, and Calico's waits for the other router up to 240 s
)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what is of another part, and put the tests of this folder into their order; all others stay where they are."""
    here = Path(__file__).parent
    chosen = tiers.wanted(items, config.getoption("part"), tiers.commit(CHECKOUT))
    if left_out := [item for item in items if item not in chosen]:
        config.hook.pytest_deselected(items=left_out)
        items[:] = chosen
    places_of_ours = [number for number, item in enumerate(items) if item.path.parent == here]
    ours = [items[number] for number in places_of_ours]
    ours.sort(key=lambda item: ORDER.index(item.path.stem) if item.path.stem in ORDER else 0)
    for number, item in zip(places_of_ours, ours, strict=True):
        items[number] = item


MEASURED = pytest.StashKey[dict[str, float]]()
Measure = Callable[[str, float], None]


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Measured times are told and not judged: a busy machine is no fault."""
    measured = config.stash.get(MEASURED, {})
    if measured:
        terminalreporter.section("measured in the lab")
        for what, seconds in measured.items():
            terminalreporter.write_line(f"{seconds:7.1f} s  {what}")


@pytest.fixture(scope="session")
def measure(pytestconfig: pytest.Config) -> Measure:
    """Note a time for the end of the report."""
    measured = pytestconfig.stash.setdefault(MEASURED, {})

    def note(what: str, seconds: float) -> None:
        measured[what] = seconds

    return note


@dataclass
class HostBefore:
    """The host before the lab, and the instances beside ours that were seen at any time."""

    listing: host.Listing
    others: frozenset[str] = field(default_factory=frozenset)


def _instance() -> Instance:
    try:
        requirements.check()
        return places.instance()
    except LabError as error:
        unavailable(str(error))


@pytest.fixture(scope="session", autouse=True)
def host_before(request: pytest.FixtureRequest) -> HostBefore | None:
    """What stands on the host before any machine is started.

    None where no test wants the whole lab, where it cannot be, and where it stands already and shall stay.
    """
    wanted = any("lab" in getattr(item, "fixturenames", ()) for item in request.session.items)
    if not wanted or os.environ.get(STANDING):
        return None
    try:
        requirements.check()
    except LabError:
        return None
    instance = places.instance()
    if instance.runtime.exists():
        Laboratory(instance).must("down")
    return HostBefore(host.listing(), host.other_instances(instance.name))


@pytest.fixture(scope="session")
def lab(host_before: HostBefore | None, measure: Measure) -> Iterator[Laboratory]:
    """The instance with all machines up: bare ones, unless the standing ones are wanted."""
    laboratory = Laboratory(_instance())
    began = time.monotonic()
    if os.environ.get(STANDING):
        laboratory.must("status")
        yield laboratory
        return
    laboratory.must("reset", deadline=BUILD_SECONDS)
    measure(
        "lab reset: ten bare machines that answer ssh (from an empty cache: with the whole build)",
        time.monotonic() - began,
    )
    yield laboratory
    laboratory.must("down")


@pytest.fixture(scope="session")
def project(lab: Laboratory, tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A folder whose configuration may be edited."""
    return Project.of(tmp_path_factory.mktemp("project"), lab.instance)


@pytest.fixture(scope="session")
def runbooks(lab: Laboratory, tmp_path_factory: pytest.TempPathFactory) -> Runbooks:
    """The runbooks on the shipped config.yaml; for an instance of another name on a copy that names it."""
    if lab.name == SHIPPED_INSTANCE:
        return Runbooks(SHIPPED)
    return Project.of(tmp_path_factory.mktemp("runbooks"), lab.instance).edited()


@dataclass(frozen=True)
class OwnersState:
    """A router as its owner left it: its configuration as it runs and as it starts, and the session with the foreign neighbour."""

    running: str
    startup: str
    session: Session


def owners_state(lab: Laboratory, router: str) -> OwnersState:
    """The router's own part as it is now."""
    device = DEVICES[router]
    session = device.session(lab, router, FOREIGN_PEER)
    assert session is not None
    return OwnersState(device.running(lab, router), device.startup(lab, router), session)


def established(lab: Laboratory, router: str) -> bool:
    """Whether the foreign session is up."""
    session = DEVICES[router].session(lab, router, FOREIGN_PEER)
    return session is not None and session.established


@pytest.fixture(scope="session")
def owners_states(lab: Laboratory) -> dict[str, OwnersState]:
    """Both routers before anything of ours was there."""
    for router in ROUTERS:
        wait_for(
            f"{router}: the foreign session is up", lambda router=router: established(lab, router), FOREIGN_SECONDS
        )
    return {router: owners_state(lab, router) for router in ROUTERS}


@pytest.fixture(scope="session")
def bare_nodes(lab: Laboratory) -> dict[str, Bare]:
    """Every node before anything of ours was there."""
    return all_listed(lab)


@pytest.fixture(scope="session")
def first_run(
    runbooks: Runbooks, owners_states: dict[str, OwnersState], bare_nodes: dict[str, Bare], measure: Measure
) -> Answer:
    """The first run of deploy.py, from bare machines; in a standing cluster, another run."""
    assert owners_states
    assert bare_nodes
    answer = runbooks.deploy(deadline=FIRST_RUN_SECONDS)
    if not os.environ.get(STANDING):
        measure("first deploy.py: six bare nodes and two routers to a verified cluster", answer.seconds)
    return answer


@pytest.fixture(scope="session")
def cluster(lab: Laboratory, first_run: Answer, tmp_path_factory: pytest.TempPathFactory) -> Kubectl:
    """The cluster that the first run has built, through its API."""
    first_run.ended(0)
    return Kubectl.of(lab, tmp_path_factory.mktemp("kubectl"))


@pytest.fixture(scope="class")
def healthy(cluster: Kubectl, runbooks: Runbooks) -> Iterator[Kubectl]:
    """A cluster that must be well again after the trials of a class; a trial that breaks something stands on it, so that it mends first."""
    yield cluster
    runbooks.verify("--wait", str(HEALED_SECONDS), deadline=HEALED_SECONDS + 120).ended(0)


@pytest.fixture
def processes() -> Iterator[list[subprocess.Popen[bytes]]]:
    """Processes that are gone at the end, whatever became of the test."""
    started: list[subprocess.Popen[bytes]] = []
    yield started
    for process in started:
        process.kill()
        process.wait(60)
