"""The Local service: made once, waited for with an end, and taken away by whoever has made it."""

from typing import Any

import pytest
from rich.console import Console

from kubepeer.errors import RefusedError
from kubepeer.run import Run
from tasks.cluster.access import API
from tasks.services import temporary
from tasks.services.left import MADE
from tasks.services.workload import LOCAL_SERVICE, OURS

BALANCED = {"metadata": {"name": "one", "labels": {}}, "spec": {"type": "LoadBalancer"}, "status": {}}
LEFT = {"metadata": {"name": LOCAL_SERVICE, "labels": OURS}, "spec": {"type": "LoadBalancer"}, "status": {}}


class Api:
    """Gives an address at the third question, or never."""

    def __init__(self, *, gives: bool = True) -> None:
        self.calls: list[tuple[str, str]] = []
        self.gives, self.asked, self.asked_for_slices = gives, 0, 0

    def delete(self, path: str) -> None:
        self.calls.append(("DELETE", path))

    def call(self, method: str, path: str, *, body: Any) -> None:
        self.calls.append((method, f"{path}/{body['metadata']['name']}"))

    def get(self, _: str) -> dict[str, Any]:
        self.asked += 1
        ingress = [{"ip": "10.33.192.1"}] if self.gives and self.asked > 2 else []
        return {"status": {"loadBalancer": {"ingress": ingress}}}

    def items(self, _: str) -> list[dict[str, Any]]:
        self.asked_for_slices += 1
        owner = {"kubernetes.io/service-name": LOCAL_SERVICE}
        endpoints = [{"addresses": ["10.33.26.2"]}] if self.asked_for_slices > 1 else []
        return [{"metadata": {"labels": owner}, "endpoints": endpoints}]


PATH = f"/api/v1/namespaces/nginx-quic/services/{LOCAL_SERVICE}"


def test_what_a_killed_run_has_left_goes_first_and_the_address_is_waited_for(run_of: Any) -> None:
    run, api = run_of("one"), Api()
    assert temporary.make(run, api, [BALANCED, LEFT]) == ""
    assert api.calls == [("DELETE", PATH), ("POST", PATH)]
    assert (api.asked, api.asked_for_slices) == (3, 2)
    assert run.recall(MADE) is True


def test_an_allocator_that_gives_none_is_waited_for_with_an_end(run_of: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(temporary, "ADDRESS_SECONDS", 0)
    run = run_of("one")
    said = temporary.make(run, Api(gives=False), [BALANCED])
    assert said == (
        f'the load balancer gave service {LOCAL_SERVICE} no address in 0 s (status.loadBalancer {{"ingress": []}})'
    )
    assert run.recall(MADE) is True, "it is there all the same, and has to be taken away"


def test_without_a_load_balancer_none_is_made(run_of: Any) -> None:
    run, api = run_of("one"), Api()
    assert temporary.make(run, api, []).startswith("no service of type LoadBalancer")
    temporary.take_away(run)
    assert api.calls == []


def test_it_is_taken_away_once_and_only_by_whoever_has_made_it(run_of: Any) -> None:
    run, api = run_of("one"), Api()
    run.keep(API, api)
    temporary.take_away(run)
    assert api.calls == []
    temporary.make(run, api, [BALANCED])
    temporary.take_away(run)
    temporary.take_away(run)
    assert api.calls == [("POST", PATH), ("DELETE", PATH)]


@pytest.fixture
def met(run_of: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A run whose signal handlers are kept instead of installed, above one that remembers."""
    handlers: dict[int, Any] = {}
    ended: list[int] = []
    monkeypatch.setattr(temporary, "know_hosts", lambda *_: None)
    monkeypatch.setattr(temporary.signal, "getsignal", lambda _: lambda number, *_: ended.append(number))
    monkeypatch.setattr(temporary.signal, "signal", handlers.__setitem__)
    run: Run = run_of("one")
    temporary.meet(run, Console())
    return run, handlers, ended


def test_an_interruption_takes_it_away_before_the_process_ends(met: Any) -> None:
    run, handlers, ended = met
    api = Api()
    run.keep(API, api)
    run.keep(MADE, value=True)
    handlers[temporary.signal.SIGTERM](temporary.signal.SIGTERM, None)
    assert api.calls == [("DELETE", PATH)]
    assert ended == [temporary.signal.SIGTERM]


def test_a_second_run_on_the_same_inventory_is_refused(met: Any) -> None:
    run, _, _ = met
    with pytest.raises(RefusedError, match=r"another verify_services.py is at work on this inventory"):
        temporary.meet(run, Console())
