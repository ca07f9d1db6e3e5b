"""Which way leads to a router, where its NAPALM driver has several: the inventory says it, and a guess is none. Pure."""

from collections.abc import Mapping, Sequence
from typing import Any

from kubepeer.errors import RefusedError

WHERE = "connection_options.napalm.extras.optional_args.transport of the host or its group"


def refuse_unclear_transport(
    router: str, transports: Sequence[str], options: Mapping[str, Any], password: str | None
) -> None:
    """Refuse before anything is contacted.

    Args:
        router: its name in the inventory.
        transports: the ways that its driver has; none: there is one, and nothing to say.
        options: the driver's optional arguments, as the inventory has them.
        password: of the login; None: keys alone.

    Raises:
        RefusedError: no way is named, or one that the driver has not; or one by a password, and there is none.

    """
    if not transports:
        return
    transport = options.get("transport")
    if transport not in transports:
        said = f"transport {transport!r} is none of" if transport else "it is not said whether it is reached by"
        raise RefusedError(
            f"{said} {' or '.join(transports)}. Nothing was contacted", host=router, cure=f"say it in {WHERE}"
        )
    if transport != "ssh" and not password:
        raise RefusedError(
            f"transport {transport} needs a password, and there is none: a key is for ssh alone. Nothing was contacted",
            host=router,
            cure="name where the login's password is in config.yaml, or say transport: ssh",
        )
