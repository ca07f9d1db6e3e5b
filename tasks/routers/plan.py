"""How a Linux router spreads flows over equal paths, planned from what it says. Pure."""

from tasks.linux.observe import Seen
from tasks.linux.state import LinuxChange, action, file, present

SYSCTL_FILE = "/etc/sysctl.d/90-kubepeer.conf"
HASH_POLICY = "net.ipv4.fib_multipath_hash_policy"
QUESTIONS = {"hash policy": f"sysctl -n {HASH_POLICY}"}


def plan_hash_policy(seen: Seen) -> tuple[LinuxChange, ...]:
    """Spread by the flow's ports (layer 4), not by its addresses alone: else one client's flows all enter by one node."""
    live = seen["hash policy"].text.strip()
    return present(
        file(SYSCTL_FILE, f"{HASH_POLICY} = 1\n", seen.files[SYSCTL_FILE]),
        None if live == "1" else action(f"sysctl {HASH_POLICY}", "1", f"sysctl -qw {HASH_POLICY}=1", before=live),
    )
