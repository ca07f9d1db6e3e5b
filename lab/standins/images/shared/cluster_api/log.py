"""Log lines on standard output, where `kubectl logs` finds them."""

import logging
import sys
import time


def log_to_standard_output() -> None:
    """Write one line an event, with the time in UTC as the programs that are stood in for write it."""
    formatter = logging.Formatter("%(asctime)s.%(msecs)03dZ %(levelname)s %(name)s: %(message)s", "%Y-%m-%dT%H:%M:%S")
    formatter.converter = time.gmtime
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(formatter)
    logging.basicConfig(level=logging.INFO, handlers=[handler])
