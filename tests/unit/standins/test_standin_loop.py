"""The loop that the controllers share: against a real server, and in processes that are told to end."""

import base64
import logging
import os
import signal
import ssl
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from cluster_api import backoff as backoff_module
from cluster_api import client as client_module
from cluster_api import loop as loop_module
from cluster_api import watch as watch_module
from cluster_api.client import ApiError
from cluster_api.loop import Loop, until_answered
from tigera_operator.certificates import self_signed

from tests.unit.standins.api_server import DEADLINE, Plain, Reader, Server, event, serving, until
from tests.unit.standins.conftest import FOLDERS, IMAGES

NEVER = 3600.0
PATHS = {"things": "/api/v1/things", "others": "/api/v1/others"}


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    monkeypatch.setattr(client_module, "Connection", Plain)
    monkeypatch.setattr(watch_module, "BREATH", 0.02)
    monkeypatch.setattr(loop_module, "LISTING_SECONDS", 0.02)
    for pause in ("FIRST_PAUSE", "LONGEST_PAUSE"):
        monkeypatch.setattr(backoff_module, pause, 0.02)
    with serving(Server(patient=True)) as server:
        yield server


class Working:
    """A loop at work in a thread, and what it has seen at each step."""

    def __init__(self, loop: Loop, answers: Iterator[float | Exception]) -> None:
        self.loop = loop
        self.steps: list[list[str]] = []
        self._answers = answers
        self.thread = threading.Thread(target=loop.run, args=(self._step,), daemon=True)
        self.thread.start()

    def _step(self) -> float:
        self.steps.append([thing["metadata"]["name"] for thing in self.loop.objects("things")])
        answer = next(self._answers, NEVER)
        if isinstance(answer, Exception):
            raise answer
        return answer


Work = Callable[..., Working]


@pytest.fixture
def work(server: Server, tmp_path: Path) -> Iterator[Work]:
    (tmp_path / "token").write_text("secret")
    access = Reader("127.0.0.1", server.port, tmp_path)
    begun: list[Working] = []

    def begin(*answers: float | Exception, silent: set[str] | None = None) -> Working:
        begun.append(Working(Loop(access, PATHS, silent=silent or set()), iter(answers)))
        return begun[-1]

    yield begin
    for one in begun:
        one.loop.stop()
        one.thread.join(DEADLINE)
        assert not one.thread.is_alive()


def test_nothing_is_done_before_everything_was_listed(server: Server, work: Work) -> None:
    server.listing = 503
    working = work()
    until(lambda: server.requests.count("list 503") >= 4)
    assert working.steps == []
    server.items, server.listing = {"a": "1"}, 200
    until(lambda: working.steps)
    assert working.steps[0] == ["a"]


def test_a_change_calls_the_step_at_once(server: Server, work: Work) -> None:
    working = work()
    until(lambda: server.requests.count("watch 10") == 2 and working.steps)
    server.events.append([event("ADDED", "b", "11")])
    until(lambda: working.steps[-1] == ["b"] or working.loop.objects("others"))


def test_a_silent_kind_is_known_and_calls_nobody(server: Server, work: Work) -> None:
    working = work(silent=set(PATHS))
    until(lambda: server.requests.count("watch 10") == 2 and working.steps)
    steps = len(working.steps)
    server.events.append([event("ADDED", "b", "11")])
    until(lambda: working.loop.objects("things") or working.loop.objects("others"))
    assert len(working.steps) == steps


def test_where_nothing_changes_the_step_is_called_again_after_its_time(work: Work) -> None:
    working = work(0.01, 0.01, 0.01)
    until(lambda: len(working.steps) >= 4)


@pytest.mark.parametrize(
    "error",
    [ConnectionRefusedError("refused"), ApiError(409, "conflict"), ApiError(503, "starting"), ValueError("no JSON")],
)
def test_what_fails_passingly_is_tried_again_and_said_once(
    work: Work, error: Exception, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING, loop_module.__name__):
        working = work(*[error] * 3)
        until(lambda: len(working.steps) >= 4)
    assert [record.message for record in caplog.records] == [f"{type(error).__name__}: {error}"]


def test_what_is_mended_and_breaks_again_is_said_again(work: Work, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING, loop_module.__name__):
        working = work(ConnectionRefusedError("refused"), 0.01, ConnectionRefusedError("refused"))
        until(lambda: len(working.steps) >= 4)
    assert len(caplog.records) == 2


def test_a_mistake_of_the_program_ends_it(work: Work, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(threading, "excepthook", lambda _: None)
    working = work(AttributeError("of ours"))
    until(lambda: not working.thread.is_alive())


def test_a_stop_in_a_long_pause_ends_the_loop_and_its_watches(server: Server, work: Work) -> None:
    working = work()
    until(lambda: server.requests.count("watch 10") == 2 and working.steps)
    working.loop.stop()
    working.thread.join(DEADLINE)
    assert not working.thread.is_alive()
    until(lambda: not {thread.name for thread in threading.enumerate()} & set(PATHS.values()))


def test_a_stop_before_the_first_step_is_not_forgotten(server: Server, tmp_path: Path) -> None:
    (tmp_path / "token").write_text("secret")
    loop = Loop(Reader("127.0.0.1", server.port, tmp_path), PATHS)
    loop.stop()
    thread = threading.Thread(target=loop.run, args=(lambda: NEVER,), daemon=True)
    thread.start()
    thread.join(DEADLINE)
    assert not thread.is_alive()


def test_a_question_is_asked_until_it_is_answered_or_the_program_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(backoff_module, "FIRST_PAUSE", 0.01)
    answers = iter([ConnectionRefusedError("refused"), ApiError(500, "starting"), 7])

    def ask() -> int:
        answer = next(answers)
        if isinstance(answer, Exception):
            raise answer
        return answer

    assert until_answered(ask, threading.Event()) == 7
    ended = threading.Event()
    ended.set()
    assert until_answered(ask, ended) is None


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a key and a certificate of localhost, and what a service account has."""
    folder = tmp_path_factory.mktemp("account")
    key, certificate = (base64.b64decode(text) for text in self_signed(["localhost"]))
    (folder / "tls.key").write_bytes(key)
    (folder / "ca.crt").write_bytes(certificate)
    (folder / "token").write_text("secret")
    return folder


PROGRAMS = {
    "tigera_operator": "/apis/operator.tigera.io/v1/tigerastatuses",
    "calico_kube_controllers": "/apis/crd.projectcalico.org/v1/ipamblocks",  # asked for by its first step
    "purelb_allocator": "/apis/purelb.io/v1/servicegroups",
}


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
@pytest.mark.parametrize("program", PROGRAMS)
def test_a_program_that_is_told_to_end_ends_well(program: str, number: signal.Signals, certificate: Path) -> None:
    """The whole of it, over TLS, as it runs in its image."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate / "ca.crt", certificate / "tls.key")
    with serving(Server(context=context, patient=True)) as server:
        environment = {
            "PATH": os.environ["PATH"],
            "PYTHONPATH": ":".join(str(IMAGES / folder) for folder in FOLDERS),
            "KUBERNETES_SERVICE_HOST": "localhost",
            "KUBERNETES_SERVICE_PORT": str(server.port),
            "SERVICE_ACCOUNT_FOLDER": str(certificate),
            "CALICO_VERSION": "v3.32.1",
            "CALICO_NODE_IMAGE": "node",
            "CALICO_APISERVER_IMAGE": "apiserver",
            "CALICO_KUBE_CONTROLLERS_IMAGE": "controllers",
        }
        process = subprocess.Popen(
            [sys.executable, "-m", program],
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        try:
            until(lambda: PROGRAMS[program] in server.asked or process.poll() is not None, 20)
            process.send_signal(number)
            said, _ = process.communicate(timeout=20)
        finally:
            process.kill()
    assert process.returncode == 0, said
    assert "Traceback" not in said
    assert "WARNING" not in said
