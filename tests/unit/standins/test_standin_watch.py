"""The live copy of a kind of object, against a server that behaves as API servers do at their worst."""

import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from cluster_api import backoff as backoff_module
from cluster_api import client as client_module
from cluster_api import watch as watch_module
from cluster_api.backoff import Backoff
from cluster_api.watch import Watch

from tests.unit.standins.api_server import Plain, Reader, Server, event, serving, until


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    monkeypatch.setattr(client_module, "Connection", Plain)
    monkeypatch.setattr(watch_module, "BREATH", 0.02)
    for pause in ("FIRST_PAUSE", "LONGEST_PAUSE"):
        monkeypatch.setattr(backoff_module, pause, 0.02)
    with serving(Server()) as server:
        yield server


@pytest.fixture
def watching(server: Server, tmp_path: Path) -> Iterator[Callable[[], Watch]]:
    (tmp_path / "token").write_text("secret")
    access = Reader("127.0.0.1", server.port, tmp_path)
    started: list[Watch] = []

    def start() -> Watch:
        started.append(Watch(access, "/api/v1/things", threading.Event()).start())
        return started[-1]

    yield start
    for watch in started:
        watch.stop()


def names(watch: Watch) -> list[str]:
    return [thing["metadata"]["name"] for thing in watch.objects()]


def test_objects_are_listed_then_followed(server: Server, watching: Callable[[], Watch]) -> None:
    server.items = {"a": "1", "b": "2"}
    server.events = [[event("ADDED", "c", "11"), event("DELETED", "a", "12"), event("BOOKMARK", "", "20")]]
    watch = watching()
    until(lambda: names(watch) == ["b", "c"])
    until(lambda: "watch 20" in server.requests)
    assert server.requests[:2] == ["list", "watch 10"]
    assert [thing for thing in watch.objects() if "managedFields" in thing["metadata"]] == []


def test_an_expired_version_is_listed_anew(server: Server, watching: Callable[[], Watch]) -> None:
    server.items = {"a": "1"}
    server.events = [[{"type": "ERROR", "object": {"code": 410, "message": "too old resource version"}}]]
    watch = watching()
    until(lambda: server.requests.count("list") == 2)
    until(lambda: server.requests[-1] == "watch 10")
    assert names(watch) == ["a"]


def test_a_watch_that_is_refused_as_expired_is_listed_anew(server: Server, watching: Callable[[], Watch]) -> None:
    server.items, server.watching = {"a": "1"}, 410
    watch = watching()
    until(lambda: names(watch) == ["a"])
    server.items = {"b": "2"}
    until(lambda: names(watch) == ["b"])
    server.watching = 200
    until(lambda: server.requests[-3:] == ["watch 10"] * 3)  # followed again, and no more listed


@pytest.mark.parametrize("status", [403, 500, 503])
def test_a_server_that_refuses_takes_nothing_away(server: Server, watching: Callable[[], Watch], status: int) -> None:
    server.items = {"a": "1"}
    watch = watching()
    until(lambda: names(watch) == ["a"])
    server.listing = status
    server.events = [[{"type": "ERROR", "object": {"code": 410}}]]
    until(lambda: server.requests.count(f"list {status}") >= 3)
    assert names(watch) == ["a"]
    server.items, server.listing = {"b": "2"}, 200
    until(lambda: names(watch) == ["b"])


def test_an_api_that_is_gone_has_no_objects(server: Server, watching: Callable[[], Watch]) -> None:
    server.items = {"a": "1"}
    watch = watching()
    until(lambda: names(watch) == ["a"])
    server.listing = 404
    server.events = [[{"type": "ERROR", "object": {"code": 410}}]]
    until(lambda: names(watch) == [])
    assert watch.listed


def test_a_server_that_has_just_started_knows_no_api_and_takes_nothing_away(
    server: Server, watching: Callable[[], Watch]
) -> None:
    server.items = {"a": "1"}
    watch = watching()
    until(lambda: names(watch) == ["a"])
    server.listing, server.ready = 404, 500
    server.events = [[{"type": "ERROR", "object": {"code": 410}}]]
    until(lambda: server.requests.count("list 404") >= 3)
    assert names(watch) == ["a"]


def test_an_api_that_does_not_exist_yet_is_found_when_it_comes(server: Server, watching: Callable[[], Watch]) -> None:
    server.listing = 404
    watch = watching()
    until(lambda: watch.listed)
    assert names(watch) == []
    server.items, server.listing = {"a": "1"}, 200
    until(lambda: names(watch) == ["a"])


def test_a_refusal_is_an_answer_but_no_list(server: Server, watching: Callable[[], Watch]) -> None:
    server.listing = 403
    watch = watching()
    until(lambda: watch.answered)
    assert not watch.listed


def test_a_server_that_was_away_is_found_again_and_nothing_was_forgotten(
    server: Server, watching: Callable[[], Watch], tmp_path: Path
) -> None:
    server.items = {"a": "1"}
    watch = watching()
    until(lambda: names(watch) == ["a"])
    server.shutdown()
    server.server_close()  # from now on connections are refused
    until(lambda: "ConnectionRefusedError" in watch._trouble)
    assert names(watch) == ["a"]
    with serving(Server(server.port)) as another:
        another.events = [[event("ADDED", "b", "11")]]
        until(lambda: names(watch) == ["a", "b"])
        assert "list" not in another.requests, "it goes on where it was"


def test_a_watch_that_is_stopped_ends_at_once_and_tells_nothing_more(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(client_module, "Connection", Plain)
    (tmp_path / "token").write_text("secret")
    with serving(Server(patient=True)) as server:
        changed = threading.Event()
        watch = Watch(Reader("127.0.0.1", server.port, tmp_path), "/api/v1/stopped", changed).start()
        (thread,) = (one for one in threading.enumerate() if one.name == "/api/v1/stopped")
        until(lambda: watch.listed and "watch 10" in server.requests)
        changed.clear()
        watch.stop()
        until(lambda: not thread.is_alive())
        assert not changed.is_set()


def test_pauses_grow_to_the_longest_and_begin_anew_after_a_success() -> None:
    backoff = Backoff()
    pauses = [backoff.failed() for _ in range(7)]
    assert all(
        0.8 * nominal <= pause <= 1.2 * nominal for pause, nominal in zip(pauses, (0.5, 1, 2, 4, 5, 5, 5), strict=True)
    )
    backoff.succeeded()
    assert backoff.failed() <= 0.6
