"""What a node needs before kubeadm: seen, wanted, and the changes between them."""

import subprocess
from typing import Any

import pytest

from tasks.linux import observe
from tasks.linux.state import Execute, Write
from tasks.nodes import plan, systems
from tasks.nodes.hosts import TEMPLATE
from tasks.nodes.managers.choice import manager_of
from tasks.nodes.repository import Repository
from tasks.nodes.sysctls import LAST_FILE, SYSCTL_CONF

NODE = "k8s-calico-worker-10-31-90-4"
KEY = "-----BEGIN PGP PUBLIC KEY BLOCK-----\nkey\n-----END PGP PUBLIC KEY BLOCK-----\n"
OF_RPM = (
    "/etc/chrony.conf",
    "/etc/selinux/config",
    "/etc/yum.repos.d/kubepeer.repo",
    "/etc/dnf/plugins/versionlock.list",
    "/etc/yum/pluginconf.d/versionlock.list",
    "/etc/sysconfig/kubelet",
    "/etc/pki/rpm-gpg/RPM-GPG-KEY-kubepeer-kubernetes",
    "/etc/pki/rpm-gpg/RPM-GPG-KEY-kubepeer-docker",
    "/etc/pki/rpm-gpg/RPM-GPG-KEY-kubepeer-rocky",
)
KEYRINGS = {"/etc/apt/keyrings/kubernetes.asc": KEY}
HAVE = {name: ["1.26.0-2.1", "1.26.0-1.1"] for name in ("kubelet", "kubeadm", "kubectl")} | {
    "cri-tools": ["1.26.0-1.1"]
}


def repository(versions: dict[str, list[str]]) -> Repository:
    return Repository({package: tuple(found) for package, found in versions.items()})


def shown(change: Any, keys: Any) -> dict[str, Any]:
    """Of a change what a case speaks of: its texts, the scripts that it runs, how it writes its file."""
    written = [step for step in change.steps if isinstance(step, Write)]
    everything = {
        "what": change.what,
        "before": change.before,
        "after": change.after,
        "runs": [step.script for step in change.steps if isinstance(step, Execute)],
        "writes": {"mode": written[0].mode, "owner": written[0].owner} if written else None,
    }
    return {key: everything[key] for key in keys}


@pytest.mark.cases("plans")
def test_the_plan_is_these_changes_in_this_order(case: dict[str, Any], intent_of: Any, seen_of: Any) -> None:
    intent = intent_of(**case.get("edit", {}))
    seen = seen_of(case["machine"], case.get("answers"), case.get("files"))
    have = repository(case.get("repository", HAVE))
    keyrings = dict.fromkeys(manager_of(systems.read(seen["system"])).keyrings(intent), KEY)
    changes = plan.plan(intent, intent.node(NODE), seen, keyrings, have)
    changes = tuple(change for change in changes if change.what == case.get("only", change.what))
    assert [change.what for change in changes] == [wanted["what"] for wanted in case["changes"]]
    for change, wanted in zip(changes, case["changes"], strict=True):
        assert shown(change, wanted) == wanted
        assert change.steps


def test_the_files_of_a_bare_node_become_those_of_a_prepared_one(intent_of: Any, seen_of: Any) -> None:
    bare, prepared = seen_of("bare"), seen_of("prepared")
    changes = plan.plan(intent_of(), intent_of().node(NODE), bare, KEYRINGS, repository(HAVE))
    written = {step.path: step.content for change in changes for step in change.steps if isinstance(step, Write)}
    assert written == {path: file.content for path, file in prepared.files.items() if file}


@pytest.mark.parametrize("defaults", ["seed", "lab"])
def test_every_file_that_the_plan_looks_at_is_asked_for(intent_of: Any, seen_of: Any, defaults: str) -> None:
    intent = intent_of(defaults)
    files = dict.fromkeys(plan.paths(intent))
    seen = observe.Seen(seen_of("bare").answers, files)
    keyrings = dict.fromkeys(intent.packages.keyrings, KEY)
    changes = plan.plan(intent, intent.node(NODE), seen, keyrings, repository(HAVE))
    written = {step.path for change in changes for step in change.steps if isinstance(step, Write)}
    assert written == set(files) - {"/etc/fstab", TEMPLATE, SYSCTL_CONF, LAST_FILE, *OF_RPM}  # who has none needs none


@pytest.mark.parametrize("defaults", ["seed", "lab"])
def test_the_questions_are_those_that_the_plan_has_answers_to(intent_of: Any, seen_of: Any, defaults: str) -> None:
    intent = intent_of(defaults)
    questions = plan.questions(intent)
    assert set(questions) == set(seen_of("bare").answers)
    script = observe.script(questions, plan.paths(intent), "@@mark")
    checked = subprocess.run(["/bin/sh", "-n"], input=script, text=True, capture_output=True, check=False)
    assert (checked.returncode, checked.stderr) == (0, "")


@pytest.mark.parametrize(("defaults", "only"), [("seed", False), ("lab", True)])
def test_the_machines_own_repositories_are_left_out_where_the_inventory_says_so(
    intent_of: Any, seen_of: Any, defaults: str, *, only: bool
) -> None:
    intent = intent_of(defaults)
    seen = observe.Seen(seen_of("bare").answers, dict.fromkeys(plan.paths(intent)))
    version = f"{intent.software.kubernetes}-1.1"
    have = repository({name: [version] for name in HAVE})
    (packages,) = [c for c in plan.plan(intent, intent.node(NODE), seen, {}, have) if c.what == "packages"]
    (step,) = packages.steps
    assert isinstance(step, Execute)
    assert ("Dir::Etc::SourceList=/etc/apt/sources.list.d/kubepeer.list" in step.script) is only
    assert ("Dir::Etc::SourceParts=-" in step.script) is only
    assert f"kubelet={version}" in step.script
    checked = subprocess.run(["/bin/sh", "-n"], input=step.script, text=True, capture_output=True, check=False)
    assert (checked.returncode, checked.stderr) == (0, "")
