"""How many files a process may open, raised as far as it is allowed to."""

import resource

import pytest

from kubepeer import open_files

INFINITY = resource.RLIM_INFINITY


@pytest.mark.parametrize(
    ("hosts", "limits", "raised_to", "warns"),
    [
        pytest.param(8, (1024, 4096), None, False, id="few_hosts"),
        pytest.param(1000, (1024, 4096), (2256, 4096), False, id="many_hosts"),
        pytest.param(1000, (2256, 4096), None, False, id="it_is_enough_already"),
        pytest.param(1000, (1024, INFINITY), (2256, INFINITY), False, id="no_hard_limit"),
        pytest.param(1000, (INFINITY, INFINITY), None, False, id="no_limit_at_all"),
        pytest.param(1000, (1024, 2000), (2000, 2000), True, id="the_hard_limit_is_too_low"),
        pytest.param(1000, (1024, 1024), (1024, 1024), True, id="nothing_to_raise"),
    ],
)
def test_the_limit_is_raised_to_what_the_hosts_need(
    monkeypatch: pytest.MonkeyPatch,
    hosts: int,
    limits: tuple[int, int],
    raised_to: tuple[int, int] | None,
    warns: bool,  # noqa: FBT001
) -> None:
    asked: list[tuple[int, tuple[int, int]]] = []
    monkeypatch.setattr(resource, "getrlimit", lambda _: limits)
    monkeypatch.setattr(resource, "setrlimit", lambda what, limit: asked.append((what, limit)))
    said = open_files.allow_for(hosts)
    assert asked == ([(resource.RLIMIT_NOFILE, raised_to)] if raised_to else [])
    assert bool(said) is warns
    if warns and raised_to:
        assert f"1000 hosts may need 2256 open files, and this process may open {raised_to[0]}" in said
