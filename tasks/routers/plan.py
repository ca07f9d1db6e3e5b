"""How a Linux router spreads flows over equal paths, planned from what it says. Pure."""

from kubepeer.intent import Router
from tasks.linux.observe import Seen
from tasks.linux.state import LinuxChange, action, file, present

SYSCTL_FILE = "/etc/sysctl.d/90-kubepeer.conf"
HASH_POLICY = "net.ipv{}.fib_multipath_hash_policy"  # of IPv6 from Linux 4.18 on


def _policies(router: Router) -> list[str]:
    return [HASH_POLICY.format(version) for version in sorted(address.version for address in router.addresses)]


def questions(router: Router) -> dict[str, str]:
    """What the kernel has now, of each family that the router peers in."""
    return {policy: f"sysctl -n {policy}" for policy in _policies(router)}


def plan_hash_policy(router: Router, seen: Seen) -> tuple[LinuxChange, ...]:
    """Spread by the flow's ports (layer 4), not by its addresses alone: else one client's flows all enter by one node."""
    policies = _policies(router)
    live = {policy: seen[policy].text.strip() for policy in policies}
    return present(
        file(SYSCTL_FILE, "".join(f"{policy} = 1\n" for policy in policies), seen.files[SYSCTL_FILE]),
        *(
            action(f"sysctl {policy}", "1", f"sysctl -qw {policy}=1", before=live[policy])
            for policy in policies
            if live[policy] != "1"
        ),
    )
