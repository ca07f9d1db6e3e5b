"""How often routers are asked that are watched: as often as is of use, and never so often that it is a load. Pure."""

SHORTEST_SECONDS = 0.4  # with an answer of 0.2 s, what a router knows is shown within 0.6 s
OF_ITS_TIME = 2.0  # a router answers for at most one half of its time
OF_A_CORE = 0.25  # what watching may cost here, whatever the number of routers
RETRY_SECONDS = (
    2.0  # until a router that could not be read is asked again: it may be booting, and each attempt is a login
)


def interval(routers: int, answered_in: float, cost: float) -> float:
    """Seconds from the beginning of one question to that of the next, for each router.

    Args:
        routers: how many are watched.
        answered_in: seconds that this one took to answer.
        cost: seconds of CPU here, of one question with all that follows from it.

    """
    return max(SHORTEST_SECONDS, OF_ITS_TIME * answered_in, routers * cost / OF_A_CORE)


def next_time(began: float, ended: float, wanted: float, *, failed: bool) -> float:
    """When a router is asked again: never before it has answered.

    Args:
        began: when it was asked, by the monotonic clock.
        ended: when it had answered, or had not.
        wanted: the interval.
        failed: whether it could not be read.

    """
    return max(ended, began + wanted, ended + RETRY_SECONDS if failed else 0.0)
