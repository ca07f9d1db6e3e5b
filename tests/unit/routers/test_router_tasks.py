"""What a person reads when a template of ours, or of theirs, is broken."""

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
from jinja2 import DictLoader, Environment, StrictUndefined
from nornir.core.filter import F
from nornir.core.task import Result, Task

from kubepeer.errors import CommandError
from tasks.routers import tasks
from tasks.routers.safe_change import Candidate
from tasks.routers.sessions import sessions

TEMPLATE = "routers/frr/bgp.conf.j2"
Rendered = Callable[[str], BaseException | None]


@pytest.fixture
def rendered(run_of: Any, monkeypatch: pytest.MonkeyPatch) -> Rendered:
    """What comes of rendering openwrt's template, when it holds this text."""

    def render(text: str) -> BaseException | None:
        environment = Environment(loader=DictLoader({TEMPLATE: text}), undefined=StrictUndefined)  # noqa: S701
        monkeypatch.setattr(tasks, "environment", lambda: environment)
        run = run_of("openwrt")

        def task(task: Task) -> Result:
            return Result(host=task.host, result=tasks._render(task, run, "", None))

        answer = run.nornir.filter(F(name="openwrt")).run(task=task)["openwrt"]
        found: BaseException | None = answer[0].exception
        return found

    return render


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("router bgp\n{% if %}\n", f"templates/{TEMPLATE} line 2: Expected an expression"),
        ("{{ routre }}\n", f"templates/{TEMPLATE}: 'routre' is undefined. Nothing was changed Cure: mend the template"),
    ],
)
def test_a_broken_template_is_one_line_with_its_name(rendered: Rendered, text: str, says: str) -> None:
    error = rendered(text)
    assert isinstance(error, CommandError)
    assert says in str(error)


def test_a_sound_template_is_rendered(rendered: Rendered) -> None:
    assert rendered("router bgp {{ router.as_number }}\n") is None


def test_in_a_vrf_our_sessions_are_those_of_the_vrf_as_napalm_names_it(intent_of: Any) -> None:
    intent = intent_of(
        hosts={"openwrt": {"groups": ["eos"], "data": {"peering": {"vrf": "CUSTOMER"}}}},
    )
    router = intent.router("openwrt")
    run: Any = SimpleNamespace(intent=intent)
    order = tasks.order_for(run, router, lambda _: Candidate(""))
    up = {"is_up": True, "address_family": {}}
    tables = {"CUSTOMER": {"peers": {"10.31.90.1": up}}, "global": {"peers": {"10.31.90.1": up}}}
    assert sessions(tables).up & set(order.ours) == {"10.31.90.1 in CUSTOMER"}
    running = "router bgp 64512\n   vrf CUSTOMER\n      neighbor 10.31.90.77 peer group KUBEPEER\n"
    assert set(order.may_go_down(running, "")) == {"10.31.90.77 in CUSTOMER"}
