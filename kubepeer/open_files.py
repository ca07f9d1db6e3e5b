"""A file for each connection: a process may open 1,024 by default, which a thousand hosts use up."""

import resource

PER_HOST = 2  # a router has two connections, of netmiko and of NAPALM; while a command runs, a pipe beside its own
BESIDES = 256  # what Python, the workers' pipes and the API's connections hold


def allow_for(hosts: int) -> str:
    """Raise the process's own limit to what connections to so many hosts need, as far as it may; what to warn of, "" where it is enough."""
    needed = PER_HOST * hosts + BESIDES
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY or soft >= needed:
        return ""
    allowed = needed if hard == resource.RLIM_INFINITY else min(needed, hard)
    resource.setrlimit(resource.RLIMIT_NOFILE, (allowed, hard))
    if allowed == needed:
        return ""
    return (
        f"{hosts} hosts may need {needed} open files, and this process may open {allowed}: "
        "raise the hard limit (ulimit -Hn, LimitNOFILE= of a unit), or take fewer hosts at a time with --group"
    )
