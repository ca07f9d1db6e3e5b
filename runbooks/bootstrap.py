"""Machines that know only a password become ones that deploy.py can use: a key that lets in, proven; then, if wanted, no passwords."""

import kubepeer.starting  # noqa: F401  first of all
from kubepeer.phases import Phase, Together, nodes
from kubepeer.runbook import run
from tasks.access.asking import OPENING
from tasks.access.tasks import close_password_login, exchange_keys, log_in, make_keys, place_key, prove
from tasks.platforms.platform import PLATFORMS

PHASES: list[Phase | Together] = [
    Phase("Log in", log_in, on=nodes),
    Phase("Place the key", place_key, on=nodes),
    Phase("Log in by the key", prove, on=nodes),
    Phase("Password log-in", close_password_login, on=nodes),
    Phase("Root's own keys", make_keys, on=nodes),
    Phase("Keys among nodes", exchange_keys, on=nodes),
]

if __name__ == "__main__":
    raise SystemExit(run("bootstrap", PHASES, platforms=PLATFORMS, description=__doc__, opening=OPENING))
