"""The service of policy Local that is there for the time of the test: made, waited for, taken away whatever ends the run."""

import fcntl
import json
import os
import signal
import threading
import time
from typing import IO, Any

from rich.console import Console

from kubepeer.errors import RefusedError, UsageError
from kubepeer.memory import Memory
from kubepeer.opening import know_hosts
from kubepeer.run import Run, waiting
from tasks.cluster.access import API
from tasks.cluster.api import KubernetesApi
from tasks.routes.cluster import SLICES
from tasks.services.left import MADE
from tasks.services.workload import LOCAL_SERVICE, NAMESPACE, given_addresses, is_ours, local_service, owner_of

SERVICES = f"/api/v1/namespaces/{NAMESPACE}/services"
ADDRESS_SECONDS = 20  # an allocator answers in one; it may have been started anew a moment ago
ENDPOINT_SECONDS = 20  # of the controller that writes EndpointSlices
INTERVAL_SECONDS = 0.25
LEAVING_SECONDS = 5.0
LOCK = Memory[IO[str]]("the lock against another run of this runbook on this inventory")


def make(run: Run, api: KubernetesApi, services: list[dict[str, Any]]) -> str:
    """Take away what a killed run has left, make the service, and wait for its address.

    Args:
        run: the running run.
        api: of the cluster.
        services: those that are in the workload's namespace.

    Returns:
        Why it cannot be tried; "" where it can.

    """
    if any(is_ours(one) for one in services):
        api.delete(f"{SERVICES}/{LOCAL_SERVICE}")
    wanted = local_service(services)
    if wanted is None:
        return "no service of type LoadBalancer is in the workload, whose pool a Local one could take"
    run.keep(MADE, value=True)
    api.call("POST", SERVICES, body=wanted)
    ends = time.monotonic() + ADDRESS_SECONDS
    while True:
        found = api.get(f"{SERVICES}/{LOCAL_SERVICE}") or {}
        if found and given_addresses(found):
            _wait_for_endpoints(api)
            return ""
        if time.monotonic() > ends:
            status = json.dumps((found.get("status") or {}).get("loadBalancer") or {})
            return f"the load balancer gave service {LOCAL_SERVICE} no address in {ADDRESS_SECONDS} s (status.loadBalancer {status})"
        waiting("an address for the Local service")
        time.sleep(INTERVAL_SECONDS)  # an allocator tells nobody but the API


def _wait_for_endpoints(api: KubernetesApi) -> None:
    """Until a controller has written who answers for it; where nobody comes, its cells say so with their cause."""
    ends = time.monotonic() + ENDPOINT_SECONDS
    path = f"{SLICES}/namespaces/{NAMESPACE}/endpointslices"
    while not any(owner_of(one) == LOCAL_SERVICE and one.get("endpoints") for one in api.items(path)):
        if time.monotonic() > ends:
            return
        waiting("the endpoints of the Local service")
        time.sleep(INTERVAL_SECONDS)


def take_away(run: Run) -> None:
    """Delete the service, where this run may have made it."""
    api = run.recall(API)
    if run.recall(MADE) and api is not None:
        api.delete(f"{SERVICES}/{LOCAL_SERVICE}")
        run.keep(MADE, value=False)


def meet(run: Run, console: Console) -> None:
    """What comes before the first packet: the hosts' keys, a lock against a second run, and what Ctrl-C does first."""
    know_hosts(run, console)
    run.keep(LOCK, _only_one(run))
    for number in (signal.SIGINT, signal.SIGTERM):
        before = signal.getsignal(number)

        def end(*given: Any, before: Any = before) -> None:
            # in a thread of its own: the interrupted one may hold a lock that is needed, and then it ends without
            leaving = threading.Thread(target=take_away, args=(run,), daemon=True)
            leaving.start()
            leaving.join(LEAVING_SECONDS)
            before(*given)

        signal.signal(number, end)


def _only_one(run: Run) -> IO[str]:
    """Two runs at once would take each other's service away; the kernel frees the lock when the process ends (flock(2)).

    Raises:
        RefusedError: another run holds it.
        UsageError: the file cannot be written.

    """
    path = run.settings.state / "locks" / "verify_services.lock"
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        file = open(os.open(path, os.O_CREAT | os.O_RDWR, 0o600), "r+", encoding="utf-8")  # noqa: PTH123, SIM115
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        raise RefusedError(
            "another verify_services.py is at work on this inventory. Nothing was contacted",
            cure="run again when that one has ended",
        ) from error
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror}. Nothing was contacted.") from error
    return file
