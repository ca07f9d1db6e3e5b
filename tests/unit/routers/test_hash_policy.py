"""How a Linux router spreads flows over equal paths."""

from tasks.linux.observe import Answer, FileSeen, Seen
from tasks.routers import plan


def hash_policy(live: str, file: FileSeen | None) -> list[tuple[str, str | None, str | None]]:
    seen = Seen({"hash policy": Answer(0, live)}, {plan.SYSCTL_FILE: file})
    return [(change.what, change.before, change.after) for change in plan.plan_hash_policy(seen)]


def test_flows_are_spread_by_their_ports_now_and_after_a_boot() -> None:
    line = "net.ipv4.fib_multipath_hash_policy = 1\n"
    assert hash_policy("0\n", None) == [
        ("/etc/sysctl.d/90-kubepeer.conf", None, line),
        ("sysctl net.ipv4.fib_multipath_hash_policy", "0", "1"),
    ]


def test_a_hash_policy_that_is_right_is_left_alone() -> None:
    stands = FileSeen("644", "root:root", "net.ipv4.fib_multipath_hash_policy = 1\n")
    assert hash_policy("1\n", stands) == []


def test_a_hash_policy_that_was_changed_by_hand_is_set_though_the_file_is_right() -> None:
    stands = FileSeen("644", "root:root", "net.ipv4.fib_multipath_hash_policy = 1\n")
    assert hash_policy("2\n", stands) == [("sysctl net.ipv4.fib_multipath_hash_policy", "2", "1")]
