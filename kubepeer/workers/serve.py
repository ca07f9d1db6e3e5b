"""A worker process: Dask's own, without a nanny, since what is lost must stay lost until somebody has looked."""

import argparse
import asyncio
import gc
import os
import signal
import sys
from pathlib import Path
from urllib.parse import urlsplit

from kubepeer.approval import code_digest
from kubepeer.commandline import DEFAULT_CONFIG
from kubepeer.errors import KubepeerError, UsageError
from kubepeer.intent.abilities import Platforms
from kubepeer.intent.load import load_intent
from kubepeer.namespace import enter
from kubepeer.runbook import workers_for
from kubepeer.settings import Settings, read_settings

INTERRUPTED = 130
DASK = {
    # it looks at the stacks of all threads a hundred times a second; a connection has a thread, and a worker thousands of them
    "distributed.worker.profile.enabled": False,
    # Dask always has an HTTP server: nothing is served there, and (dashboard_address, below) to this machine alone
    "distributed.worker.http.routes": [],
}
EXTRA = "pip install 'kubepeer[dask]'"


def work(platforms: Platforms, description: str) -> int:
    """Work until the scheduler is gone; gives the exit code, and never a traceback.

    Args:
        platforms: those that a router may be of.
        description: for --help.

    """
    parser = argparse.ArgumentParser(prog="worker", description=description)
    parser.add_argument("--config", type=Path, default=DEFAULT_CONFIG, metavar="FILE", help="as of every runbook")
    given = parser.parse_args()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: os._exit(INTERRUPTED))
    try:
        settings = read_settings(given.config)
        enter(settings.namespace)
        intent = load_intent(settings, platforms)  # a mistake is told here, and not at the first run
        asyncio.run(_serve(settings, platforms, settings.num_workers or workers_for(len(intent.nodes))))
    except KubepeerError as error:
        sys.stderr.write(f"{error}\n")
        return error.exit_code
    except OSError as error:
        sys.stderr.write(f"the scheduler is not reached: {error}\n")
        return UsageError.exit_code
    sys.stderr.write("the scheduler is gone, or has ended this worker\n")
    sys.stderr.flush()
    os._exit(1)  # at once: whatever is under way has nobody to answer to


async def _serve(settings: Settings, platforms: Platforms, threads: int) -> None:
    if settings.workers is None:
        raise UsageError(f"{settings.config_file.name}: runner.plugin is not dask. Nothing was contacted.")
    try:
        import dask  # noqa: PLC0415  an optional extra
        from distributed import Worker  # noqa: PLC0415

        from kubepeer.workers.security import security  # noqa: PLC0415
        from kubepeer.workers.sessions import Sessions  # noqa: PLC0415
        from kubepeer.workers.wire import Seal  # noqa: PLC0415
    except ModuleNotFoundError as error:
        raise UsageError(f"there is no {error.name}. Nothing was contacted.", cure=EXTRA) from error
    seal = Seal(settings.workers.secret(settings.folder))
    sessions = Sessions(settings, platforms, seal, threads, code_digest())
    dask.config.set(DASK)
    gc.freeze()  # what is loaded stays: the collector need not look at it
    gc.enable()
    async with Worker(
        settings.workers.address,
        host=None if settings.workers.tls else urlsplit(settings.workers.address).hostname,
        nthreads=threads,
        security=security(settings.workers, settings.folder),
        plugins=(sessions,),
        memory_limit=0,
        dashboard_address="127.0.0.1:0",
        local_directory=str(settings.state),
    ) as worker:
        sys.stdout.write(f"works at {worker.address} for {settings.workers.address}\n")
        sys.stdout.flush()
        await worker.finished()
