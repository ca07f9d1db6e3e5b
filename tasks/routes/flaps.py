"""How often a session came and went between two snapshots. Pure."""

from pydantic import BaseModel, ConfigDict


class Ups(BaseModel):
    """How steady a session is.

    Attributes:
        established: how often it came up, since the router's BGP has started; None where the router does not count.
        seconds: how long it is up or down; None where the router does not tell.

    """

    model_config = ConfigDict(extra="forbid")
    established: int | None = None
    seconds: int | None = None


def flaps(then: Ups, now: Ups, up_before: bool, up_after: bool) -> str:  # noqa: FBT001  then and now
    """How often a session came up anew in between: by the router's own count, else by its age; "" where it has not.

    A count that is smaller than before is of a BGP that has started anew, and each session with it. Where the router does not count,
    a session that is younger than it was then has begun anew; of one that was young then, nobody can say.
    """
    if then.established is not None and now.established is not None:
        if now.established < then.established:
            return "the router's BGP has started anew"
        times = now.established - then.established - (up_after and not up_before)
        return f"flapped {'once' if times == 1 else f'{times} times'}" if times else ""
    younger = then.seconds is not None and now.seconds is not None and now.seconds < then.seconds
    return f"has begun anew, {now.seconds} s before this run" if up_before and up_after and younger else ""
