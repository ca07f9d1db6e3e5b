"""What a node needs before kubeadm: seen, wanted, and the changes between them."""

import subprocess
from pathlib import Path
from typing import Any

import pytest

from tasks.linux import observe
from tasks.linux.state import Execute, Write
from tasks.nodes import plan

NODE = "k8s-calico-worker-10-31-90-4"
KEY = "-----BEGIN PGP PUBLIC KEY BLOCK-----\nkey\n-----END PGP PUBLIC KEY BLOCK-----\n"
KEYRINGS = {"/etc/apt/keyrings/kubernetes.asc": KEY}


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
    changes = plan.plan(intent, intent.node(NODE), seen, KEYRINGS)
    assert [change.what for change in changes] == [wanted["what"] for wanted in case["changes"]]
    for change, wanted in zip(changes, case["changes"], strict=True):
        assert shown(change, wanted) == wanted
        assert change.steps


def test_the_files_of_a_bare_node_become_those_of_a_prepared_one(intent_of: Any, seen_of: Any) -> None:
    bare, prepared = seen_of("bare"), seen_of("prepared")
    changes = plan.plan(intent_of(), intent_of().node(NODE), bare, KEYRINGS)
    written = {step.path: step.content for change in changes for step in change.steps if isinstance(step, Write)}
    assert written == {path: file.content for path, file in prepared.files.items()}


@pytest.mark.parametrize("defaults", ["seed", "lab"])
def test_every_file_that_the_plan_looks_at_is_asked_for(intent_of: Any, seen_of: Any, defaults: str) -> None:
    intent = intent_of(defaults)
    files = dict.fromkeys(plan.paths(intent))
    seen = observe.Seen(seen_of("bare").answers, files)
    keyrings = dict.fromkeys(intent.packages.keyrings, KEY)
    changes = plan.plan(intent, intent.node(NODE), seen, keyrings)
    written = {step.path for change in changes for step in change.steps if isinstance(step, Write)}
    assert written == set(files) - {"/etc/fstab"}  # who has none needs none


@pytest.mark.parametrize("defaults", ["seed", "lab"])
def test_the_questions_are_those_that_the_plan_has_answers_to(intent_of: Any, seen_of: Any, defaults: str) -> None:
    intent = intent_of(defaults)
    questions = plan.questions(intent)
    assert set(questions) == set(seen_of("bare").answers)
    script = observe.script(questions, plan.paths(intent))
    checked = subprocess.run(["/bin/sh", "-n"], input=script, text=True, capture_output=True, check=False)
    assert (checked.returncode, checked.stderr) == (0, "")


@pytest.mark.parametrize(("defaults", "only"), [("seed", False), ("lab", True)])
def test_the_machines_own_repositories_are_left_out_where_the_inventory_says_so(
    intent_of: Any, seen_of: Any, defaults: str, *, only: bool
) -> None:
    intent = intent_of(defaults)
    seen = observe.Seen(seen_of("bare").answers, dict.fromkeys(plan.paths(intent)))
    (packages,) = [c for c in plan.plan(intent, intent.node(NODE), seen, {}) if c.what == "packages"]
    (step,) = packages.steps
    assert isinstance(step, Execute)
    assert ("Dir::Etc::SourceList=/etc/apt/sources.list.d/kubepeer.list" in step.script) is only
    assert ("Dir::Etc::SourceParts=-" in step.script) is only
    assert f"kubelet={intent.packages.kubernetes_version}" in step.script
    checked = subprocess.run(["/bin/sh", "-n"], input=step.script, text=True, capture_output=True, check=False)
    assert (checked.returncode, checked.stderr) == (0, "")


@pytest.mark.parametrize(
    ("dpkg", "apt", "code", "said"),
    [
        ("", "", 0, ""),
        ('echo "dpkg: error: dpkg frontend lock was locked by another process with pid 7"; echo "Note: no"; exit 2', "", 100,
         "dpkg: error: dpkg frontend lock was locked by another process with pid 7\n"),
        ("busy", "", 0, ""),
        ("", 'echo "Err:1 http://mirror bookworm InRelease"; echo "E: Failed to fetch"; exit 100', 100,
         "Err:1 http://mirror bookworm InRelease\n"),
        ("", "echo something else; exit 7", 100, "something else\n"),
    ],
    ids=["all_is_well", "a_lock_that_is_never_released", "a_lock_that_is_held_for_a_moment", "no_mirror", "another_fault"],
)  # fmt: skip
def test_packages_wait_for_a_lock_and_for_nothing_else(
    intent_of: Any, seen_of: Any, tmp_path: Path, dpkg: str, apt: str, code: int, said: str
) -> None:
    (packages,) = [
        c for c in plan.plan(intent_of(), intent_of().node(NODE), seen_of("bare"), {}) if c.what == "packages"
    ]
    (step,) = packages.steps
    assert isinstance(step, Execute)
    busy = 'echo "dpkg: error: dpkg frontend lock was locked by"; [ -e was ] || { touch was; exit 2; }'
    for name, text in {"dpkg": busy if dpkg == "busy" else dpkg, "apt-get": apt, "sleep": "", "flock": ""}.items():
        (tmp_path / name).write_text(f"#!/bin/sh\n{text}\n")
        (tmp_path / name).chmod(0o755)
    script = step.script.replace("/run/", f"{tmp_path}/")
    ended = subprocess.run(
        ["/bin/sh", "-s"], input=script, text=True, capture_output=True, cwd=tmp_path,
        env={"PATH": f"{tmp_path}:/usr/bin:/bin"}, check=False,
    )  # fmt: skip
    assert (ended.returncode, ended.stderr) == (code, said)
