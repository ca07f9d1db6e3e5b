"""What a person says to rotate_passwords.py, and which hosts its phases are for."""

from argparse import ArgumentParser
from collections.abc import Iterable, Sequence

from kubepeer.commandline import CommandLine
from kubepeer.errors import UsageError
from kubepeer.intent import Intent
from kubepeer.memory import Memory
from kubepeer.opening import Opening
from kubepeer.run import Run
from tasks.control_plane.endpoint import by_version_3

HOLDER = Memory[str]("the control plane that holds the API's address")


def arguments(parser: ArgumentParser) -> None:
    """The one of its own."""
    parser.add_argument(
        "--alone",
        action="store_true",
        help="also a router whose prefixes no other router has: nobody is led to the cluster for the seconds of its change",
    )


def whole(given: CommandLine, _intent: Intent) -> CommandLine:
    """The command line as it is.

    Raises:
        UsageError: it names hosts or groups.

    """
    if given.groups or given.hosts:
        raise UsageError("--group and --host have no meaning here: a password has two ends. Nothing was contacted.")
    return given


ROTATION = Opening(arguments=arguments, selection=whole)


def speaks_bgp(run: Run) -> bool:
    """Whether the sessions are Calico's."""
    return not run.intent.load_balancer.speaks


def speaks_vrrp(run: Run) -> bool:
    """Whether keepalived's password is the inventory's to say: VRRP's version 3 has none (RFC 5798), and nobody else speaks it."""
    endpoint = run.intent.cluster.endpoint
    return endpoint.provider == "keepalived" and endpoint.password is not None and not by_version_3(run.intent)


def control_planes(run: Run) -> Iterable[str]:
    """The control planes."""
    return [node.name for node in run.intent.control_planes]


def routers(run: Run) -> Iterable[str]:
    """The routers with whose sessions the cluster's network has to do."""
    return [router.name for router in run.intent.routers] if speaks_bgp(run) else []


def one_that_writes(run: Run) -> Iterable[str]:
    """The control plane in whose name the cluster's objects are written."""
    return list(control_planes(run))[:1] if speaks_bgp(run) else []


def everyone(run: Run) -> Iterable[str]:
    """All that are looked at; where one of them has failed, nothing goes on."""
    return [*control_planes(run), *routers(run)]


def virtual_routers(run: Run) -> Iterable[str]:
    """The control planes whose keepalived has a password of the inventory's."""
    return control_planes(run) if speaks_vrrp(run) else []


def one_that_asks(run: Run) -> Iterable[str]:
    """The control plane in whose name the endpoint is looked at."""
    return list(virtual_routers(run))[:1]


def holder_last(run: Run, hosts: Sequence[str]) -> Sequence[Sequence[str]]:
    """Turns: whoever has the API's address last, so that it moves once and comes back once."""
    holder = run.recall(HOLDER)
    return [[host] for host in sorted(hosts, key=lambda name: name == holder)]
