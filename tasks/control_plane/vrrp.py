"""The password of VRRP: the inventory's, else the one that the control planes have, else a new one."""

import secrets
from functools import partial

from kubepeer.errors import KubepeerError
from kubepeer.memory import Memory
from kubepeer.run import Run
from tasks.control_plane import endpoint_seen
from tasks.control_plane.endpoint import by_version_3
from tasks.control_plane.endpoint_seen import EndpointSeen
from tasks.control_plane.membership import MEMBER
from tasks.linux.observe import ask
from tasks.linux.shell import open_shell

VRRP_PASSWORD = Memory[str | None]("the password of VRRP")
RANDOM_BYTES = 6  # eight signs, which is all that keepalived takes (RFC 2338, 5.3.6)
ASK_SECONDS = 10


def vrrp_password(run: Run) -> str | None:
    """The password of VRRP, found once a run and hidden from then on in all that is printed; None for none, and with IPv6 alone.

    What the first control plane has that was configured is the truth: a generated one stands nowhere else, and one that was configured
    without any stays so, since those with and those without do not hear each other.

    Raises:
        InventoryError: the one that the inventory names cannot be read.

    """
    if run.intent.cluster.endpoint.provider != "keepalived" or by_version_3(run.intent):
        return None
    return run.once(VRRP_PASSWORD, partial(_password, run))


def _password(run: Run) -> str | None:
    source = run.intent.cluster.endpoint.password
    if source is not None:
        return run.redactor.learn(source.read("the VRRP password", run.settings.folder))
    for node in run.intent.control_planes:
        stands = _seen(run, node.name)
        if stands is not None and stands.configured:
            return run.redactor.learn(stands.password) if stands.password else None
    return run.redactor.learn(new_password())


def new_password() -> str:
    """A random one, of signs that keepalived takes as they are."""
    return secrets.token_urlsafe(RANDOM_BYTES)


def _seen(run: Run, name: str) -> EndpointSeen | None:
    """What a control plane has; one that a filter has left out is asked, and one that does not answer has nothing to say."""
    observed = run.recall(MEMBER, of=name)
    if observed is not None:
        return observed.endpoint
    if name in run.nornir.data.failed_hosts:
        return None
    try:
        answers = ask(open_shell(run.nornir, name), {"endpoint": endpoint_seen.QUESTION}, deadline=ASK_SECONDS)
    except KubepeerError:
        return None
    return endpoint_seen.endpoint_seen(answers["endpoint"])
