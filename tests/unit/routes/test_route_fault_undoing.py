"""Each row of faults is undone wholly: after a trial that has failed, and where the fault was made half-way alone. No lab is touched."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from tests.lab import breaking, breaking_cluster
from tests.lab.laboratory import ADDRESSES, ROUTERS
from tests.lab.route_faults import ROWS

SERVICE = "10.33.192.80"


class Hands:
    """A lab and a cluster that write down what is done to them; one of the deeds may fail."""

    def __init__(self, folder: Path, failing: int | None = None) -> None:
        self.folder, self.failing = folder, failing
        self.done: list[str] = []

    def _do(self, *words: object) -> Any:
        self.done.append(" ".join(map(str, words)))
        if len(self.done) - 1 == self.failing:
            raise AssertionError("it fails")
        return SimpleNamespace(check_returncode=lambda: None)

    def inside(self, name: str, script: str) -> str:
        self._do("inside", name, script)
        return ""

    def must(self, *words: str) -> None:
        self._do("lab", *words)

    def controller(self, command: list[str]) -> Any:
        return self._do("controller", *command)

    def __call__(self, *words: str) -> str:
        self._do("kubectl", *words)
        return ""

    def get(self, *_words: str) -> list[dict[str, Any]]:
        annotations = {"projectcalico.org/IPv4Address": f"{breaking.ADDRESS}/16"}
        return [{"metadata": {"annotations": annotations}, "spec": {"serviceLoadBalancerIPs": []}, "status": {}}]

    def blocks(self) -> dict[str, str]:
        return {f"10.33.{number}.0/24": address for number, address in enumerate(ADDRESSES.values())}


@contextmanager
def made(name: str, hands: Hands) -> Iterator[None]:
    with ROWS[name].make(hands, hands):  # type: ignore[arg-type]
        yield


@pytest.fixture(autouse=True)
def _nobody_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    def wait_for(what: str, *_: Any, **__: Any) -> set[str]:
        return {SERVICE} if "has an address" in what else set()

    for module in (breaking, breaking_cluster):
        monkeypatch.setattr(module, "wait_for", wait_for)


def passed(name: str, folder: Path) -> tuple[list[str], list[str]]:
    """What a row does, and what it does to undo it, where all is well."""
    hands = Hands(folder)
    with made(name, hands):
        making = len(hands.done)
    return hands.done[:making], hands.done[making:]


@pytest.mark.parametrize("name", ROWS)
def test_a_trial_that_fails_is_undone_as_one_that_passes(name: str, tmp_path: Path) -> None:
    making, undoing = passed(name, tmp_path)
    assert undoing
    hands = Hands(tmp_path)
    with pytest.raises(RuntimeError), made(name, hands):
        raise RuntimeError
    assert hands.done == [*making, *undoing]


@pytest.mark.parametrize("name", ROWS)
def test_a_fault_that_was_made_half_way_is_undone_as_far_as_it_was_made(name: str, tmp_path: Path) -> None:
    making, undoing = passed(name, tmp_path)
    for number in range(len(making)):
        hands = Hands(tmp_path, failing=number)
        with pytest.raises(AssertionError, match="it fails"), made(name, hands):
            pytest.fail("it was made")
        undone = hands.done[number + 1 :]
        assert undone, making[number]
        assert undone == undoing[len(undoing) - len(undone) :], making[number]


@pytest.mark.parametrize("name", ROWS)
def test_an_undoing_that_fails_keeps_no_other_from_being_done(name: str, tmp_path: Path) -> None:
    making, undoing = passed(name, tmp_path)
    for number in range(len(undoing)):
        hands = Hands(tmp_path, failing=len(making) + number)
        with pytest.raises(AssertionError, match="it fails"), made(name, hands):
            pass
        assert hands.done == [*making, *undoing]


@pytest.mark.parametrize("name", [name for name, row in ROWS.items() if row.drawn])
def test_a_row_that_is_drawn_ends_no_session_of_a_routers_owner(name: str, tmp_path: Path) -> None:
    deeds = [deed for part in passed(name, tmp_path) for deed in part]
    assert not [deed for deed in deeds if deed.startswith("inside client ")]
    for deed in (one for one in deeds if one.startswith(tuple(f"inside {router} " for router in ROUTERS))):
        words = ("systemctl", "restart bird", "bird.conf", "TRANSIT", "clear bgp *", "maximum-paths", "no router bgp")
        assert not any(word in deed for word in words), deed
