"""Objects of an API that are not as its documentation has them: one line, and no fault of Kubepeer. Pure."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from kubepeer.errors import CommandError
from tasks.platforms.reader import UNKNOWN_FORM

CURE = "look at them with kubectl get -o yaml; if they are right, report it with the versions of Kubernetes and Calico"


@contextmanager
def legible_objects() -> Iterator[None]:
    """Read objects; also a function's decorator.

    Raises:
        CommandError: one is of a form that is not known: it decides what is expected, so that nothing can be judged without it.

    """
    try:
        yield
    except UNKNOWN_FORM as error:
        said = " ".join(f"{type(error).__name__}: {error}".split())
        raise CommandError(f"an object of the cluster's API has a form that is not known: {said}", cure=CURE) from error


def items_of(answer: Any, path: str) -> list[Mapping[str, Any]]:
    """The items of a list as the API answers it; `items: null` is an empty one (Kubernetes, API conventions, "Lists").

    Raises:
        CommandError: it is no list: taken for an empty one, nothing of it would be expected, and nothing missed.

    """
    found = answer["items"] if isinstance(answer, Mapping) and "items" in answer else answer
    if found is None and isinstance(answer, Mapping):
        return []
    if not isinstance(found, list) or isinstance(answer, list):
        raise CommandError(
            f"the API's answer to GET {path} is no list of objects: {str(answer)[:100]!r}", cure="run again"
        )
    return found
