"""How one router is read: by whom, and what is asked of it over its one connection."""

from collections.abc import Mapping

from kubepeer.errors import RefusedError, UnreachableError
from kubepeer.intent import Router
from kubepeer.run import Run
from tasks.linux.connect import connection, forget
from tasks.linux.observe import Answer, ask
from tasks.linux.shell import DeadlineError, open_shell
from tasks.platforms.kernel_questions import LOOKUPS
from tasks.platforms.platform import PLATFORMS
from tasks.platforms.reader import DriverReader, ReadsVrfs, RouterReader
from tasks.platforms.transport import refuse_unclear_transport
from tasks.routes.driver import ask_driver


def reader_of(router: Router) -> RouterReader:
    """Who reads a router, of the VRF that its sessions are in.

    Raises:
        RefusedError: nobody can, yet.

    """
    reader, vrf = PLATFORMS[router.platform].reader, router.peering.vrf
    if reader is None:
        others = " ".join(f"--group {name}" for name in readable())
        raise RefusedError(
            f"the routes of a router of platform {router.platform} cannot be read yet: of {' and '.join(readable())} alone",
            host=router.name,
            cure=f"leave it out: {others}; look at its own tables for the rest",
        )
    if behind_a_hop(router):
        raise RefusedError(
            f"nodes behind a hop (data.peering.multihop) cannot be verified yet on platform {router.platform}",
            host=router.name,
            cure="leave it out; look at its own tables",
        )
    if vrf is None:
        return reader
    if not isinstance(reader, ReadsVrfs):
        raise RefusedError(
            f"the routes of a VRF cannot be read yet on platform {router.platform} (data.peering.vrf: {vrf})",
            host=router.name,
            cure="leave it out; look at its own tables",
        )
    return reader.in_vrf(vrf, router.configuration_files)


def log_in(run: Run, name: str, reader: RouterReader) -> None:
    """Open the connection by which a router is asked, where that is no driver's: who asks finds it open.

    Raises:
        UnreachableError: it cannot be opened.

    """
    if not isinstance(reader, DriverReader):
        open_shell(run.nornir, name)


def ask_router(
    run: Run, name: str, reader: RouterReader, questions: Mapping[str, str], deadline: float
) -> Mapping[str, Answer]:
    """The answers of a router to all questions, in one round trip.

    Args:
        run: the running run.
        name: of the router.
        reader: its platform's.
        questions: by name.
        deadline: seconds for all of them.

    Raises:
        KubepeerError: it does not answer; the next question goes over a new connection.

    """
    if isinstance(reader, DriverReader):
        host, platform = run.nornir.inventory.hosts[name], PLATFORMS[run.intent.router(name).platform]
        options = host.get_connection_parameters("napalm").extras or {}
        refuse_unclear_transport(name, platform.abilities.transports, options.get("optional_args", {}), host.password)
        return ask_driver(connection(run.nornir, name, "napalm"), questions, reader.encoding)
    try:
        shell = open_shell(run.nornir, name)
        return ask(shell, questions, deadline=deadline, meanwhile=(LOOKUPS,)).answers
    except (UnreachableError, DeadlineError):
        forget(run.nornir, name, "netmiko")  # it is asked again by another connection, where it is asked again
        raise


def reads(router: Router) -> bool:
    """Whether anybody reads its platform."""
    return PLATFORMS[router.platform].reader is not None


def behind_a_hop(router: Router) -> bool:
    """Whether it could not be told by which gateways its nodes are reached: a driver's answers do not resolve next hops."""
    return bool(router.peering.multihop) and isinstance(PLATFORMS[router.platform].reader, DriverReader)


def readable() -> list[str]:
    """The platforms that are read."""
    return sorted(name for name, platform in PLATFORMS.items() if platform.reader)
