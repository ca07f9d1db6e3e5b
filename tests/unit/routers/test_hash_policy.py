"""How a Linux router spreads flows over equal paths."""

from typing import Any

import pytest

from kubepeer.intent import Router
from tasks.linux.observe import Answer, FileSeen, Seen
from tasks.routers import plan

IPV4, IPV6 = (f"net.ipv{version}.fib_multipath_hash_policy" for version in (4, 6))


@pytest.fixture
def router(intent_of: Any) -> Router:
    found: Router = intent_of().router("openwrt")
    return found


def hash_policy(router: Router, live: str, file: FileSeen | None) -> list[tuple[str, str | None, str | None]]:
    seen = Seen(dict.fromkeys(plan.questions(router), Answer(0, live)), {plan.SYSCTL_FILE: file})
    return [(change.what, change.before, change.after) for change in plan.plan_hash_policy(router, seen)]


def test_flows_are_spread_by_their_ports_now_and_after_a_boot(router: Router) -> None:
    line = f"{IPV4} = 1\n"
    assert hash_policy(router, "0\n", None) == [
        ("/etc/sysctl.d/90-kubepeer.conf", None, line),
        (f"sysctl {IPV4}", "0", "1"),
    ]


def test_a_hash_policy_that_is_right_is_left_alone(router: Router) -> None:
    stands = FileSeen("644", "root:root", f"{IPV4} = 1\n")
    assert hash_policy(router, "1\n", stands) == []


def test_a_hash_policy_that_was_changed_by_hand_is_set_though_the_file_is_right(router: Router) -> None:
    stands = FileSeen("644", "root:root", f"{IPV4} = 1\n")
    assert hash_policy(router, "2\n", stands) == [(f"sysctl {IPV4}", "2", "1")]


def test_flows_of_ipv6_have_a_policy_of_their_own(router: Router) -> None:
    both = router.model_copy(update={"second_address": "2001:db8::1"})
    both = Router.model_validate(both.model_dump())
    assert hash_policy(both, "0\n", None) == [
        ("/etc/sysctl.d/90-kubepeer.conf", None, f"{IPV4} = 1\n{IPV6} = 1\n"),
        (f"sysctl {IPV4}", "0", "1"),
        (f"sysctl {IPV6}", "0", "1"),
    ]
