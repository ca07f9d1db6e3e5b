"""What a runbook imports before all else: Ctrl-C while modules are loaded, for half a second, is one line and exit code 130, too.

Importing it is all: `kubepeer.runbook` replaces the handler as soon as it has more to say.
"""

import os
import signal

INTERRUPTED = 130


def _end(*_: object) -> None:
    os.write(1, b"\nInterrupted. Nothing was contacted.\n")
    os._exit(INTERRUPTED)


for _number in (signal.SIGINT, signal.SIGTERM):
    signal.signal(_number, _end)
