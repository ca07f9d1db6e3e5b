"""Whose a machine is, what ends on it, what is taken away: one small file a case; the scripts, run by a shell."""

import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from kubepeer.commandline import CommandLine, parse
from kubepeer.errors import UsageError
from kubepeer.intent import Intent
from tasks.control_plane import endpoint
from tasks.control_plane.kubeadm import NO_KUBECONFIG
from tasks.linux.observe import Answer, FileSeen, Seen
from tasks.linux.state import Execute
from tasks.removal.etcd_data import COPIES, EtcdData
from tasks.reset import files, machine, packages, safety, selection, teardown
from tasks.reset.safety import Belongs
from tests.architecture.test_handovers import STEPS

PEM = "-----BEGIN CERTIFICATE-----\n{}\n-----END CERTIFICATE-----\n"


@pytest.mark.cases("refusals")
def test_what_is_not_this_clusters_is_not_touched(case: dict[str, Any], intent_of: Callable[..., Intent]) -> None:
    intent = intent_of()
    names = [name for name in case.get("etcd", []) if not name.startswith(COPIES)]
    own = Belongs(
        tuple(case.get("servers", ())),
        case.get("etcd_unit", ""),
        EtcdData(tuple(names), case.get("cluster")),
        case.get("restoring", False),
    )
    node = intent.node(f"k8s-calico-{case['node']}")
    assert list(safety.reasons(intent, node, own, case.get("ours"))) == case["says"]


OURS, THEIRS = ("https://10.31.90.1:6443",), ("https://elsewhere:6443",)


@pytest.mark.parametrize(
    ("machines", "number"),
    [
        ([], None),
        ([(OURS, 7)], 7),
        ([(OURS, 7), (OURS, 8), (OURS, 8)], 8),
        ([(OURS, None), (OURS, 7)], 7),
        ([(OURS, 7), (THEIRS, 8), (THEIRS, 8)], 7),
        ([(OURS, 7), ((), 8), ((), 8)], 7),
    ],
)
def test_the_clusters_etcd_is_the_one_that_most_of_its_control_planes_have(
    intent_of: Callable[..., Intent], machines: list[tuple[tuple[str, ...], int | None]], number: int | None
) -> None:
    intent = intent_of()
    found = {
        node.name: Belongs(servers, etcd=EtcdData(("member",), cluster))
        for node, (servers, cluster) in zip(intent.control_planes, machines, strict=False)
    }
    assert safety.etcd_of(intent, found) == number


@pytest.mark.parametrize(
    ("cas", "api", "strangers"),
    [
        ({"a": "1", "b": "1", "c": ""}, "", []),
        ({"a": "1", "b": "2", "c": "1"}, "", ["b"]),
        ({"a": "1", "b": "2", "c": "2"}, "1", ["b", "c"]),
        ({"a": "", "b": ""}, "1", []),
    ],
)
def test_two_clusters_of_one_name_and_address_are_told_by_their_ca(
    cas: dict[str, str], api: str, strangers: list[str]
) -> None:
    assert list(safety.other_cas({name: Belongs(ca=ca) for name, ca in cas.items()}, api)) == strangers


def test_the_servers_of_a_machines_kubeconfigs_are_read(tmp_path: Path) -> None:
    (tmp_path / "kubelet.conf").write_text("clusters:\n- cluster:\n    server: https://10.31.90.0:8443\n  name: k\n")
    script = safety.SERVERS.replace("/etc/kubernetes", str(tmp_path))
    assert run(script).stdout == "https://10.31.90.0:8443\n"


def run(script: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["/bin/sh", "-s"], input=script, text=True, capture_output=True, check=False)


@pytest.mark.cases("teardowns")
def test_what_runs_on_a_machine_ends_in_this_order(case: dict[str, Any], intent_of: Callable[..., Intent]) -> None:
    intent = intent_of()
    answers = {name: Answer(0, case["seen"].get(name, "")) for name in teardown.questions(intent, "PEM")}
    ours = FileSeen("644", "root:root", f"# {endpoint.WRITTEN}\n")
    seen = Seen(answers, {path: ours if path in case.get("files", []) else None for path in endpoint.PATHS})
    node = intent.node(f"k8s-calico-{case['node']}")
    changes = list(teardown.plan(intent, node, seen))
    assert [change.what for change in changes] == case["changes"]
    addresses = Seen({"addresses": Answer(0, case["seen"].get("addresses", ""))}, {})
    assert [one.what for one in teardown.plan_addresses(intent, node, addresses)] == case.get("addresses", [])
    for change in changes:
        assert change.diff
        if change.what == "kubeadm reset":
            (step,) = change.steps
            assert isinstance(step, Execute)
            assert f"--kubeconfig {NO_KUBECONFIG}" in step.script
        if change.what == "containers":
            (step,) = change.steps
            assert isinstance(step, Execute)
            assert step.script.startswith(teardown.START) is (teardown.UNCOUNTED in case["seen"]["containers"])


def test_without_a_ca_no_kubeconfig_is_known(intent_of: Callable[..., Intent]) -> None:
    assert teardown.questions(intent_of(), "")["kubeconfigs"] == "true"


@pytest.mark.cases("packages")
def test_packages_go_where_they_are_asked_for(case: dict[str, Any]) -> None:
    asked = packages.questions(packages=case["packages"])
    seen = Seen({name: Answer(0, case["seen"].get(name, "")) for name in asked}, {})
    changes = list(packages.plan(seen, packages=case["packages"]))
    assert [change.what for change in changes] == case["changes"]
    gone = {change.what: (change.before or "").splitlines() for change in changes}
    assert gone.get("packages", []) == case.get("gone", [])


def scripts(intent: Intent) -> dict[str, str]:
    """All that a shell of a machine is told."""
    seen = Seen(
        {
            **{name: Answer(0, "x y\n") for name in packages.questions(packages=True)},
            "other users": Answer(0, ""),
            "archives": Answer(0, "containerd\nrunc\ncrictl\ncni_plugins\n"),
        },
        {},
    )
    found = {change.what: change for change in (*packages.plan(seen, packages=True), *packages.plan_folders(seen))}
    steps = {what: step.script for what, change in found.items() for step in change.steps if isinstance(step, Execute)}
    asked = {
        **packages.questions(packages=True),
        **files.questions(intent),
        **teardown.questions(intent, "PEM"),
        **safety.QUESTIONS,
    }
    return {**steps, **asked, "taken": teardown.START + teardown.TAKE_CONTAINERS, **machine.QUESTIONS}


def test_every_script_is_one_that_a_shell_can_read(intent_of: Callable[..., Intent]) -> None:
    for what, script in scripts(intent_of()).items():
        assert not [sign for sign in script if ord(sign) < ord(" ") and sign not in "\n\t"], what
        for shell in ("dash", "bash"):
            read = subprocess.run([shell, "-n"], input=script, text=True, capture_output=True, check=False)
            assert read.returncode == 0, f"{what}: {read.stderr}\n{script}"


def given(*words: str) -> CommandLine:
    return parse("reset", "", list(words), further=selection.for_reset)


def test_a_cluster_is_asked_for_by_its_name(intent_of: Callable[..., Intent]) -> None:
    line = given("--cluster", "k8s-calico", "--packages")
    assert selection.by_cluster(line, intent_of()) == line
    assert line.further == {"cluster": "k8s-calico", "packages": True, "dead": False}


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ([], "which cluster is to go? Nothing was contacted. Cure: --cluster NAME; the inventory has one: k8s-calico"),
        (["--cluster", "other"], "the inventory has no cluster other; it has k8s-calico. Nothing was contacted."),
        (["--cluster", "k8s-calico", "--group", "worker"], "--group and --host have no meaning here"),
        (["--cluster", "k8s-calico", "--host", "openwrt"], "a cluster goes as a whole. Nothing was contacted."),
    ],
)
def test_without_its_name_or_for_a_part_of_it_nothing_is_contacted(
    intent_of: Callable[..., Intent], words: list[str], says: str
) -> None:
    with pytest.raises(UsageError) as caught:
        selection.by_cluster(given(*words), intent_of())
    assert says in str(caught.value)
    assert "\n" not in str(caught.value)


def test_routers_come_before_workers_and_the_first_control_plane_is_the_last_that_ends() -> None:
    titles = [phase.title for step in STEPS["reset"] for phase in step]
    order = [
        "Preflight",
        "Router neighbours",
        "Verify routers",
        "Workers",
        "Other control planes",
        "First control plane",
    ]
    assert [title for title in titles if title in order] == order
    assert titles[-1] == "Verify machines"
