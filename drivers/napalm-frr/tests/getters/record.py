"""Record what a router answers, for NAPALM's suite: python record.py TEST CASE HOST [OPTIONAL_ARGS as JSON]."""

from __future__ import annotations

import sys
from pathlib import Path

from napalm_unix_router.testing.record import record

from napalm_frr import FRRDriver

if __name__ == "__main__":
    record(FRRDriver, Path(__file__).parent, *sys.argv[1:])
