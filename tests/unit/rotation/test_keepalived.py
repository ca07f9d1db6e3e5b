"""What is written of VRRP's new password, who is told to reload, and what else may not differ."""

import subprocess
from typing import Any

import pytest

from kubepeer.intent import Intent
from tasks.control_plane.endpoint import KEEPALIVED_FILE, KEEPALIVED_POD, PATHS, plan_endpoint
from tasks.linux.observe import Answer, FileSeen, Seen
from tasks.linux.state import Write
from tasks.rotation import keepalived

NAME = "k8s-calico-master-10-31-90-1"
NOBODY = {"restarts": Answer(0, "")}


def standing(intent: Intent, password: str | None) -> Seen:
    """A control plane as deploy.py has set it up with this password."""
    node, bare = intent.node(NAME), Seen(NOBODY, dict.fromkeys(PATHS))
    files: dict[str, FileSeen | None] = dict.fromkeys(PATHS)
    for change in plan_endpoint(intent, node, bare, password):
        (write,) = [step for step in change.steps if isinstance(step, Write)]
        files[write.path] = FileSeen(write.mode, write.owner, write.content)
    return Seen(NOBODY, files)


@pytest.mark.parametrize("old", ["old", None])
def test_the_file_alone_is_written_and_hidden(old: str | None, intent_of: Any) -> None:
    intent = intent_of()
    changes = plan_endpoint(intent, intent.node(NAME), standing(intent, old), "new")
    assert {one.what for one in changes} == {KEEPALIVED_FILE, KEEPALIVED_POD}
    assert keepalived.runs_with_another(changes)
    (change,) = keepalived.written(changes)
    (step,) = change.steps
    assert isinstance(step, Write)
    assert (step.mode, "auth_pass new" in step.content, step.restart_marker) == ("600", True, "")
    assert change.diff == f"~ {KEEPALIVED_FILE} (secret: not shown)"


def test_written_and_not_yet_started_anew_it_may_run_with_another(intent_of: Any) -> None:
    intent = intent_of()
    seen, new = standing(intent, "old"), standing(intent, "new")
    half = Seen(NOBODY, {**seen.files, KEEPALIVED_FILE: new.files[KEEPALIVED_FILE]})
    changes = plan_endpoint(intent, intent.node(NAME), half, "new")
    assert [one.what for one in changes] == [KEEPALIVED_POD]
    assert keepalived.runs_with_another(changes)
    assert keepalived.written(changes) == ()
    assert not keepalived.runs_with_another(plan_endpoint(intent, intent.node(NAME), new, "new"))


def test_what_differs_beside_the_password_is_told(intent_of: Any) -> None:
    intent, unicast = intent_of(), intent_of(groups={"fabric": {"data": {"cluster": {"endpoint": {"unicast": True}}}}})
    node, seen = intent.node(NAME), standing(intent, "old")
    assert keepalived.differs_otherwise(intent, node, seen, "old") == []
    assert keepalived.differs_otherwise(unicast, unicast.node(NAME), seen, "old") == [KEEPALIVED_FILE]


@pytest.fixture
def process() -> Any:
    """A process with the words of a keepalived."""
    with subprocess.Popen(["keepalived-of-the-test", "300"], executable="/bin/sleep") as started:
        yield started
        started.kill()


def test_the_parent_alone_is_told_to_reload(process: Any) -> None:
    script = keepalived.RELOAD.replace(keepalived.PROCESS, "keepalived-of-the-test 300")
    assert subprocess.run(["sh", "-c", script], check=True, timeout=60, capture_output=True).stdout == b""
    assert process.wait(10) == -1, "SIGHUP"


def test_whose_words_are_others_is_left_alone(process: Any) -> None:
    for words in ("keepalived-of-the-test 3", "keepalived-of-the-test"):
        script = keepalived.RELOAD.replace(keepalived.PROCESS, words)
        subprocess.run(["sh", "-c", script], check=True, timeout=60)
    assert process.poll() is None
