"""What a run reads and fetches for its nodes: once, and hidden from then on."""

from typing import Any

import pytest

from kubepeer.errors import InventoryError
from kubepeer.run import Run
from tasks.linux.observe import Seen
from tasks.linux.state import Write
from tasks.nodes import registries, tasks
from tasks.nodes.systems import System

NODE = "k8s-calico-worker-10-31-90-4"
DEBIAN = System("debian", version="12")
DATA = {
    "registries": {
        "docker.io": "http://10.31.0.2:5000",
        "registry.k8s.io": {
            "url": "https://mirror.example.net/v2/k8s",
            "override_path": True,
            "ca": "ca.pem",
            "login": {"username": "puller", "password": {"env": "KUBEPEER_TEST_MIRROR"}},
        },
    },
    "proxy": {"https": "http://proxy:3128", "login": {"username": "nodes", "password": {"env": "KUBEPEER_TEST_PROXY"}}},
}


@pytest.fixture
def run(run_of: Any, intent_of: Any, monkeypatch: pytest.MonkeyPatch) -> Run:
    monkeypatch.setenv("KUBEPEER_TEST_MIRROR", "tutorial")
    monkeypatch.setenv("KUBEPEER_TEST_PROXY", "p@ss")
    monkeypatch.setattr(tasks, "fetch", lambda address, _folder: f"text of {address}\n")
    made: Run = run_of(NODE, intent=intent_of(defaults_file={"data": DATA}))
    return made


def test_everything_is_read_and_every_form_of_a_secret_is_hidden(run: Run) -> None:
    given = tasks.given_for(run, DEBIAN)
    assert given.certificates == {"registry.k8s.io": "text of ca.pem\n"}
    assert given.passwords == {"registry.k8s.io": "tutorial"}
    assert given.proxy_password == "p@ss"
    shown = f"tutorial p@ss p%40ss {registries.basic('puller', 'tutorial')}"
    assert run.redactor.hide(shown) == " ".join(["********"] * 4)
    assert "tutorial" not in repr(given)


def test_a_password_that_is_not_there_is_one_line(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("KUBEPEER_TEST_MIRROR")
    with pytest.raises(InventoryError, match=r"the password of the mirror of registry\.k8s\.io: environment variable"):
        tasks.given_for(run, DEBIAN)


def test_a_mirror_with_a_login_is_roots_alone_and_never_shown(run: Run) -> None:
    seen = Seen({}, dict.fromkeys(registries.paths(run.intent)))
    changes = [change for change in registries.plan(run.intent, seen, tasks.given_for(run, DEBIAN)) if change]
    assert [change.what for change in changes] == [
        "/etc/containerd/certs.d/docker.io/hosts.toml",
        "/etc/containerd/certs.d/registry.k8s.io/mirror-ca.pem",
        "/etc/containerd/certs.d/registry.k8s.io/hosts.toml",
    ]
    modes = [step.mode for change in changes for step in change.steps if isinstance(step, Write)]
    assert modes == ["644", "644", "600"]
    assert changes[-1].diff == "~ /etc/containerd/certs.d/registry.k8s.io/hosts.toml (secret: not shown)"
    assert "mirror = " not in changes[-1].diff


def test_the_question_to_the_repositories_goes_by_the_proxy(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    def ask(_shell: object, questions: dict[str, str], *, deadline: float) -> Seen:
        assert deadline > 0
        asked.extend(questions.values())
        raise InterruptedError

    monkeypatch.setattr(tasks, "ask", ask)
    with pytest.raises(InterruptedError):
        tasks.look_up(run, object(), DEBIAN)  # type: ignore[arg-type]
    assert asked[0].startswith("HTTPS_PROXY=http://nodes:p%40ss@proxy:3128; https_proxy=$HTTPS_PROXY; export")
