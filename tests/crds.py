"""The CRDs that Calico and its operator have published: they are not ours to copy, and lie beside the checkout where they are at hand."""

import os
from pathlib import Path

from tests.conftest import CHECKOUT, unavailable

VARIABLE = "KUBEPEER_CRDS"


def crds() -> list[Path]:
    """A folder for each version, `calico-X.Y.Z`, the oldest first; where there is none, the test is left out."""
    named = os.environ.get(VARIABLE)
    # beside the checkout; and beside the folder of a work tree
    places = [Path(named)] if named else [above / "shared" / "crds" for above in CHECKOUT.parents[:2]]
    found = next((sorted(place.glob("calico-*"), key=_number) for place in places if place.is_dir()), [])
    if not found:
        unavailable(f"no folder with CRDs at {', '.join(map(str, places))}: {VARIABLE} names another")
    return found


def _number(folder: Path) -> list[int]:
    return [int(part) for part in folder.name.removeprefix("calico-").split(".")]
