"""What several nodes take with them that are taken out at the same time. Pure."""

from collections.abc import Iterable, Sequence

from tasks.drain.safety import Leaving


def leaving(of_each: Sequence[Iterable[Leaving]]) -> tuple[Leaving, ...]:
    """The prefixes that any of the nodes announces as one of many: with the next hops of all of them, and what is left without them.

    Args:
        of_each: what each node would take with it, if it went alone.

    """
    found: dict[str, Leaving] = {}
    for routes in of_each:
        for route in routes:
            known = found.get(str(route.prefix))
            own = route.own | (known.own if known else frozenset())
            rest = route.rest | (known.rest if known else frozenset())
            found[str(route.prefix)] = Leaving(route.prefix, own, rest - own, route.why)
    return tuple(found.values())
