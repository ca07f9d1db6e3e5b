"""The edge of diagnosis: ask a node why, and say it with the error."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager

from kubepeer.errors import CommandError, KubepeerError
from tasks.control_plane import diagnosis
from tasks.linux.observe import ask
from tasks.linux.shell import Shell


def explain(shell: Shell, names: Sequence[str] = ()) -> str:
    """What stands in the way on a node; "" when it cannot be asked, or has nothing to say.

    Args:
        shell: where.
        names: containers of kube-system that should run.

    """
    try:
        return diagnosis.explanation(ask(shell, diagnosis.questions(names), deadline=diagnosis.SECONDS), names)
    except KubepeerError:
        return ""  # what has failed is said all the same


@contextmanager
def explained(shell: Shell, names: Iterable[str] = ()) -> Iterator[None]:
    """An error of what is done within says what stands in the way on the node, too."""
    try:
        yield
    except CommandError as error:
        why = explain(shell, tuple(names))
        if why:
            error.message = f"{error.message}: {why}"
        raise
